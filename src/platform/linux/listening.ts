/** Sockets that listen, and unix sockets with an address, as far as Node cannot or would not at once. */
import { check, declare, lastErrno, systemError } from './native.js'
import type { SocketType } from './sockets.js'

// sys/socket.h, linux/tcp.h: x86-64 and arm64
const AF_UNIX = 1
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const IPPROTO_TCP = 6
const TCP_INFO = 11
const socketTypes = { stream: 1, dgram: 2, seqpacket: 5 } as const satisfies Record<SocketType, number>

/** A path, of at most 107 bytes, or an abstract name without its NUL, of at most 107 bytes too. */
export type UnixAddress = { readonly path: string } | { readonly abstract: string }

const socket = declare<(family: number, type: number, protocol: number) => number>(
  'int socket(int family, int type, int protocol)',
)
const bind = declare<(descriptor: number, address: Uint8Array, length: number) => number>(
  'int bind(int fd, void *address, unsigned int length)',
)
const listen = declare<(descriptor: number, backlog: number) => number>('int listen(int fd, int backlog)')
const connect = declare<(descriptor: number, address: Uint8Array, length: number) => number>(
  'int connect(int fd, void *address, unsigned int length)',
)
const accept4 = declare<(descriptor: number, address: null, length: null, flags: number) => number>(
  'int accept4(int fd, void *address, void *length, int flags)',
)
const getsockopt = declare<
  (descriptor: number, level: number, option: number, value: Uint8Array, length: Uint32Array) => number
>('int getsockopt(int fd, int level, int option, void *value, void *length)')

/** Close-on-exec; the caller closes it. */
export function createUnixSocket(type: SocketType, { nonBlocking = false } = {}): number {
  const flags = SOCK_CLOEXEC | (nonBlocking ? SOCK_NONBLOCK : 0)
  return check(socket(AF_UNIX, socketTypes[type] | flags, 0), 'Creating a socket', 'socket')
}

/** The umask of this process takes bits of the mode away. Throws EADDRINUSE, and what the file system says. */
export function bindUnixSocket(descriptor: number, address: UnixAddress): void {
  const bytes = encodeAddress(address)
  check(bind(descriptor, bytes, bytes.byteLength), `Binding a socket to ${showAddress(address)}`, 'bind')
}

/** Throws ECONNREFUSED, EPROTOTYPE (another type); EAGAIN of a non-blocking one: the queue of its listener is full. */
export function connectUnixSocket(descriptor: number, address: UnixAddress): void {
  const bytes = encodeAddress(address)
  check(connect(descriptor, bytes, bytes.byteLength), `Connecting to ${showAddress(address)}`, 'connect')
}

/** The kernel takes at most net.core.somaxconn as `backlog` without a word. Throws EADDRINUSE of a port. */
export function listenAt(descriptor: number, backlog: number): void {
  check(listen(descriptor, backlog), 'Listening at a socket', 'listen')
}

/**
 * Takes a connection; close-on-exec and non-blocking, the caller closes it. null when there is none, if the listening
 * description is non-blocking; else it waits.
 */
export function acceptConnection(descriptor: number): number | null {
  const accepted = accept4(descriptor, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK)
  if (accepted >= 0) return accepted
  const errno = lastErrno()
  // ECONNABORTED: the client gave up before it was accepted.
  if (errno === 'EAGAIN' || errno === 'ECONNABORTED') return null
  throw systemError('Accepting a connection', 'accept4', errno)
}

/** Connections of a listening TCP socket that wait to be accepted. */
export function countWaitingTcp(descriptor: number): number {
  const info = Buffer.alloc(104)
  check(
    getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, info, new Uint32Array([info.length])),
    'Counting the connections of a socket',
    'getsockopt',
  )
  // tcpi_unacked of struct tcp_info, which of a listening socket is the length of its queue.
  return info.readUInt32LE(24)
}

/** struct sockaddr_un: a path ends in NUL, an abstract name begins with one. */
function encodeAddress(address: UnixAddress): Buffer {
  const name = 'path' in address ? `${address.path}\0` : `\0${address.abstract}`
  return Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(name)])
}

function showAddress(address: UnixAddress): string {
  return 'path' in address ? address.path : `@${address.abstract}`
}
