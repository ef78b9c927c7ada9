/** Unix sockets, as far as Node cannot make or use them. */
import { check, declare, lastErrno, systemError } from './native.js'

// sys/socket.h, x86-64 and arm64
const AF_UNIX = 1
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_SNDBUF = 7
const SO_PEERCRED = 17
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const MSG_TRUNC = 0x20
const MSG_PEEK = 2

const socketTypes = { stream: 1, dgram: 2, seqpacket: 5 } as const
const halves = { read: 0, write: 1, both: 2 } as const

export type SocketType = keyof typeof socketTypes

const socketpair = declare<(domain: number, type: number, protocol: number, ends: Int32Array) => number>(
  'int socketpair(int domain, int type, int protocol, void *ends)',
)
const shutdown = declare<(descriptor: number, how: number) => number>('int shutdown(int fd, int how)')
const getsockopt = declare<
  (descriptor: number, level: number, option: number, value: Int32Array, length: Uint32Array) => number
>('int getsockopt(int fd, int level, int option, void *value, void *length)')
const setsockopt = declare<
  (descriptor: number, level: number, option: number, value: Int32Array, length: number) => number
>('int setsockopt(int fd, int level, int option, void *value, unsigned int length)')
const send = declare<(descriptor: number, bytes: Uint8Array, length: number, flags: number) => number>(
  'long send(int fd, void *bytes, size_t length, int flags)',
)
const recv = declare<(descriptor: number, bytes: Uint8Array, length: number, flags: number) => number>(
  'long recv(int fd, void *bytes, size_t length, int flags)',
)

/** Two connected ends, close-on-exec and blocking; the caller closes them. */
export function createSocketPair(type: SocketType): readonly [a: number, b: number] {
  const ends = new Int32Array(2)
  check(socketpair(AF_UNIX, socketTypes[type] | SOCK_CLOEXEC, 0, ends), 'Creating a socket pair', 'socketpair')
  return [ends[0]!, ends[1]!]
}

/** Ends halves of a socket for everybody who shares it. Nothing happens when the peer is gone already. */
export function shutdownSocket(descriptor: number, half: keyof typeof halves): void {
  if (shutdown(descriptor, halves[half]) === 0) return
  const errno = lastErrno()
  if (errno !== 'ENOTCONN') throw systemError('Shutting down a socket', 'shutdown', errno)
}

/** SO_SNDBUF as the kernel counts: overhead included, twice what was asked for. */
export function readSendBuffer(descriptor: number): number {
  const value = new Int32Array(1)
  const length = new Uint32Array([4])
  check(getsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, value, length), 'Reading the buffer of a socket', 'getsockopt')
  return value[0]!
}

/** Asks for a send buffer; the kernel takes at most net.core.wmem_max without a word. */
export function changeSendBuffer(descriptor: number, bytes: number): void {
  const value = new Int32Array([bytes])
  check(setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, value, 4), 'Changing the buffer of a socket', 'setsockopt')
}

export interface PeerCredentials {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

/** Who connected (or made the pair), at that time. */
export function readPeer(descriptor: number): PeerCredentials {
  const value = new Int32Array(3)
  const length = new Uint32Array([12])
  check(getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, value, length), 'Asking who is the peer', 'getsockopt')
  return { pid: value[0]!, uid: value[1]! >>> 0, gid: value[2]! >>> 0 }
}

/** Sends one message without waiting; false when there is no room now. Throws EPIPE, ECONNREFUSED, EMSGSIZE. */
export function sendMessage(descriptor: number, bytes: Uint8Array): boolean {
  if (send(descriptor, bytes, bytes.byteLength, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true
  const errno = lastErrno()
  if (errno === 'EAGAIN') return false
  throw systemError('Sending a message', 'send', errno)
}

/** Takes one message whole, without waiting; null when there is none. An end of stream looks like an empty message. */
export function receiveMessage(descriptor: number): Uint8Array | null {
  const size = recv(descriptor, new Uint8Array(1), 0, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC)
  // The peer left without taking what was sent to it: told once, and before the messages that it sent itself.
  if (size < 0 && lastErrno() === 'ECONNRESET') return receiveMessage(descriptor)
  if (size < 0) return refuseUnlessEmpty()
  const bytes = new Uint8Array(size)
  return recv(descriptor, bytes, size, MSG_DONTWAIT) < 0 ? refuseUnlessEmpty() : bytes
}

function refuseUnlessEmpty(): null {
  const errno = lastErrno()
  if (errno === 'EAGAIN') return null
  throw systemError('Receiving a message', 'recv', errno)
}
