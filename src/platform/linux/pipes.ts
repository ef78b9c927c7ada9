/** Pipes and FIFOs. */
import { closeSync, constants, openSync } from 'node:fs'
import { fcntl, openAgain } from './descriptors.js'
import { check, declare, systemError } from './native.js'

// linux/fcntl.h
const F_SETPIPE_SZ = 1031
const F_GETPIPE_SZ = 1032
// O_CLOEXEC is not among Node's constants; asm-generic/fcntl.h, the same on x86, ARM and RISC-V.
const O_CLOEXEC = 0o2000000

const pipe2 = declare<(ends: Int32Array, flags: number) => number>('int pipe2(void *ends, int flags)')
const mkfifo = declare<(path: string, mode: number) => number>('int mkfifo(const char *path, unsigned int mode)')

export interface PipeEnds {
  readonly read: number
  readonly write: number
}

/** Both ends close-on-exec and blocking; the caller closes them. */
export function createPipe(): PipeEnds {
  const ends = new Int32Array(2)
  check(pipe2(ends, O_CLOEXEC), 'Creating a pipe', 'pipe2')
  return { read: ends[0]!, write: ends[1]! }
}

/**
 * One page of a pipe, of which one descriptor is both ends: close-on-exec, non-blocking; the caller closes it. Who waits for
 * something to read is woken with the hint that the writer is about to wait too, as with a socket and unlike an event
 * descriptor: so between two programs that take turns no processor is woken.
 */
export function createLoop(): number {
  const { read, write } = createPipe()
  try {
    changePipeCapacity(read, 1)
    return openAgain(read, 'Creating a pipe')
  } finally {
    closeSync(read)
    closeSync(write)
  }
}

/** The umask of this process takes bits of `mode` away. */
export function createFifo(path: string, mode: number): void {
  check(mkfifo(path, mode), `Creating the FIFO ${path}`, 'mkfifo')
}

export function readPipeCapacity(descriptor: number): number {
  return check(fcntl(descriptor, F_GETPIPE_SZ, 0), 'Reading the capacity of a pipe', 'fcntl')
}

// The kernel takes 32 bits of the wish: 8 GiB would be granted as one page.
const largestCapacity = 2 ** 31

/**
 * Asks for a capacity and returns what the kernel granted: a power of two of pages, at least `bytes`. Throws EPERM
 * above the limit of an unprivileged user, EINVAL above 2 GiB, EBUSY when more than that is in the pipe.
 */
export function changePipeCapacity(descriptor: number, bytes: number): number {
  const what = 'Changing the capacity of a pipe'
  if (bytes > largestCapacity) throw systemError(what, 'fcntl', 'EINVAL')
  return check(fcntl(descriptor, F_SETPIPE_SZ, bytes), what, 'fcntl')
}

/**
 * A fresh open file description of the pipe or FIFO behind `descriptor`; the caller closes it. Close-on-exec (Node's
 * doing), blocking.
 *
 * Opening a FIFO waits for its other side, so one that is both sides is open around it. It is opened here through the
 * descriptor too, so it is the same object whatever has happened to its name. An anonymous pipe never waits; for it
 * the detour is merely harmless, and spared by `named: false`.
 */
export function reopenPipe(descriptor: number, side: 'read' | 'write', options: { readonly named: boolean }): number {
  const path = `/proc/self/fd/${descriptor}`
  const flags = side === 'read' ? constants.O_RDONLY : constants.O_WRONLY
  if (!options.named) return openSync(path, flags)
  const both = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  try {
    return openSync(path, flags)
  } finally {
    closeSync(both)
  }
}
