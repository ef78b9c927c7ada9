/**
 * The one writer of log lines to the terminal (or whatever the supervisor's output is).
 *
 * Bytes go out in order and once. What does not go in is kept and tried again, and until then the display is blocked:
 * its users wait, nothing grows. Trying again is by time, doubling up to 50 ms, because Node has no way to wait for a
 * terminal to become writable without making it blocking.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import type { Schedule } from './messages.js'

export interface DisplayOptions {
  /** Left open. */
  readonly descriptor: number
  readonly schedule: Schedule
  /** The display takes bytes again, or is over. */
  readonly onFree: () => void
  readonly onWarning: (message: string) => void
}

const longestPauseMs = 50
const none = Buffer.alloc(0)

export class DisplayWriter {
  readonly #options: DisplayOptions
  readonly #descriptor: number
  #kept: Buffer = none
  #pauseMs = 1
  #cancelRetry: (() => void) | null = null
  #isOver = false

  constructor(options: DisplayOptions) {
    this.#options = options
    this.#descriptor = openAgain(options.descriptor)
  }

  /** Takes nothing now. */
  get isBlocked(): boolean {
    return this.#kept.length > 0
  }

  /** Nobody reads it any more: what is written goes nowhere. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Takes all of `bytes` and keeps hold of them. Not to be called while blocked. */
  write(bytes: Buffer): void {
    if (this.#isOver) return
    this.#kept = bytes
    this.#push()
  }

  /** What is kept is dropped. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#kept = none
    this.#cancelRetry?.()
    if (this.#descriptor !== this.#options.descriptor) closeSync(this.#descriptor)
  }

  #push(): void {
    try {
      while (this.#kept.length > 0) {
        this.#kept = this.#kept.subarray(writeSync(this.#descriptor, this.#kept))
        this.#pauseMs = 1
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') this.#pushLater()
      else this.#giveUp(error)
    }
  }

  #pushLater(): void {
    this.#cancelRetry = this.#options.schedule(this.#pauseMs, () => {
      this.#cancelRetry = null
      this.#push()
      if (!this.isBlocked) this.#options.onFree()
    })
    this.#pauseMs = Math.min(2 * this.#pauseMs, longestPauseMs)
  }

  /** The files have everything; only the showing ends. */
  #giveUp(error: unknown): void {
    const code = (error as NodeJS.ErrnoException).code
    if (!(error instanceof Error) || code === undefined) throw error
    this.close()
    // A reader that went away (`| head`) or a terminal that was closed is no news.
    if (code === 'EPIPE' || code === 'EIO') return
    this.#options.onWarning(`Log lines are no longer shown: ${error.message}. The log files go on.`)
  }
}

/**
 * A description of our own, which can be non-blocking without anybody else's noticing: a write that blocks would hold
 * the worker's thread, and nothing could end that thread any more, not even the exit of the process.
 */
function openAgain(descriptor: number): number {
  const found = fstatSync(descriptor)
  // A file opened again would be written from its beginning; a file does not make its writer wait.
  if (!found.isFIFO() && !found.isCharacterDevice()) return descriptor
  try {
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    // A terminal of another user (after `su`), or no /proc: it is written as it is.
    return descriptor
  }
}
