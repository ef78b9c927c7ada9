/** Datagrams of the network, as far as Node cannot send or receive them. */
import { encodeHost, type InternetAddress, packAddress, unpackAddress } from './internet.js'
import { check, declare, lastErrno, systemError } from './native.js'

// sys/socket.h, netinet/in.h, linux/in6.h
const MSG_DONTWAIT = 0x40
const IPPROTO_IP = 0
const IPPROTO_IPV6 = 41

const groupOptions = {
  4: { level: IPPROTO_IP, join: 35, all: 49 },
  6: { level: IPPROTO_IPV6, join: 20, all: 29 },
} as const

/** A datagram and who sent it. */
export interface ReceivedDatagram {
  readonly bytes: Uint8Array
  readonly from: InternetAddress
}

const setsockopt = declare<
  (descriptor: number, level: number, option: number, value: Uint8Array, length: number) => number
>('int setsockopt(int fd, int level, int option, void *value, unsigned int length)')
const sendto = declare<
  (
    descriptor: number,
    bytes: Uint8Array,
    length: number,
    flags: number,
    address: Uint8Array,
    addressLength: number,
  ) => number
>('long sendto(int fd, void *bytes, size_t length, int flags, void *address, unsigned int addressLength)')
const recvfrom = declare<
  (
    descriptor: number,
    bytes: Uint8Array,
    length: number,
    flags: number,
    address: Uint8Array,
    addressLength: Uint32Array,
  ) => number
>('long recvfrom(int fd, void *bytes, size_t length, int flags, void *address, void *addressLength)')

/** The length of a packet is a number of 16 bits. */
const largestDatagram = 65_535
let scratch: Buffer | undefined

/**
 * From now on the socket gets what is sent to the group, and nothing of groups that only other programs joined.
 *
 * @param interfaceIndex - 0: where the kernel would send to that group
 */
export function joinGroup(descriptor: number, group: string, interfaceIndex: number): void {
  const address = encodeHost(group)
  const isVersion6 = address.length === 16
  const { level, join, all } = groupOptions[isVersion6 ? 6 : 4]
  // struct ipv6_mreq, struct ip_mreqn (which has an address of the interface in the middle)
  const request = Buffer.alloc(isVersion6 ? 20 : 12)
  request.set(address)
  request.writeInt32LE(interfaceIndex, request.length - 4)
  check(setsockopt(descriptor, level, join, request, request.length), `Joining the group ${group}`, 'setsockopt')
  check(setsockopt(descriptor, level, all, Buffer.alloc(4), 4), 'Refusing other groups', 'setsockopt')
}

/** Sends one datagram without waiting; false when there is no room now. */
export function sendDatagram(descriptor: number, bytes: Uint8Array, to: InternetAddress): boolean {
  const address = packAddress(to)
  if (sendto(descriptor, bytes, bytes.byteLength, MSG_DONTWAIT, address, address.byteLength) >= 0) return true
  const errno = lastErrno()
  if (errno === 'EAGAIN') return false
  throw systemError(`Sending a datagram to ${to.host}`, 'sendto', errno)
}

/** Takes one datagram whole, without waiting; null when there is none. */
export function receiveDatagram(descriptor: number): ReceivedDatagram | null {
  scratch ??= Buffer.allocUnsafeSlow(largestDatagram)
  const address = Buffer.alloc(28)
  const length = new Uint32Array([address.length])
  const size = recvfrom(descriptor, scratch, scratch.length, MSG_DONTWAIT, address, length)
  if (size >= 0) return { bytes: new Uint8Array(scratch.subarray(0, size)), from: unpackAddress(address) }
  const errno = lastErrno()
  if (errno === 'EAGAIN') return null
  throw systemError('Receiving a datagram', 'recvfrom', errno)
}
