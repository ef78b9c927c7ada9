/**
 * What a verb of the command line is. One file per verb in `verbs/`, imported only when it is asked for.
 */
import { type ExitStatus, IpcsupError } from '../errors.js'
import type { Output } from './output.js'

export interface Verb {
  /** Positional arguments in order: commander's syntax (`<needed>`, `[optional]`, `[name...]`) and what it is. */
  readonly arguments?: readonly (readonly [syntax: string, about: string])[]
  /** Words that the first argument may be, for completion; none: any. */
  readonly firstChoices?: readonly string[]
  /** The same of the second one. */
  readonly secondChoices?: readonly string[]
  /** The sentence for one who gives more of them; default: their number. */
  readonly surplus?: string
  /** Options: commander's syntax, what it is, and the only values it may have. */
  readonly options?: readonly OptionSpec[]
  /** What exit status 1 means; default: that a process failed. */
  readonly failure?: string
  /** Command lines, each with what it does. */
  readonly examples: readonly (readonly [line: string, about: string])[]
  run(call: Call): Promise<Outcome>
}

export interface OptionSpec {
  readonly flags: string
  readonly about: string
  readonly choices?: readonly string[]
  /** Not in the help. */
  readonly hidden?: boolean
}

/** How the program ends: with a status of its own, by a signal, or as a command ended that it ran. */
export type Outcome = ExitStatus | { readonly signal: NodeJS.Signals } | { readonly status: number }

export interface Call {
  /** Its name. */
  readonly verb: string
  readonly arguments: readonly string[]
  readonly options: Readonly<Record<string, string | boolean | undefined>>
  readonly out: Output
  /** Messages; never waits. */
  readonly err: Output
}

/** Options that several verbs have, said the same way. */
export const sharedOptions = {
  config: { flags: '-c, --config <file>', about: 'the config (default: found from the current directory)' },
  pid: { flags: '--pid <pid>', about: 'the supervisor with that pid, as shown by `ipcsup ls`' },
  json: { flags: '--json', about: 'print JSON' },
  strict: { flags: '--strict', about: 'lost input makes the exit status 1' },
} as const satisfies Record<string, OptionSpec>

/** @returns the error of a command line that cannot mean anything; `what` is a sentence */
export function wrongUsage({ verb }: Call, what: string): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_USAGE', { what, verb })
}

/** The value of an option that takes one; undefined when it was not given. */
export function readValue(call: Call, name: string): string | undefined {
  const value = call.options[name]
  return typeof value === 'string' ? value : undefined
}
