import { IpcsupError } from '../errors.js'
import type { Warning } from './plan.js'

/** One thing wrong in a config. */
export interface Problem {
  /** Path in the config, such as `processes.sort.stdin`; empty: the whole. */
  readonly path: string
  /** What is wrong there and what would be right, with the value quoted. */
  readonly message: string
}

/** Everything that is wrong in a config, at once: `IPCSUP_ERR_CONFIG`. */
export class ConfigError extends IpcsupError {
  readonly problems: readonly Problem[]

  constructor(where: string, problems: readonly Problem[]) {
    const lines = problems.map(({ path, message }) => `  ${path === '' ? '' : `${path}: `}${message}`)
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
    super('IPCSUP_ERR_CONFIG', { where, count, problems: lines.join('\n') })
    this.problems = problems
  }
}

/** Collects what is wrong (problems) and what is doubtful (warnings), in the order found, each once. */
export class Findings {
  readonly problems: Problem[] = []
  readonly warnings: Warning[] = []
  readonly #seen = new Set<string>()

  report(path: string, message: string): void {
    this.#add(this.problems, { path, message })
  }

  /** Something at that very path was reported. */
  has(path: string): boolean {
    return this.problems.some(problem => problem.path === path)
  }

  warn(path: string, message: string): void {
    this.#add(this.warnings, { path, message })
  }

  /** @throws ConfigError when anything was reported */
  throwIfAny(where: string): void {
    if (this.problems.length > 0) throw new ConfigError(where, this.problems)
  }

  #add(list: Problem[], found: Problem): void {
    const key = `${found.path}\n${found.message}`
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    list.push(found)
  }
}

const longestQuote = 80

/** A value as it is shown in a message: as JSON, cut where it is long. */
export function quote(value: unknown): string {
  const text = describe(value)
  return text.length > longestQuote ? `${text.slice(0, longestQuote - 1)}…` : text
}

function describe(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (value instanceof Map || value instanceof Set) return `a ${value.constructor.name}`
  if (value instanceof Promise) return 'a promise'
  if (value instanceof Date) return `the date ${value.toISOString()}`
  if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'number') return String(value)
  try {
    return JSON.stringify(value) ?? 'nothing'
  } catch {
    // A value that contains itself: only a config written as code can have one.
    return 'an object that contains itself'
  }
}

/** `"a", "b" or "c"`: what may be chosen from. */
export function listChoices(choices: readonly string[]): string {
  const quoted = choices.map(choice => `"${choice}"`)
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`
}
