/**
 * The hands. A host creates and holds links, spawns, signals and waits; it holds every descriptor and knows no policy.
 * The brain sends calls and is told events: plain data with names, never descriptor numbers, so that a host may live in
 * another process. A call may be repeated: what was already done for the same generation is not done again, and the
 * answer comes again.
 */
import type { ErrorData } from '../../errors.js'
import type { EndState, LinkFacts } from '../../ipc/kind.js'

/** Which incarnation: of a process from 1 (each spawn is a new one), of a link from 1 (each remaking). */
export type Generation = number

export type HostCall =
  | { readonly type: 'open'; readonly link: string; readonly generation: Generation }
  | {
      readonly type: 'release'
      readonly link: string
      readonly generation: Generation
      readonly side: string
      readonly reason: 'over' | 'sealed'
    }
  /** The use of one process is over. */
  | {
      readonly type: 'leave'
      readonly link: string
      readonly generation: Generation
      readonly side: string
      readonly process: string
      /** Its last incarnation so far; 0: it had none. */
      readonly incarnation: Generation
    }
  | { readonly type: 'destroy'; readonly link: string; readonly generation: Generation }
  | { readonly type: 'spawn'; readonly process: string; readonly generation: Generation }
  /** To the whole group of the instance, and to descendants that left it. SIGTERM-like ones are followed by SIGCONT. */
  | { readonly type: 'signal'; readonly process: string; readonly generation: Generation; readonly signal: string }
  /** The process is finished: its log streams end when the last writer is gone. */
  | { readonly type: 'closeLogs'; readonly process: string }

/** A call with the id that its answer carries. */
export type HostRequest = HostCall & { readonly id: number }

export type Exit = { readonly code: number } | { readonly signal: string }

/** Resource use of one instance; unknown is null. */
export interface Usage {
  readonly userMs: number | null
  readonly systemMs: number | null
  readonly maxRssBytes: number | null
}

export type HostEvent =
  | {
      readonly type: 'opened'
      readonly id: number
      readonly link: string
      readonly generation: Generation
      readonly facts: LinkFacts
    }
  | {
      readonly type: 'openFailed'
      readonly id: number
      readonly link: string
      readonly generation: Generation
      readonly error: ErrorData
    }
  | {
      readonly type: 'released'
      readonly id: number
      readonly link: string
      readonly generation: Generation
      readonly side: string
      /** Bytes that nobody will read any more; null: unknown, or not the reading side. */
      readonly unreadBytes: number | null
    }
  | {
      readonly type: 'left'
      readonly id: number
      readonly link: string
      readonly generation: Generation
      readonly side: string
      readonly process: string
    }
  | {
      readonly type: 'destroyed'
      readonly id: number
      readonly link: string
      readonly generation: Generation
      readonly unreadBytes: number | null
    }
  | {
      readonly type: 'spawned'
      readonly id: number
      readonly process: string
      readonly generation: Generation
      readonly pid: number
      /** Field 22 of /proc/PID/stat, in clock ticks since boot: with the pid it names the instance for ever. */
      readonly startTime: number
    }
  | {
      readonly type: 'spawnFailed'
      readonly id: number
      readonly process: string
      readonly generation: Generation
      readonly error: ErrorData
      /** What a shell would report: 127 not found, 126 not executable, 1 a redirection that cannot be opened. */
      readonly code: number
    }
  | {
      readonly type: 'exited'
      readonly process: string
      readonly generation: Generation
      readonly exit: Exit
      readonly usage: Usage
      /** Members of the group that are still alive. When there are any, `cleared` follows once they are gone. */
      readonly leftovers: readonly number[]
      /** How the inputs and outputs of the process stood when it was reaped, by link. */
      readonly inputs: Readonly<Record<string, EndState>>
      readonly outputs: Readonly<Record<string, EndState>>
    }
  | { readonly type: 'cleared'; readonly process: string; readonly generation: Generation }
  /** A process said something of itself at $NOTIFY_SOCKET. */
  | {
      readonly type: 'notified'
      readonly process: string
      readonly generation: Generation
      /** It said that it is ready. */
      readonly ready: boolean
      /** One line about what it does; null: it said nothing of that. */
      readonly status: string | null
    }
  /** Somebody wrote to the calling side of a route. */
  | { readonly type: 'called'; readonly link: string; readonly generation: Generation }
  | { readonly type: 'signalled'; readonly id: number; readonly process: string; readonly generation: Generation }
  | { readonly type: 'warning'; readonly message: string }
  /** A defect of the host: nobody can rely on it but to close it. */
  | { readonly type: 'broken'; readonly message: string; readonly stack: string }

export interface Host {
  /** Sends a call; its answer is an event. Never throws for what the call is about. */
  send(request: HostRequest): void
  /** The one receiver of events. */
  onEvent(receive: (event: HostEvent) => void): void
  /** Live facts of every link that exists, by name. */
  inspectLinks(): Promise<Readonly<Record<string, LinkFacts>>>
  /** CPU and memory of every live instance, by process name; unknown is null. */
  inspectProcesses(): Promise<Readonly<Record<string, { cpuPercent: number | null; residentBytes: number | null }>>>
  /**
   * Ends what is left: leftovers of completed processes and, of a supervisor that broke, its processes (answered by name
   * and pid), log streams (read to their end, at
   * most `logDeadlineMs`), all links. Nothing of this host is left behind afterwards.
   */
  close(options: { readonly stopTimeoutMs: number; readonly logDeadlineMs: number }): Promise<Closing>
}

/** What `close` had to do. */
export interface Closing {
  readonly leftovers: Readonly<Record<string, readonly number[]>>
  /** Log bytes that could not be written, by stream such as `web.stdout`; 0: nobody knows how many. */
  readonly droppedLogBytes: Readonly<Record<string, number>>
}
