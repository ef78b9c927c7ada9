/**
 * The log streams of all processes. Read by one worker thread beside the host, so that a terminal or a disk that blocks
 * holds back the writers (through their full pipes) and nothing else.
 */
import type { LogFile } from '../controls.js'

/** Where lines are shown; null: nowhere (files only). */
export interface LogDisplay {
  /**
   * Stays the caller's, who closes it after `close`. A terminal, pipe or FIFO is opened anew by the worker, which then
   * waits without blocking when nobody reads. Where that cannot be (a socket, another user's terminal) the descriptor is
   * written as it is. If such a one blocks, the worker's thread hangs in the write: `close` gives up five seconds after its
   * deadline, with a warning, and the process cannot exit before the write ends.
   */
  readonly descriptor: number
  /** Coloured name prefixes (a terminal), or plain ones. */
  readonly color: boolean
}

export interface LogStream {
  readonly process: string
  readonly stream: 'stdout' | 'stderr'
  /** Read end of the pipe; `attach` takes ownership of it. */
  readonly descriptor: number
}

/** State of a stream that is not flowing. */
export interface BlockedLog {
  readonly process: string
  readonly stream: 'stdout' | 'stderr'
  /** Such as `no space`. */
  readonly why: string
}

export interface LogsOptions {
  /** Absolute; made (0700) when it is needed. Files are `<process>.stdout.log` and `<process>.stderr.log`, 0600. */
  readonly directory: string
  /** No file grows past it. From 1. */
  readonly maxBytes: number
  /** Files kept per stream, the one being written included. From 1. */
  readonly files: number
  readonly display: LogDisplay | null
  /** A sentence for the operator, such as a log that cannot be written; once for each time that it begins. */
  readonly onWarning: (message: string) => void
  /** The worker hangs and was given up: a normal end of the program would wait for it for ever. */
  readonly onHang?: () => void
  /** Of all processes, in the order of the Plan: decide the width and the colours of prefixes. Default: as attached. */
  readonly names?: readonly string[]
  /** Longer lines are cut where they are shown, and may be torn by a rotation. Default 64 KiB. */
  readonly lineLimitBytes?: number
  /** The bundled worker; default: beside this bundle, or `dist/` when run from source. */
  readonly workerUrl?: URL
}

export type CreateLogs = (options: LogsOptions) => Logs

export interface Logs {
  /** Reads the stream until every writer is gone. One pipe per process and stream for all its incarnations. */
  attach(stream: LogStream): void
  /**
   * Shows whole lines of the supervisor's own between the lines of the processes, unprefixed and in order with them.
   * A missing newline is added. Nothing is shown without a display, or once its reader is gone.
   *
   * @returns false: it is not taken, since there is no display or the logs are being closed
   */
  show(text: string): boolean
  files(): readonly LogFile[]
  blocked(): readonly BlockedLog[]
  /**
   * Resolves when all streams have ended or `deadlineMs` have passed; then everything is flushed and the worker is gone.
   * At the deadline what is in the pipes is still written to the files; a display that does not take its lines loses them.
   * Returns what had to be dropped, in bytes, by stream such as `web.stdout`; 0: the worker failed, and nobody knows how
   * many. May be called twice: the same promise.
   */
  close(options: { readonly deadlineMs: number }): Promise<Readonly<Record<string, number>>>
}
