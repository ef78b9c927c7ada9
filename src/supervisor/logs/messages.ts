/** What the two halves of the logs say to each other: plain data, in order. */
import type { LogDisplay, LogStream } from './logs.js'

/** Given to the worker when it starts. */
export interface WorkerOptions {
  readonly directory: string
  readonly maxBytes: number
  readonly files: number
  readonly display: LogDisplay | null
  readonly names: readonly string[]
  readonly lineLimitBytes: number
}

export type ToWorker =
  /** `account`: of a `StreamAccount`. */
  | { readonly type: 'attach'; readonly stream: LogStream; readonly account: SharedArrayBuffer }
  | { readonly type: 'show'; readonly text: string }
  | { readonly type: 'close'; readonly deadlineMs: number }

export type FromWorker =
  /** `why` null: it flows again. */
  | {
      readonly type: 'blocked'
      readonly process: string
      readonly stream: LogStream['stream']
      readonly why: string | null
    }
  | { readonly type: 'warning'; readonly message: string }
  /** Everything is flushed and every descriptor of the worker is closed. */
  | { readonly type: 'closed'; readonly dropped: Readonly<Record<string, number>> }

/** Runs `run` once after `delayMs`; the answer cancels it. Replaced by a clock of their own in tests. */
export type Schedule = (delayMs: number, run: () => void) => () => void
