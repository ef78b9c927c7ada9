/** Arguments and values of functions as the command line has them. Pure. */

/** `10`, `true`, `{"a":1}` are what they are in JSON; anything else is text. */
export function readArgument(word: string): unknown {
  try {
    return JSON.parse(word)
  } catch {
    return word
  }
}

/** Text with a newline, bytes as they are, nothing for nothing; else one line of JSON. */
export function showValue(value: unknown): string | Buffer {
  if (value === undefined) return ''
  if (typeof value === 'string') return `${value}\n`
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return `${JSON.stringify(simplify(value))}\n`
}

/** What JSON does not have: numbers of any size become text, bytes base64, maps lists of pairs, sets lists. */
function simplify(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value) || value instanceof Map || value instanceof Set) return [...value].map(simplify)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, simplify(inner)]))
}
