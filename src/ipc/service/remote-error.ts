/** Errors that cross: with their name, message and code. */
import { type ErrorCode, errorCodes, IpcsupError } from '../../errors.js'
import type { ErrorOnWire } from './wire.js'

/** An error of a handler, as its caller has it. */
class RemoteError extends Error {
  /** Of the error that was thrown there, such as `TypeError`. */
  override readonly name: string
  /** Not there where that error had none. */
  declare readonly code?: string | number

  constructor({ name, message, code }: ErrorOnWire) {
    super(message)
    this.name = name
    if (code !== undefined) this.code = code
  }
}

/** Of a message more is of no use to anybody, and an answer has a largest size. */
const longestMessage = 64 * 1024

/** Of anything that can be thrown. */
export function describeError(thrown: unknown): ErrorOnWire {
  try {
    if (!(thrown instanceof Error)) return { name: 'Error', message: cut(thrown) }
    const { name, message } = thrown
    const { code } = thrown as { readonly code?: unknown }
    return {
      name: cut(name),
      message: cut(message),
      ...(typeof code === 'string' && { code: cut(code) }),
      ...(typeof code === 'number' && { code }),
    }
  } catch {
    // An object without a prototype is no text, and a getter can throw.
    return { name: 'Error', message: 'something was thrown that cannot be described' }
  }
}

function cut(value: unknown): string {
  const text = String(value)
  return text.length > longestMessage ? `${text.slice(0, longestMessage)}…` : text
}

/** Not everything that JSON has can be asked for its text. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The error again; one of ipcsup as such, what another program said as a {@link RemoteError}. */
export function reviveError(said: unknown): Error {
  const { name = 'Error', message = '', code } = (said ?? {}) as Partial<Record<keyof ErrorOnWire, unknown>>
  const own = code as ErrorCode
  if (name === 'IpcsupError' && errorCodes.includes(own))
    return IpcsupError.from({ code: own, message: textOf(message) })
  const hasCode = typeof code === 'string' || typeof code === 'number'
  return new RemoteError({ name: textOf(name), message: textOf(message), ...(hasCode && { code }) })
}
