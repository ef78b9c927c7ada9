/**
 * The only writer of the command line's own text, with `writeSync` on a description of its own.
 *
 * `process.stdout` is never touched: its getter alone sets O_NONBLOCK on the description that is shared with the shell,
 * with neighbours in a pipeline and with children that inherit it.
 */
import { closeSync, constants, fstatSync, openSync, type Stats, writeSync } from 'node:fs'
import { isClosedAtStart } from '../supervisor/host/closed-at-start.js'

export interface Output {
  /** A description of its own where the system gives one; stays open until the process ends. */
  readonly descriptor: number
  readonly isTerminal: boolean
  /** A terminal that wants colour (`NO_COLOR`, `TERM=dumb`). */
  readonly color: boolean
  /**
   * Once nobody reads any more (EPIPE, a terminal that is gone), this and everything after it is dropped: nothing else
   * ends because of it.
   */
  write(text: string | Buffer): void
  /** A write has failed: nothing arrives any more. */
  readonly isLost?: boolean
}

export interface OpenedOutput extends Output {
  /** errno of the first write that failed; null: none, or it was only that nobody reads any more. */
  readonly failure: string | null
}

export interface OutputOptions {
  /** False: text that cannot be written now is kept, and written when there is room: supervision must go on. */
  readonly waits: boolean
}

/** Kept of what a terminal that nobody reads does not take. */
const mostPendingBytes = 256 * 1024

const retryMs = 50

/** A pipe without a reader, a terminal that is gone. */
const goneReaders: ReadonlySet<string> = new Set(['EPIPE', 'EIO'])

export function openOutput(shared: 1 | 2, { waits }: OutputOptions): OpenedOutput {
  const stats = statDescriptor(shared)
  const descriptor = stats ? openOwnDescription(shared, stats, waits) : shared
  const isTerminal = stats?.isCharacterDevice() === true && isTerminalDescriptor(shared)
  const { NO_COLOR, TERM } = process.env
  const color = isTerminal && !NO_COLOR && TERM !== 'dumb'
  let failure: string | null = null
  let isLost = false
  const fail = (code: string) => {
    isLost = true
    if (!goneReaders.has(code)) failure ??= code
  }
  return {
    descriptor,
    isTerminal,
    color,
    write: isClosedAtStart(shared, process.env) ? () => fail('EBADF') : makeWrite(descriptor, waits, fail),
    get failure() {
      return failure
    },
    get isLost() {
      return isLost
    },
  }
}

/** Whether both go to the same terminal, pipe or file, where lines of the one could tear those of the other. */
export function goToSamePlace(a: Output, b: Output): boolean {
  const [first, second] = [statDescriptor(a.descriptor), statDescriptor(b.descriptor)]
  return first !== null && second !== null && first.dev === second.dev && first.ino === second.ino
}

function makeWrite(descriptor: number, waits: boolean, fail: (errno: string) => void): Output['write'] {
  let pending: Buffer = Buffer.alloc(0)
  let retry: NodeJS.Timeout | undefined
  const flush = () => {
    clearTimeout(retry)
    pending = pending.subarray(writeBytes(descriptor, pending, waits, fail))
    if (pending.length > 0) retry = setTimeout(flush, retryMs).unref()
  }
  return text => {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text
    pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes])
    flush()
    // A copy: what was given belongs to the caller, and a part of it would keep the whole.
    if (pending.length > 0) pending = Buffer.from(pending.subarray(0, mostPendingBytes))
  }
}

/** Returns how many bytes are dealt with: written, or dropped because they cannot be. */
function writeBytes(descriptor: number, bytes: Buffer, waits: boolean, fail: (errno: string) => void): number {
  let written = 0
  while (written < bytes.length) {
    try {
      written += writeSync(descriptor, bytes, written)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EAGAIN') {
        fail(code ?? String(error))
        return bytes.length
      }
      if (!waits) return written
      // Somebody who shares the description made it non-blocking.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
  return written
}

/**
 * Pipes, FIFOs and terminals get a fresh description, so that O_NONBLOCK is ours to choose. A file must not: its offset
 * is shared with whoever writes there too. A socket cannot be opened.
 */
function openOwnDescription(shared: number, stats: Stats, waits: boolean): number {
  if (!stats.isFIFO() && !stats.isCharacterDevice()) return shared
  const path = `/proc/self/fd/${shared}`
  const flags = constants.O_WRONLY | constants.O_NOCTTY
  try {
    // Never blocks, also when a pipe has lost its reader: then it fails, and writing says EPIPE.
    const own = openSync(path, flags | constants.O_NONBLOCK)
    if (!waits) return own
    const waiting = openSync(path, flags)
    closeSync(own)
    return waiting
  } catch {
    // Of another user (after su), or without a reader.
    return shared
  }
}

/** Null when the program was started with that descriptor closed. */
function statDescriptor(descriptor: number): Stats | null {
  try {
    return fstatSync(descriptor)
  } catch {
    return null
  }
}

/** node:tty is 1 ms of the start: asked only about character devices. */
function isTerminalDescriptor(descriptor: number): boolean {
  return process.getBuiltinModule('node:tty').isatty(descriptor)
}
