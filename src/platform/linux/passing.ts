/** Packet sockets, over which messages travel with descriptors beside them. */
import { closeSync } from 'node:fs'
import { IpcsupError } from '../../errors.js'
import { bindUnixSocket, connectUnixSocket, createUnixSocket, listenAt } from './listening.js'
import { addressOf, declare, lastErrno, systemError } from './native.js'

// sys/socket.h, x86-64 and arm64
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_PEEK = 2
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const MSG_CMSG_CLOEXEC = 0x40000000

// struct msghdr and struct cmsghdr of 64-bit systems; the descriptors come after the latter.
const headerBytes = 56
const controlHeaderBytes = 16
// The kernel passes at most 253 with one message.
const mostDescriptors = 253

const sendmsg = declare<(descriptor: number, header: Uint8Array, flags: number) => number>(
  'long sendmsg(int fd, void *header, int flags)',
)
const recvmsg = declare<(descriptor: number, header: Uint8Array, flags: number) => number>(
  'long recvmsg(int fd, void *header, int flags)',
)

/**
 * A listening packet socket at `path` (at most 107 bytes; nothing may be there). Non-blocking; the caller closes it and
 * removes the path.
 */
export function listenForPackets(path: string, backlog: number): number {
  const descriptor = createUnixSocket('seqpacket', { nonBlocking: true })
  try {
    bindUnixSocket(descriptor, { path })
    listenAt(descriptor, backlog)
    return descriptor
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

/** A connection to a packet socket, non-blocking; the caller closes it. null: too many are waiting there now. */
export function connectPackets(path: string): number | null {
  const descriptor = createUnixSocket('seqpacket', { nonBlocking: true })
  try {
    connectUnixSocket(descriptor, { path })
    return descriptor
  } catch (error) {
    closeSync(descriptor)
    if (error instanceof IpcsupError && error.detail['errno'] === 'EAGAIN') return null
    throw error
  }
}

/**
 * Sends one message, with at most 253 descriptors beside it, without waiting; false when there is no room now. The
 * receiver gets duplicates: ours may be closed at once.
 */
export function sendPacket(connection: number, bytes: Uint8Array, descriptors: readonly number[] = []): boolean {
  const message = makeMessage(bytes.byteLength, descriptors.length)
  message.bytes.set(bytes)
  if (descriptors.length > 0) {
    message.control.writeBigUInt64LE(BigInt(controlHeaderBytes + descriptors.length * 4), 0)
    message.control.writeInt32LE(SOL_SOCKET, 8)
    message.control.writeInt32LE(SCM_RIGHTS, 12)
    for (const [index, descriptor] of descriptors.entries())
      message.control.writeInt32LE(descriptor, controlHeaderBytes + index * 4)
  }
  if (sendmsg(connection, message.header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true
  const errno = lastErrno()
  if (errno === 'EAGAIN') return false
  throw systemError('Sending descriptors', 'sendmsg', errno)
}

export interface ReceivedPacket {
  /** None: the peer has hung up. */
  readonly bytes: Buffer
  /** Close-on-exec, for the caller to close. */
  readonly descriptors: readonly number[]
}

/** Takes one message of at most `mostBytes` (the rest is cut off) without waiting; null when there is none. */
export function receivePacket(connection: number, mostBytes: number): ReceivedPacket | null {
  return receive(connection, mostBytes, 0)
}

/** The same, but the message stays for others: each look gives descriptors of its own. */
export function peekPacket(connection: number, mostBytes: number): ReceivedPacket | null {
  return receive(connection, mostBytes, MSG_PEEK)
}

function receive(connection: number, mostBytes: number, flags: number): ReceivedPacket | null {
  const message = makeMessage(mostBytes, mostDescriptors)
  const length = recvmsg(connection, message.header, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
  if (length < 0) {
    const errno = lastErrno()
    if (errno === 'EAGAIN') return null
    throw systemError('Receiving descriptors', 'recvmsg', errno)
  }
  return { bytes: message.bytes.subarray(0, length), descriptors: readDescriptors(message) }
}

/** The kernel writes the length of what it has put there; where descriptors run out, fewer than were sent. */
function readDescriptors({ header, control }: Message): number[] {
  if (header.readBigUInt64LE(40) < BigInt(controlHeaderBytes)) return []
  const count = (Number(control.readBigUInt64LE(0)) - controlHeaderBytes) / 4
  return Array.from({ length: count }, (_, index) => control.readInt32LE(controlHeaderBytes + index * 4))
}

interface Message {
  readonly header: Buffer
  readonly bytes: Buffer
  readonly control: Buffer
}

/** What the kernel is shown by address must not move, and must not be empty. */
function makeMessage(length: number, descriptors: number): Message {
  // Padded to whole words.
  const controlBytes = controlHeaderBytes + Math.ceil(descriptors / 2) * 8
  const bytes = Buffer.allocUnsafeSlow(Math.max(1, length))
  const control = Buffer.allocUnsafeSlow(controlBytes).fill(0)
  const vector = Buffer.allocUnsafeSlow(16)
  vector.writeBigUInt64LE(addressOf(bytes), 0)
  vector.writeBigUInt64LE(BigInt(length), 8)
  const header = Buffer.allocUnsafeSlow(headerBytes).fill(0)
  header.writeBigUInt64LE(addressOf(vector), 16)
  header.writeBigUInt64LE(1n, 24)
  if (descriptors > 0) {
    header.writeBigUInt64LE(addressOf(control), 32)
    header.writeBigUInt64LE(BigInt(controlBytes), 40)
  }
  parts.set(header, [vector, bytes, control])
  return { header, bytes, control }
}

/** A header has only addresses: as long as there is the one, there must be what it points to. */
const parts = new WeakMap<Buffer, readonly Buffer[]>()
