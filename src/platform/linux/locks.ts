/**
 * Locks of an open file description (OFD), on a range of bytes that need not exist. They are freed by the kernel when
 * the last descriptor of the description is closed, so by the death of all who have one.
 */
import { check, declare, lastErrno, systemError } from './native.js'

// linux/fcntl.h
const F_OFD_GETLK = 36
const F_OFD_SETLK = 37
const F_WRLCK = 1
const F_UNLCK = 2

const fcntlLock = declare<(descriptor: number, command: number, lock: BigInt64Array) => number>(
  'int fcntl(int fd, int command, void *lock)',
)

/** Bytes of a file. */
export interface ByteRange {
  readonly start: number
  /** 0: to the end of the file, however it grows. */
  readonly length: number
}

const wholeFile: ByteRange = { start: 0, length: 0 }

/** Takes the lock without waiting; true also when this description has it already. The file must be open for writing. */
export function tryLockRange(descriptor: number, range = wholeFile): boolean {
  if (fcntlLock(descriptor, F_OFD_SETLK, describe(F_WRLCK, range)) === 0) return true
  const errno = lastErrno()
  if (errno === 'EAGAIN' || errno === 'EACCES') return false
  throw systemError('Locking a file', 'fcntl', errno)
}

export function unlockRange(descriptor: number, range = wholeFile): void {
  check(fcntlLock(descriptor, F_OFD_SETLK, describe(F_UNLCK, range)), 'Unlocking a file', 'fcntl')
}

/** True when another description has a lock there (or a program one of the older POSIX kind). */
export function isRangeLocked(descriptor: number, range = wholeFile): boolean {
  const lock = describe(F_WRLCK, range)
  check(fcntlLock(descriptor, F_OFD_GETLK, lock), 'Looking at the lock of a file', 'fcntl')
  return readType(lock) !== F_UNLCK
}

/** struct flock with 64-bit offsets: type and whence (SEEK_SET), 2 bytes each; start; length; pid, which must be 0. */
function describe(type: number, { start, length }: ByteRange): BigInt64Array {
  const lock = new BigInt64Array(4)
  new Int16Array(lock.buffer)[0] = type
  lock[1] = BigInt(start)
  lock[2] = BigInt(length)
  return lock
}

const readType = (lock: BigInt64Array): number => new Int16Array(lock.buffer)[0]!
