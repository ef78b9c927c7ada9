/**
 * What can be asked of a supervisor, wherever it runs. Two implementations: the supervisor itself, and the client of
 * its control socket. The command line holds a `Controls` and cannot tell which.
 */
import type { Plan } from '../config/plan.js'
import type { LinkFacts } from '../ipc/kind.js'
import type { Exit } from './host/host.js'

export type ProcessState =
  /** Not asked to run. */
  | 'idle'
  /** Wanted; its needs are not met yet. */
  | 'waiting'
  | 'starting'
  | 'running'
  /** Running, and it has said that it is ready. */
  | 'ready'
  /** Its instance, or what that left behind, is being ended. */
  | 'stopping'
  /** Between two incarnations. */
  | 'delayed'
  /** Stopped by hand; its links stay as they are. */
  | 'parked'
  /** Finished, well. */
  | 'completed'
  /** Finished, badly. */
  | 'failed'

/** One row of the report. Only what was observed; unknown is null. */
export interface ProcessReport {
  readonly name: string
  /** Last end. `error`: it could not be spawned; `code` is what a shell would report. */
  readonly exit: Exit | { readonly code: number; readonly error: string } | null
  readonly restarts: number
  /** It reached its restart limit: failed, even where every end was clean. */
  readonly gaveUp: boolean
  /** Links whose data an unclean end may have taken with it. */
  readonly inputLost: readonly string[]
  /** ISO 8601, of the first spawn. */
  readonly startedAt: string | null
  /** ISO 8601, of the last end. */
  readonly endedAt: string | null
  /** Sums over all incarnations. */
  readonly userMs: number | null
  readonly systemMs: number | null
  /** The largest of all incarnations. */
  readonly maxRssBytes: number | null
}

export interface Report {
  /** Every process ended well (and, with `strict`, no input was lost). */
  readonly ok: boolean
  readonly processes: readonly ProcessReport[]
}

export interface ProcessStatus extends ProcessReport {
  readonly state: ProcessState
  readonly pid: number | null
  /** 100 = one core. */
  readonly cpuPercent: number | null
  readonly residentBytes: number | null
  /** Live members of groups whose main process is gone. */
  readonly leftovers: readonly number[]
  /** What the instance last said of itself, in one line (`STATUS=` at $NOTIFY_SOCKET). */
  readonly statusText: string | null
  /** Why it is in this state, where that is not plain: `need 'db' failed`, `restart 3 in 1.2 s`. */
  readonly note: string | null
}

export interface LinkStatus extends Omit<LinkFacts, 'name'> {
  readonly name: string
  /** What the system calls it: of a POSIX object, `/name`; of an abstract socket, `@name`. */
  readonly objectName?: string
  readonly kind: string
  readonly lifetime: 'auto' | 'hold' | 'reset'
  readonly generation: number
  readonly sides: Readonly<Record<string, { readonly processes: readonly string[]; readonly closed: boolean }>>
}

export interface Status {
  readonly name: string
  readonly pid: number
  /** `starting`, `running`, `draining`, `finished`. */
  readonly phase: 'starting' | 'running' | 'draining' | 'finished'
  readonly ok: boolean
  readonly processes: readonly ProcessStatus[]
  readonly links: readonly LinkStatus[]
}

export interface LogFile {
  readonly process: string
  readonly stream: 'stdout' | 'stderr'
  /** The file being written; older ones end in `.1`, `.2`, … */
  readonly path: string
}

/** Names are of processes, or of all replicas of one or all stages of a pipeline: `work` for `work.0` and `work.1`. */
export interface Controls {
  status(): Promise<Status>
  plan(): Promise<Plan>
  /** Where the logs are; readers open the files themselves. */
  logFiles(): Promise<readonly LogFile[]>
  /** Starts processes (and their needs); none named: all. Resolves when the wish is taken, not when it came true. */
  startProcesses(names: readonly string[]): Promise<void>
  /** Parks processes, or with `end` finishes them. Resolves when they are down. */
  stopProcesses(names: readonly string[], options: { readonly end: boolean }): Promise<void>
  /** Resolves when the new incarnations were spawned. */
  restartProcesses(names: readonly string[]): Promise<void>
  /** Sends a signal to the groups of processes; none named: all. Resolves once it was sent. */
  signalProcesses(names: readonly string[], signal: string): Promise<void>
  /**
   * Raises the signal of a route (a link of kind `signal` that waits for calls). Resolves with the running processes
   * that got it, once all have.
   */
  callLink(link: string): Promise<readonly string[]>
  /**
   * Drains the graph and ends the supervisor. Resolves with the report. `now`: no drain, all are stopped at once;
   * `kill`: all get SIGKILL.
   */
  stop(options?: { readonly now?: boolean; readonly kill?: boolean }): Promise<Report>
}
