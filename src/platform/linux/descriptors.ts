/** Calls on any descriptor. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { check, declare, declareWaiting, lastErrno, systemError } from './native.js'
import { readOpenFilesLimit } from './processes.js'

// fcntl commands: asm-generic/fcntl.h, linux/fcntl.h
const F_GETFL = 3
const F_SETFL = 4
const F_DUPFD_CLOEXEC = 1030
// asm-generic/ioctls.h
const FIONREAD = 0x541b
// poll(2): the same numbers on every architecture that koffi knows
const POLLIN = 1
const POLLOUT = 4
const POLLERR = 8
const POLLHUP = 16
const POLLRDHUP = 0x2000
// flock(2)
const LOCK_EX = 2
const LOCK_NB = 4

export const fcntl = declare<(descriptor: number, command: number, value: number) => number>(
  'int fcntl(int fd, int command, long value)',
)
const fcntlWaiting = declareWaiting<typeof fcntl>('int fcntl(int fd, int command, long value)')
const ioctl = declare<(descriptor: number, request: number, value: Int32Array) => number>(
  'int ioctl(int fd, unsigned long request, void *value)',
)
const poll = declare<(entry: Int32Array, count: number, timeoutMs: number) => number>(
  'int poll(void *entries, unsigned long count, int timeout)',
)
const close = declare<(descriptor: number) => number>('int close(int fd)')
const flock = declare<(descriptor: number, operation: number) => number>('int flock(int fd, int operation)')
const tcgetpgrp = declare<(descriptor: number) => number>('int tcgetpgrp(int fd)')
const getpgrp = declare<() => number>('int getpgrp()')

/** What is true of a descriptor now. */
export interface Readiness {
  readonly readable: boolean
  readonly writable: boolean
  /** Reading end: no writer is left (or the peer shut down its writing half). */
  readonly hungUp: boolean
  /** Writing end of a pipe: no reader is left. */
  readonly broken: boolean
}

/**
 * What an open descriptor is of, as nothing else has it while that exists: device and inode, or the number of an eventfd,
 * of which all have one inode. null: it is not open, or Linux before 5.2 does not say.
 */
export function identifyDescriptor(descriptor: number): string | null {
  try {
    const { dev, ino, mode } = fstatSync(descriptor)
    if ((mode & constants.S_IFMT) !== 0) return `${dev}:${ino}`
    const facts = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1')
    const number = /^eventfd-id:\s*(\d+)/m.exec(facts)?.[1]
    return number === undefined ? null : `eventfd:${number}`
  } catch {
    return null
  }
}

/** A close-on-exec duplicate, numbered at least `lowest`; the caller closes it. */
export function duplicateDescriptor(descriptor: number, lowest = 3): number {
  return check(fcntl(descriptor, F_DUPFD_CLOEXEC, lowest), 'Duplicating a descriptor', 'fcntl')
}

/**
 * A description of its own of the pipe or file behind `descriptor`, for reading and writing, non-blocking and close-on-exec;
 * the caller closes it.
 *
 * @param what - what that is for, as the start of a sentence
 */
export function openAgain(descriptor: number, what = 'Opening a descriptor again'): number {
  try {
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_RDWR | constants.O_NONBLOCK)
  } catch (error) {
    throw systemError(what, 'open', (error as NodeJS.ErrnoException).code)
  }
}

/**
 * Takes descriptors of pipes and files that a system call of ours has opened, and returns those that end with this thread.
 * In a worker thread Node closes, however the thread ends, what Node has opened there; of anything else it does not know, and
 * warns when it is told to close that.
 */
export function bindToThread(descriptors: readonly number[]): readonly number[] {
  if (isMainThread) return descriptors
  const bound: number[] = []
  try {
    for (const descriptor of descriptors) bound.push(openAgain(descriptor))
    return bound
  } catch (error) {
    for (const descriptor of bound) closeSync(descriptor)
    throw error
  } finally {
    for (const descriptor of descriptors) close(descriptor)
  }
}

/**
 * Has the kernel make room for that many descriptors, on another thread. It doubles the table of a program with threads
 * as it fills, and each time waits until every processor has let go of the old one: 10 to 30 ms, in the middle of a start.
 * At most as many as the limit allows.
 */
export function reserveDescriptors(count: number): Promise<void> {
  const highest = Math.min(count, readOpenFilesLimit().soft) - 1
  return fcntlWaiting(0, F_DUPFD_CLOEXEC, highest).then(descriptor => {
    if (descriptor >= 0) closeSync(descriptor)
  })
}

export function isNonBlocking(descriptor: number): boolean {
  return (readFlags(descriptor) & constants.O_NONBLOCK) !== 0
}

/** Clears O_NONBLOCK on the description of `descriptor`: for everybody who shares it. */
export function makeBlocking(descriptor: number): void {
  const flags = readFlags(descriptor)
  if ((flags & constants.O_NONBLOCK) === 0) return
  check(fcntl(descriptor, F_SETFL, flags & ~constants.O_NONBLOCK), 'Making a descriptor blocking', 'fcntl')
}

/** Sets O_NONBLOCK on the description of `descriptor`: for everybody who shares it. */
export function makeNonBlocking(descriptor: number): void {
  const flags = readFlags(descriptor)
  if ((flags & constants.O_NONBLOCK) !== 0) return
  check(fcntl(descriptor, F_SETFL, flags | constants.O_NONBLOCK), 'Making a descriptor non-blocking', 'fcntl')
}

/** Bytes that can be read at once: of a stream all, of datagrams those of the first. */
export function countQueuedBytes(descriptor: number): number {
  const count = new Int32Array(1)
  check(ioctl(descriptor, FIONREAD, count), 'Counting queued bytes', 'ioctl')
  return count[0]!
}

/** Asks without waiting. */
export function pollNow(descriptor: number): Readiness {
  const entry = new Int32Array([descriptor, POLLIN | POLLOUT | POLLRDHUP])
  check(poll(entry, 1, 0), 'Polling a descriptor', 'poll')
  const events = entry[1]! >>> 16
  return {
    readable: (events & POLLIN) !== 0,
    writable: (events & POLLOUT) !== 0,
    hungUp: (events & (POLLHUP | POLLRDHUP)) !== 0,
    broken: (events & POLLERR) !== 0,
  }
}

/** Takes the advisory lock of an open file; false when somebody else has it. It goes with the last duplicate. */
export function tryLock(descriptor: number): boolean {
  if (flock(descriptor, LOCK_EX | LOCK_NB) === 0) return true
  const errno = lastErrno()
  if (errno === 'EAGAIN') return false
  throw systemError('Locking a file', 'flock', errno)
}

/** True when `descriptor` is our controlling terminal and another process group has its keyboard. */
export function isBackgroundTerminal(descriptor: number): boolean {
  const foreground = tcgetpgrp(descriptor)
  return foreground > 0 && foreground !== getpgrp()
}

function readFlags(descriptor: number): number {
  return check(fcntl(descriptor, F_GETFL, 0), 'Reading the flags of a descriptor', 'fcntl')
}
