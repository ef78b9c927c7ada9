/** Calls as methods of an object. */
import type { AnyApi, CallOptions, Client, TrailingOptions } from './api.js'

/** What makes the calls. */
export interface Caller {
  call(method: string, args: readonly unknown[], options?: CallOptions): Promise<unknown>
}

/**
 * An object whose every property is a method of the service. Only `then` is none: an object that has it is taken for a
 * promise. Symbols are none either.
 */
export function makeClient<Offered = AnyApi>(caller: Caller): Client<Offered> {
  const methods = Object.create(null) as Record<string, unknown>
  return new Proxy(methods, {
    get: (_, name) => {
      if (typeof name !== 'string' || name === 'then') return undefined
      methods[name] ??= makeMethod(caller, name)
      return methods[name]
    },
  }) as Client<Offered>
}

function makeMethod(caller: Caller, name: string): (...args: unknown[]) => Promise<unknown> {
  const call = (args: readonly unknown[], options?: CallOptions): Promise<unknown> => {
    const answer = caller.call(name, args, options) as Promise<unknown> & AsyncIterable<unknown>
    answer[Symbol.asyncIterator] = iterateAnswer
    return answer
  }
  return Object.assign(
    (...args: unknown[]) => {
      const last = args.at(-1)
      return isTrailingOptions(last) ? call(args.slice(0, -1), last) : call(args)
    },
    {
      with:
        (options: CallOptions) =>
        (...args: unknown[]) =>
          call(args, options),
    },
  )
}

/** Lets `for await` take a call that streams without an `await` before. */
async function* iterateAnswer(this: unknown): AsyncGenerator<unknown> {
  yield* (await this) as AsyncIterable<unknown>
}

const names: readonly string[] = ['timeout', 'signal', 'id']

/** An object with an `id` alone may well be an argument; with a timeout in ms or an AbortSignal it hardly is. */
function isTrailingOptions(value: unknown): value is TrailingOptions {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false
  const { timeout, signal } = value as CallOptions
  if (typeof timeout !== 'number' && !(signal instanceof AbortSignal)) return false
  return Object.keys(value).every(key => names.includes(key))
}
