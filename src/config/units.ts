/** Sizes and times as people write them: `'64KiB'`, `'500ms'`, or plain bytes and milliseconds. */

const sizeUnits = {
  '': 1,
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const

const timeUnits = { '': 1, ms: 1, s: 1e3, m: 60e3, h: 3600e3 } as const

/** A size in a config: bytes, or a number with a unit. */
export type Size = number | `${number}${keyof typeof sizeUnits}`
/** A time in a config: milliseconds, or a number with a unit. */
export type Time = number | `${number}${keyof typeof timeUnits}`

/** What is said when a size or a time is none; the schema and the messages have it from here. */
export const sizeForm = 'a size such as "64KiB", "1MiB", "1kB" or a number of bytes'
export const timeForm = 'a time such as "500ms", "10s", "1m", "2h" or a number of milliseconds, at most 24 days'

export const sizePattern = /^\d+(\.\d+)? ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?$/
export const timePattern = /^\d+(\.\d+)? ?(ms|s|m|h)?$/

// setTimeout fires at once when it is asked for more.
const longestTimeMs = 2 ** 31 - 1

/** @returns bytes, a whole number from 0; null when `size` is none */
export function parseSize(size: string | number): number | null {
  return parseQuantity(size, sizePattern, sizeUnits, Number.MAX_SAFE_INTEGER)
}

/** @returns milliseconds, a whole number from 0 to what a timer can wait (24.8 days); null when `time` is none */
export function parseTime(time: string | number): number | null {
  return parseQuantity(time, timePattern, timeUnits, longestTimeMs)
}

function parseQuantity(
  quantity: string | number,
  pattern: RegExp,
  units: Readonly<Record<string, number>>,
  largest: number,
): number | null {
  if (typeof quantity === 'number') return isWithin(quantity, largest) ? quantity : null
  const match = pattern.exec(quantity)
  if (match === null) return null
  const value = Number.parseFloat(quantity) * units[match[2] ?? '']!
  return isWithin(value, largest) ? value : null
}

function isWithin(value: number, largest: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= largest
}
