/**
 * The socket of sd_notify(3): datagrams whose sender the kernel names. What differs from any other datagram socket is
 * that each one comes with the credentials of its sender.
 */
import { chmodSync, closeSync, unlinkSync } from 'node:fs'
import { bindUnixSocket, connectUnixSocket, createUnixSocket } from './listening.js'
import { addressOf, check, declare, lastErrno, systemError } from './native.js'

// sys/socket.h, x86-64 and arm64
const SOL_SOCKET = 1
const SO_PASSCRED = 16
const SCM_CREDENTIALS = 2
const MSG_DONTWAIT = 0x40
const MSG_TRUNC = 0x20
const MSG_CMSG_CLOEXEC = 0x40000000

// struct msghdr of 64-bit systems.
const headerBytes = 56
const controlAt = 32
const controlLengthAt = 40
const flagsAt = 48
// One cmsghdr with a struct ucred, and no byte more: descriptors that a sender adds find no room, and the kernel closes
// them. That is what `systemd-notify` waits for.
const controlBytes = 32
const credentialsAt = 16
// What systemd takes at most.
const longestNotification = 4096

const setsockopt = declare<
  (descriptor: number, level: number, option: number, value: Int32Array, length: number) => number
>('int setsockopt(int fd, int level, int option, void *value, unsigned int length)')
const recvmsg = declare<(descriptor: number, header: Buffer, flags: number) => number>(
  'long recvmsg(int fd, void *header, int flags)',
)

export interface Notification {
  /** Of the sender when it sent, as the kernel knows it; it may be gone by now. */
  readonly pid: number
  /** Valid until the next one is received; null: it was longer than systemd takes, 4096 bytes. */
  readonly bytes: Buffer | null
}

export interface NotificationSocket {
  readonly descriptor: number
  /** Takes the next one without waiting; null: there is none. */
  receive(): Notification | null
  /** Closes it and removes its path. */
  close(): void
}

/** A socket at `path` (at most 107 bytes; what is there is removed) to which only this user can write. */
export function openNotificationSocket(path: string): NotificationSocket {
  const descriptor = createUnixSocket('dgram', { nonBlocking: true })
  try {
    check(setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, new Int32Array([1]), 4), 'Asking for senders', 'setsockopt')
    removeFile(path)
    bindUnixSocket(descriptor, { path })
    chmodSync(path, 0o600)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  const message = makeMessage()
  return {
    descriptor,
    receive: () => receive(descriptor, message),
    close: () => {
      closeSync(descriptor)
      removeFile(path)
    },
  }
}

/**
 * A socket that sends to where `$NOTIFY_SOCKET` says: a path, or `@name` for an abstract one. Blocking; the caller
 * closes it. Throws ENOENT and ECONNREFUSED when nobody is there.
 */
export function connectNotificationSocket(address: string): number {
  const descriptor = createUnixSocket('dgram')
  try {
    connectUnixSocket(descriptor, address.startsWith('@') ? { abstract: address.slice(1) } : { path: address })
    return descriptor
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

interface Message {
  readonly header: Buffer
  readonly bytes: Buffer
  readonly control: Buffer
  /** The header has its address only. */
  readonly vector: Buffer
}

/** What the kernel is shown by address must not move. */
function makeMessage(): Message {
  const bytes = Buffer.allocUnsafeSlow(longestNotification)
  const control = Buffer.allocUnsafeSlow(controlBytes)
  const vector = Buffer.allocUnsafeSlow(16)
  vector.writeBigUInt64LE(addressOf(bytes), 0)
  vector.writeBigUInt64LE(BigInt(bytes.length), 8)
  const header = Buffer.allocUnsafeSlow(headerBytes).fill(0)
  header.writeBigUInt64LE(addressOf(vector), 16)
  header.writeBigUInt64LE(1n, 24)
  header.writeBigUInt64LE(addressOf(control), controlAt)
  return { header, bytes, control, vector }
}

function receive(descriptor: number, { header, bytes, control }: Message): Notification | null {
  control.fill(0)
  header.writeBigUInt64LE(BigInt(controlBytes), controlLengthAt)
  const length = recvmsg(descriptor, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
  if (length < 0) {
    const errno = lastErrno()
    if (errno === 'EAGAIN' || errno === 'EINTR') return null
    throw systemError('Receiving a notification', 'recvmsg', errno)
  }
  const isWhole = (header.readInt32LE(flagsAt) & MSG_TRUNC) === 0
  const hasSender = control.readInt32LE(8) === SOL_SOCKET && control.readInt32LE(12) === SCM_CREDENTIALS
  return {
    pid: hasSender ? control.readInt32LE(credentialsAt) : 0,
    bytes: isWhole ? bytes.subarray(0, length) : null,
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
