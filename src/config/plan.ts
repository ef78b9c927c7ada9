/**
 * The Plan: what a config means, as frozen plain data. Made once, early; everything after it reads only the Plan.
 *
 * Times are milliseconds, sizes bytes, paths absolute. It survives `JSON.parse(JSON.stringify(plan))`.
 */
import type { Form, HandlePart, Route, Side, Traits } from '../ipc/kind.js'
import type { LinkOptions } from '../ipc/options.js'

export interface Plan {
  /** Name of the project. */
  readonly name: string
  /** What relative paths were relative to. */
  readonly directory: string
  /** Real path of the config file; null for `run` and for a config given as an object. */
  readonly configPath: string | null
  /** In declared order. */
  readonly links: Readonly<Record<string, PlannedLink>>
  /** In declared order; a pipeline's stages in the order of the line. */
  readonly processes: Readonly<Record<string, PlannedProcess>>
  readonly drainTimeoutMs: number
  readonly logs: PlannedLogs
  /** Lost input makes the whole exit status 1. */
  readonly strict: boolean
}

export interface PlannedLink {
  readonly name: string
  readonly kind: string
  readonly options: LinkOptions
  /** Copied from the kind, so that whoever reads the Plan needs no kinds. */
  readonly form: Form
  readonly sides: Readonly<Record<string, Side>>
  readonly traits: Traits
  /** What the supervisor does of itself at this link; null: nothing. */
  readonly route: Route | null
  readonly lifetime: 'auto' | 'hold' | 'reset'
  /** Every process at every side, in declared order. */
  readonly uses: readonly PlannedUse[]
  /** The host is told of each use that is over. */
  readonly tracksUses: boolean
}

export interface PlannedUse {
  readonly process: string
  readonly side: string
}

/** Text in which links stand for their handles; the host fills them in at each spawn. */
export type Template = readonly (string | Placeholder)[]

export interface Placeholder {
  readonly link: string
  readonly part: HandlePart
}

export interface PlannedProcess {
  readonly name: string
  /** Argument vector; the first is the command. `shell: true` has become `/bin/sh -c`. Never empty. */
  readonly argv: readonly Template[]
  readonly cwd: string
  /** In the order of the config; null removes. */
  readonly env: Readonly<Record<string, Template | null>>
  readonly envFile: string | null
  readonly umask: number | null
  /** Redirections of descriptors 0-2, applied left to right as a shell does. The first three set all of them. */
  readonly redirections: readonly Redirection[]
  /** Links at descriptors from 3 upwards. */
  readonly handles: readonly PlannedHandle[]
  readonly needs: Readonly<Record<string, Need>>
  /** How it says that it is ready: `READY=1` at $NOTIFY_SOCKET. null: it says nothing. */
  readonly ready: 'notify' | null
  readonly restart: PlannedRestart
  /** Exit codes that count as a clean end; has 0. */
  readonly cleanExits: readonly number[]
  readonly stopSignal: string
  readonly stopTimeoutMs: number
  readonly hooks: PlannedHooks
}

/** `ready`: of a process that says so. */
export type Need = 'started' | 'ready' | 'completed'

export interface Redirection {
  readonly fd: 0 | 1 | 2
  readonly to: Target
}

export type Target =
  | { readonly type: 'link'; readonly link: string; readonly side: string }
  | { readonly type: 'null' }
  | { readonly type: 'inherit' }
  | { readonly type: 'log' }
  /** `read`: opened anew at each spawn. `truncate`: emptied once per run, appended to from then on. */
  | { readonly type: 'file'; readonly path: string; readonly mode: 'read' | 'truncate' | 'append' }
  /** The description that `fd` has at this point. */
  | { readonly type: 'same'; readonly fd: 0 | 1 | 2 }

export interface PlannedHandle {
  readonly link: string
  readonly side: string
  /** From 3; null: that side has no descriptor. */
  readonly fd: number | null
  /** Suffix of its variables: `IPCSUP_FD_<variable>`. */
  readonly variable: string
}

export interface PlannedRestart {
  readonly policy: 'always' | 'on-failure' | 'never'
  readonly initialMs: number
  readonly factor: number
  readonly maxMs: number
  readonly jitter: boolean
  readonly stableAfterMs: number
  readonly limit: number
  readonly withinMs: number
}

/** Argument vectors of commands that are run at an event of the process; null: none. */
export interface PlannedHooks {
  readonly onStart: readonly string[] | null
  readonly onExit: readonly string[] | null
  readonly onGiveUp: readonly string[] | null
}

export interface PlannedLogs {
  /** Where log files are written; null: the state directory of the user, by run. */
  readonly directory: string | null
  readonly maxBytes: number
  /** Files kept per stream, the current one included. */
  readonly files: number
}

/** Something `check` found that is no error. */
export interface Warning {
  /** Path in the config, such as `processes.sort.restart`. */
  readonly path: string
  readonly message: string
}
