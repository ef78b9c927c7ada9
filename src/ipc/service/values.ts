/**
 * What crosses as an argument, a reply, an item or a stored value: JSON, and what JSON has no word for, as an object with
 * one key that begins with `$` (`docs/service-wire.md` lists them).
 */

import { IpcsupError } from '../../errors.js'
import { describeError } from './remote-error.js'

/** Something that cannot cross; its message says which part, and why. */
class EncodingError extends Error {}

/**
 * Of an error of an encoder, its own or one of a getter or a `toJSON` of the value.
 *
 * @param what - what cannot be done then, such as `"calc.add" cannot be called`
 */
export function refuseEncoding(what: string, error: unknown): IpcsupError {
  const { message: why } = describeError(error)
  return new IpcsupError('IPCSUP_ERR_CALL_ENCODING', { what, why }, { cause: error })
}

/**
 * So many values the longest line has, each with a comma: it has 64 MiB. A list of nothing but holes, or one that is in another one twice,
 * which is in another one twice, can have more than anybody can wait for.
 */
const mostValues = 32 * 1024 * 1024
/** Of one for which an object is made. */
const costOfObject = 8

let valuesLeft = 0

function count(name: string, cost: number): void {
  valuesLeft -= cost
  if (valuesLeft < 0) throw new EncodingError(`${name.slice(0, 60)}… has more values than a line takes`)
}

/** Nesting that is taken for an object that contains itself. */
const deepest = 200

/** The JSON text of `value`. Throws an Error that names the part that cannot cross: see {@link refuseEncoding}. */
export function encodeValue(value: unknown, name: string): string {
  if (typeof value === 'number' && Number.isFinite(value) && !Object.is(value, -0)) return String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  valuesLeft = mostValues
  if (isJson(value, 0)) return JSON.stringify(value)
  valuesLeft = mostValues
  return JSON.stringify(replace(value, name, 0))
}

/** The text of a list of arguments. */
export function encodeArguments(values: readonly unknown[]): string {
  valuesLeft = mostValues
  if (isJsonList(values, 0)) return JSON.stringify(values)
  valuesLeft = mostValues
  return JSON.stringify(Array.from(values, (value, index) => replace(value, `argument ${index + 1}`, 0)))
}

/** True when JSON has all of it as it is: by far the most, and much faster than to rebuild it. */
function isJson(value: unknown, depth: number): boolean {
  if (--valuesLeft < 0) count('it', 0)
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      return value === null || (depth < deepest && isJsonObject(value, depth))
    default:
      return false
  }
}

function isJsonObject(value: object, depth: number): boolean {
  if (Array.isArray(value)) return isJsonList(value, depth)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  for (const key in value) {
    if (key.charCodeAt(0) === 36) return false
    const inner = (value as Record<string, unknown>)[key]
    // Left out by JSON.stringify, as everywhere.
    if (inner !== undefined && !isJson(inner, depth + 1)) return false
  }
  return !('toJSON' in value)
}

function isJsonList(values: readonly unknown[], depth: number): boolean {
  for (let index = 0; index < values.length; index++) if (!isJson(values[index], depth + 1)) return false
  return true
}

const isPlain = (value: unknown): boolean => typeof value === 'number' || typeof value === 'string'

function replace(value: unknown, name: string, depth: number): unknown {
  if (depth > deepest)
    throw new EncodingError(`${name.slice(0, 60)}… contains itself, or nests more than ${deepest} deep`)
  count(name, isPlain(value) ? 1 : costOfObject)
  switch (typeof value) {
    case 'undefined':
      return { $undefined: true }
    case 'bigint':
      return { $bigint: String(value) }
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $number: Object.is(value, -0) ? '-0' : String(value) }
    case 'function':
    case 'symbol':
      throw new EncodingError(`${name} is a ${typeof value}`)
    case 'object':
      return value === null ? null : replaceObject(value, name, depth)
    default:
      return value
  }
}

function replaceObject(value: object, name: string, depth: number): unknown {
  const within = (inner: unknown, key: string | number): unknown => replace(inner, `${name}${showKey(key)}`, depth + 1)
  if (Array.isArray(value)) {
    count(name, value.length)
    return Array.from(value, within)
  }
  if (value instanceof Uint8Array)
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') }
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? null : value.toISOString() }
  if (value instanceof Map) return { $map: Array.from(value, pair => pair.map(within)) }
  if (value instanceof Set) return { $set: Array.from(value, within) }
  const { toJSON } = value as { readonly toJSON?: unknown }
  if (typeof toJSON === 'function') return replace(toJSON.call(value, name), name, depth + 1)
  const tag = Object.prototype.toString.call(value).slice(8, -1)
  if (tag !== 'Object') throw new EncodingError(`${name} is of type ${tag}`)
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  const copy = Object.fromEntries(entries.map(([key, inner]) => [key, within(inner, key)]))
  const [key] = Object.keys(copy)
  return entries.length === 1 && key!.startsWith('$') ? { $object: copy } : copy
}

const showKey = (key: string | number): string =>
  /^[A-Za-z_]\w*$/.test(String(key)) ? `.${key}` : `[${JSON.stringify(key)}]`

/** What {@link encodeValue} was given, out of what JSON.parse made of its text; changes it in place. */
export function decodeValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) value[index] = decodeValue(value[index])
    return value
  }
  const keys = Object.keys(value)
  const [key] = keys
  if (keys.length === 1 && key!.startsWith('$')) {
    const decode = decoders[key as keyof typeof decoders]
    if (Object.hasOwn(decoders, key!)) return decode((value as Record<string, unknown>)[key!])
  }
  return decodeMembers(value as Record<string, unknown>, keys)
}

/** The same of what is in an object, which itself stays one. */
export function decodeMembers(value: Record<string, unknown>, keys: readonly string[] = Object.keys(value)): unknown {
  for (const key of keys) {
    const inner = value[key]
    if (typeof inner !== 'object' || inner === null) continue
    // An assignment to `__proto__` would change what the object is.
    Object.defineProperty(value, key, {
      value: decodeValue(inner),
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
  return value
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value.map(decodeValue) : [])

const decoders = {
  $undefined: () => undefined,
  $bigint: text => BigInt(String(text)),
  $number: text => Number(text),
  $bytes: text => Buffer.from(String(text), 'base64'),
  $date: text => new Date(text === null ? Number.NaN : String(text)),
  $map: pairs => new Map(list(pairs) as [unknown, unknown][]),
  $set: members => new Set(list(members)),
  $object: members =>
    typeof members === 'object' && members !== null ? decodeMembers(members as Record<string, unknown>) : members,
} satisfies Record<string, (inner: unknown) => unknown>
