/** Sockets of the network, as far as Node cannot make them. Addresses are literal. */
import { readFileSync } from 'node:fs'
import { check, declare, systemError } from './native.js'

// sys/socket.h, netinet/in.h: x86-64 and arm64
const AF_INET = 2
const AF_INET6 = 10
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const IPPROTO_IPV6 = 41

const socketTypes = { stream: 1, dgram: 2, raw: 3 } as const

const options = {
  /** Binds although connections of a former listener are still in TIME_WAIT. */
  reuseAddress: [SOL_SOCKET, 2],
  receiveBuffer: [SOL_SOCKET, 8],
  /** Several sockets of one user at one port; the kernel deals out what comes. */
  reusePort: [SOL_SOCKET, 15],
  onlyVersion6: [IPPROTO_IPV6, 26],
} as const satisfies Record<string, readonly [level: number, option: number]>

export type InternetSocketType = keyof typeof socketTypes
export type InternetSocketOption = keyof typeof options

export interface InternetAddress {
  /** Without brackets; a link-local one may end in `%eth0`. */
  readonly host: string
  /** Of a raw socket 0. */
  readonly port: number
}

const socket = declare<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
)
const bind = declare<(descriptor: number, address: Uint8Array, length: number) => number>(
  'int bind(int fd, void *address, unsigned int length)',
)
const getsockname = declare<(descriptor: number, address: Uint8Array, length: Uint32Array) => number>(
  'int getsockname(int fd, void *address, void *length)',
)
const getsockopt = declare<
  (descriptor: number, level: number, option: number, value: Int32Array, length: Uint32Array) => number
>('int getsockopt(int fd, int level, int option, void *value, void *length)')
const setsockopt = declare<
  (descriptor: number, level: number, option: number, value: Int32Array, length: number) => number
>('int setsockopt(int fd, int level, int option, void *value, unsigned int length)')
const inetPton = declare<(family: number, text: string, bytes: Uint8Array) => number>(
  'int inet_pton(int family, str text, void *bytes)',
)
const inetNtop = declare<(family: number, bytes: Uint8Array, text: Uint8Array, size: number) => string | null>(
  'str inet_ntop(int family, void *bytes, void *text, unsigned int size)',
)

/** Close-on-exec and blocking; the caller closes it. Throws EPERM where a raw one needs CAP_NET_RAW. */
export function createInternetSocket(version: 4 | 6, type: InternetSocketType, protocol = 0): number {
  const family = version === 6 ? AF_INET6 : AF_INET
  return check(socket(family, socketTypes[type] | SOCK_CLOEXEC, protocol), 'Creating a socket', 'socket')
}

/** Throws EADDRINUSE, EADDRNOTAVAIL, EACCES. */
export function bindSocket(descriptor: number, address: InternetAddress): void {
  const bytes = packAddress(address)
  check(bind(descriptor, bytes, bytes.byteLength), 'Binding a socket', 'bind')
}

/** What it is bound to. */
export function readSocketAddress(descriptor: number): InternetAddress {
  const bytes = Buffer.alloc(28)
  const length = new Uint32Array([bytes.length])
  check(getsockname(descriptor, bytes, length), 'Reading the address of a socket', 'getsockname')
  return unpackAddress(bytes)
}

/** Of a buffer the kernel grants at most its limit without a word. */
export function changeSocketOption(descriptor: number, name: InternetSocketOption, value: number): void {
  const [level, option] = options[name]
  const bytes = new Int32Array([value])
  check(setsockopt(descriptor, level, option, bytes, 4), 'Changing an option of a socket', 'setsockopt')
}

/** Of a buffer twice what was asked for: the kernel counts its own overhead. */
export function readSocketOption(descriptor: number, name: InternetSocketOption): number {
  const [level, option] = options[name]
  const value = new Int32Array(1)
  const length = new Uint32Array([4])
  check(getsockopt(descriptor, level, option, value, length), 'Reading an option of a socket', 'getsockopt')
  return value[0]!
}

/** 4 or 16 bytes in the order of the network. Throws EINVAL for what is no address. */
export function encodeHost(host: string): Buffer {
  const isVersion6 = host.includes(':')
  const bytes = Buffer.alloc(isVersion6 ? 16 : 4)
  if (inetPton(isVersion6 ? AF_INET6 : AF_INET, host.replace(/%.*/, ''), bytes) === 1) return bytes
  throw systemError(`Reading the address "${host}"`, 'inet_pton', 'EINVAL')
}

/** What the kernel numbers an interface by. Throws ENODEV when there is none of that name. */
export function readInterfaceIndex(name: string): number {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8'))
  } catch {
    throw systemError(`Finding the interface "${name}"`, 'open', 'ENODEV')
  }
}

/** struct sockaddr_in, struct sockaddr_in6 */
export function packAddress({ host, port }: InternetAddress): Buffer {
  const bytes = encodeHost(host)
  const isVersion6 = bytes.length === 16
  const address = Buffer.alloc(isVersion6 ? 28 : 16)
  address.writeUInt16LE(isVersion6 ? AF_INET6 : AF_INET, 0)
  address.writeUInt16BE(port, 2)
  address.set(bytes, isVersion6 ? 8 : 4)
  const zone = host.split('%')[1]
  if (isVersion6 && zone !== undefined) {
    address.writeUInt32LE(/^\d+$/.test(zone) ? Number(zone) : readInterfaceIndex(zone), 24)
  }
  return address
}

/** @param address - 28 bytes, the first of them as the kernel filled them in */
export function unpackAddress(address: Buffer): InternetAddress {
  const family = address.readUInt16LE(0)
  const isVersion6 = family === AF_INET6
  const bytes = isVersion6 ? address.subarray(8, 24) : address.subarray(4, 8)
  const host = inetNtop(family, bytes, Buffer.alloc(64), 64) ?? ''
  const zone = isVersion6 ? address.readUInt32LE(24) : 0
  return { host: zone === 0 ? host : `${host}%${zone}`, port: address.readUInt16BE(2) }
}
