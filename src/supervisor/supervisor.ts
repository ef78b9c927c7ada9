/**
 * What a supervisor is to those who use it: the command line, the control socket, an embedding app.
 */
import type { Controls, ProcessReport, ProcessState, ProcessStatus, Report } from './controls.js'

export interface SupervisorEvents {
  /** A process changed its state. */
  state: [change: StateChange]
  /** Something a person should know; one sentence. */
  warning: [message: string]
  /** A side of a link was closed for good, or the link was made anew (then `side` is empty). */
  link: [change: LinkChange]
  /** The run is over and nothing is left behind. */
  finished: [report: Report]
}

export interface StateChange {
  readonly process: string
  readonly generation: number
  readonly from: ProcessState
  readonly to: ProcessState
  readonly pid: number | null
  /** Its last end; null: it never ended. */
  readonly exit: ProcessReport['exit']
  /** Why, where that is not plain. */
  readonly note: string | null
}

export interface LinkChange {
  readonly link: string
  readonly generation: number
  readonly side: string
  readonly change: 'closed' | 'reset'
  /** Bytes that nobody will read any more; null: unknown. */
  readonly unreadBytes: number | null
}

export interface ProcessHandle {
  readonly name: string
  status(): Promise<ProcessStatus>
  start(): Promise<void>
  stop(options?: { readonly end?: boolean }): Promise<void>
  restart(): Promise<void>
  signal(signal: string): Promise<void>
}

export interface Supervisor extends Controls, AsyncDisposable {
  readonly name: string
  /**
   * Creates all links (all or nothing), then starts processes: those named and their needs, or all. Once.
   * Resolves when every started process without needs was spawned (or could not be: its report says so).
   */
  start(names?: readonly string[]): Promise<void>
  /** Resolves when the run is over and nothing is left behind. Rejects with IPCSUP_ERR_INTERNAL alone, then too. */
  readonly finished: Promise<Report>
  report(): Report
  process(name: string): ProcessHandle
  /**
   * Makes the app a use of that side: a stream (or what the kind gives a Node program) with a description of its own.
   * Before `start` it resolves once the links exist. The use is over when the stream has ended or is destroyed, or at
   * dispose. After `start` it works only while the side is open.
   */
  link(name: string, side: string): Promise<unknown>
  /** Signals the groups of all live instances, as a terminal would. Resolves once all have been sent. */
  signalAll(signal: string): Promise<void>
  on<E extends keyof SupervisorEvents>(event: E, listener: (...args: SupervisorEvents[E]) => void): this
  once<E extends keyof SupervisorEvents>(event: E, listener: (...args: SupervisorEvents[E]) => void): this
  off<E extends keyof SupervisorEvents>(event: E, listener: (...args: SupervisorEvents[E]) => void): this
}
