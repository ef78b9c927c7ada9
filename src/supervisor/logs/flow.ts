/** All log streams of a supervisor, their screen and their second hand: what the worker thread runs. */
import { join } from 'node:path'
import type { LogStream } from './logs.js'
import type { FromWorker, Schedule, WorkerOptions } from './messages.js'
import { Screen } from './screen.js'
import { FlowingStream } from './stream.js'
import { StreamAccount } from './stream-account.js'

// A pipe's usual capacity: one read empties it.
const bufferBytes = 65_536
const tickMs = 1_000

export class LogFlow {
  readonly #options: WorkerOptions
  readonly #post: (message: FromWorker) => void
  readonly #schedule: Schedule
  readonly #screen: Screen | null
  readonly #streams = new Map<FlowingStream, LogStream>()
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes)
  #cancelTick: (() => void) | null = null
  #cancelDeadline: (() => void) | null = null
  #isClosing = false
  #isClosed = false

  constructor(options: WorkerOptions, post: (message: FromWorker) => void, schedule: Schedule) {
    this.#options = options
    this.#post = post
    this.#schedule = schedule
    this.#screen = options.display === null ? null : this.#createScreen(options.display)
  }

  /** @param account - memory that tells the main thread what is read and not written */
  attach(source: LogStream, account: SharedArrayBuffer): void {
    const { process, stream } = source
    const { directory, maxBytes, files, lineLimitBytes } = this.#options
    const flowing = new FlowingStream({
      source,
      account: new StreamAccount(account),
      file: { path: join(directory, `${process}.${stream}.log`), maxBytes, files, lineLimitBytes },
      screen: this.#screen,
      buffer: this.#buffer,
      onTrouble: trouble => {
        this.#post({ type: 'blocked', process, stream, why: trouble?.why ?? null })
        if (trouble !== null) this.#post({ type: 'warning', message: trouble.message })
      },
      onKept: () => this.#tickLater(),
      onDone: () => {
        this.#streams.delete(flowing)
        this.#finishIfDone()
      },
    })
    this.#streams.set(flowing, source)
  }

  show(text: string): void {
    this.#screen?.notice(text)
  }

  /** Posts `closed` when all streams have ended and are written and shown, or at the deadline. */
  close(deadlineMs: number): void {
    this.#isClosing = true
    this.#cancelDeadline = this.#schedule(deadlineMs, () => this.#finish())
    this.#finishIfDone()
  }

  #createScreen(display: NonNullable<WorkerOptions['display']>): Screen {
    return new Screen({
      display,
      names: this.#options.names,
      schedule: this.#schedule,
      onFree: () => this.#finishIfDone(),
      onWarning: message => this.#post({ type: 'warning', message }),
    })
  }

  /** The second hand stands still when no stream keeps anything: an idle supervisor is never woken. */
  #tickLater(): void {
    this.#cancelTick ??= this.#schedule(tickMs, () => {
      this.#cancelTick = null
      const needTick = [...this.#streams.keys()].filter(stream => stream.tick())
      if (needTick.length > 0) this.#tickLater()
    })
  }

  #finishIfDone(): void {
    if (this.#isClosing && this.#streams.size === 0 && (this.#screen?.isIdle ?? true)) this.#finish()
  }

  #finish(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    // First of all: a stream that waits for the screen still has its bytes to write to its file.
    this.#screen?.close()
    const dropped: Record<string, number> = {}
    for (const [flowing, { process, stream }] of this.#streams) {
      const droppedBytes = flowing.abandon()
      const key = `${process}.${stream}`
      if (droppedBytes > 0) dropped[key] = (dropped[key] ?? 0) + droppedBytes
    }
    this.#cancelTick?.()
    this.#cancelDeadline?.()
    this.#post({ type: 'closed', dropped })
  }
}
