/** What an action of `ipcsup link` is, and what actions have in common. */

import { parseSize, parseTime, sizeForm, timeForm } from '../../config/units.js'
import { IpcsupError } from '../../errors.js'
import type { OpenEnd, Side } from '../../ipc/kind.js'
import { type Call, type Outcome, readValue, wrongUsage } from '../verb.js'
import type { LinkAccess } from './access.js'

export interface Action {
  /** What comes after its name, as the help says it. */
  readonly words: '' | '[text…]' | '[number]' | '-- command…'
  /** Options of the verb that it takes. */
  readonly options: readonly LinkOption[]
  run(use: Use): Promise<Outcome>
}

export interface Use {
  readonly call: Call
  readonly access: LinkAccess
  /** The name of the action. */
  readonly action: string
  /** What came after it. */
  readonly words: readonly string[]
}

export type LinkOption =
  | 'side'
  | 'timeout'
  | 'count'
  | 'all'
  | 'null'
  | 'raw'
  | 'priority'
  | 'type'
  | 'offset'
  | 'length'
  | 'member'
  | 'json'

/**
 * Opens the end that an action needs, does it, and closes the end whatever happens.
 *
 * @param fits - the sides at which the action makes sense; of several the first is taken, unless `--side` says which
 */
export async function withEnd<End>(
  use: Use,
  fits: Fits,
  work: (end: End & OpenEnd, side: string) => Promise<Outcome>,
): Promise<Outcome> {
  const side = chooseSide(use, fits)
  return explainBreaks(use, async () => {
    const { end, close } = await use.access.open(side)
    try {
      return await work(end as End & OpenEnd, side)
    } finally {
      close()
    }
  })
}

/** A link that broke is an answer, not a fault of the system. */
export async function explainBreaks<T>(use: Use, work: () => Promise<T>): Promise<T> {
  // Ends do not keep a program alive, not all of them even while it waits for them.
  const timer = setInterval(() => {}, longestTimeMs)
  try {
    return await work()
  } catch (error) {
    throw explain(use, error)
  } finally {
    clearInterval(timer)
  }
}

const longestTimeMs = 2 ** 31 - 1

export type Fits = (side: Side, name: string) => boolean

/** Throws IPCSUP_ERR_USAGE when no side fits, or not the one that is there or wished for. */
export function chooseSide({ call, access, action }: Use, fits: Fits): string {
  const { name, sides, own } = access
  const fitting = Object.keys(sides).filter(side => fits(sides[side]!, side))
  if (fitting.length === 0) throw wrongUsage(call, `Link "${name}" has no side at which one can ${action}.`)
  const wanted = readValue(call, 'side') ?? own ?? fitting[0]
  if (wanted !== undefined && fitting.includes(wanted) && (own === null || own === wanted)) return wanted
  const has = own === null ? `"${wanted}" is not one of them` : `this process has its side "${own}"`
  throw wrongUsage(call, `To ${action}, link "${name}" must be at the side ${fitting.join(' or ')}: ${has}.`)
}

const brokenLinks: Readonly<Record<string, string>> = {
  EPIPE: 'nobody reads it any more',
  ECONNRESET: 'its other side broke off',
  ECONNREFUSED: 'nobody listens there',
  ENOENT: 'it is not there any more',
}

function explain({ access, action }: Use, error: unknown): unknown {
  const errno = error instanceof IpcsupError ? error.detail['errno'] : (error as NodeJS.ErrnoException).code
  const why = brokenLinks[String(errno)]
  if (why === undefined) return error
  const detail = {
    link: access.name,
    what: 'used',
    why: `${why} (${action}: ${errno})`,
    advice: 'See `ipcsup status`.',
  }
  return new IpcsupError('IPCSUP_ERR_LINK_USE', detail, { cause: error })
}

/** `--timeout`; undefined: it waits for ever. */
export function readTimeout(call: Call): number | undefined {
  return readQuantity(call, 'timeout', parseTime, timeForm)
}

/** A number of bytes. */
export function readBytes(call: Call, option: LinkOption): number | undefined {
  return readQuantity(call, option, parseSize, sizeForm)
}

function readQuantity(
  call: Call,
  option: LinkOption,
  parse: (text: string) => number | null,
  form: string,
): number | undefined {
  const text = readValue(call, option)
  if (text === undefined) return undefined
  const value = parse(text)
  if (value === null) throw wrongUsage(call, `--${option} must be ${form}, got "${text}".`)
  return value
}

/** A whole number from `least`. */
export function readNumber(call: Call, option: LinkOption, least: number): number | undefined {
  const text = readValue(call, option)
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^-?\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value
  throw wrongUsage(call, `--${option} must be a whole number from ${least}, got "${text}".`)
}

/** Waits for `work` no longer than `--timeout` says; null: in vain. `giveUp` makes `work` end, however. */
export async function limitTime<T>(call: Call, work: Promise<T>, giveUp: () => void): Promise<T | null> {
  const timeoutMs = readTimeout(call)
  if (timeoutMs === undefined) return work
  let isOver = false
  const timer = setTimeout(() => {
    isOver = true
    giveUp()
  }, timeoutMs)
  try {
    const result = await work
    return isOver ? null : result
  } catch (error) {
    if (isOver) return null
    throw error
  } finally {
    clearTimeout(timer)
  }
}
