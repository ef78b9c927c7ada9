/** What a service offers, as its program writes it and as its callers see it. */
import type { Transaction } from './store/transaction.js'

/** What a handler made by {@link method} is told about its call. */
export interface CallContext {
  /**
   * What the handler keeps: becomes durable together with the reply, or not at all. Only for the time of the call.
   */
  readonly store: Transaction
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
  /** The name of the call for ever, the same whenever it comes again; null: it has none (no `exactly-once`). */
  readonly key: string | null
  /** Name of the process that calls; null: it did not say. */
  readonly caller: string | null
}

export interface MethodOptions {
  /** Doing it again does no harm: a call that was begun when its instance died is simply done again. */
  readonly idempotent?: boolean
  /**
   * `store`: everything that it does, it does through `context.store`. Then a call that was begun when its instance died
   * has done nothing, and is done again; and it is done again when another call changed what it had read meanwhile.
   */
  readonly effects?: 'store'
}

const mark = Symbol('method')

/** A handler with a context, and with what is known about it. */
export interface Method<Args extends readonly unknown[], Result> {
  readonly [mark]: true
  readonly options: MethodOptions
  readonly run: (context: CallContext, ...args: Args) => Result
}

export type Handler = (...args: never[]) => unknown

/** What {@link serve} takes: functions, each by the name that callers use. */
// biome-ignore lint/suspicious/noExplicitAny: the context of a method is one thing, its arguments are any.
export type Api = Readonly<Record<string, Handler | Method<any, unknown>>>

/**
 * A handler that is given a context before its arguments, and about which more is known.
 *
 * @param options - see {@link MethodOptions}
 */
export function method<Run extends (context: CallContext, ...args: never[]) => unknown>(
  options: MethodOptions,
  run: Run,
): MethodOf<Run> {
  return { [mark]: true, options, run } as Method<never, unknown> as MethodOf<Run>
}

/** Of the whole function: were its arguments a type of their own, one with a default value would be `unknown`. */
export type MethodOf<Run> = Run extends (context: CallContext, ...args: infer Args) => infer Result
  ? Method<Args, Result>
  : never

export function isMethod(value: unknown): value is Method<readonly unknown[], unknown> {
  return typeof value === 'object' && value !== null && mark in value
}

/** How one call is made. */
export interface CallOptions {
  /**
   * Rejects with IPCSUP_ERR_CALL_TIMEOUT after so many ms. Default: that of the client, which by default waits without
   * end. A stream, too, ends with it when it has not come to its end by then. It may have been done, or be done yet, unless it is cancelled in time.
   */
  readonly timeout?: number | undefined
  /** Cancels the call when it is aborted; it rejects with its reason, and the handler's signal is aborted. */
  readonly signal?: AbortSignal | undefined
  /**
   * Names the call for ever: with `exactly-once` a second one of the same method with the same id, even by another
   * program, is given the reply of the first.
   */
  readonly id?: string | undefined
}

/** Options that can stand after the arguments: only those with a `timeout` or a `signal` are told from an argument. */
export type TrailingOptions = CallOptions & ({ readonly timeout: number } | { readonly signal: AbortSignal })

/** The answer of a method that streams: iterate it directly, or await it first. */
export interface StreamAnswer<Item> extends Promise<AsyncIterable<Item>>, AsyncIterable<Item> {}

export type Answer<Result> =
  Awaited<Result> extends AsyncIterable<infer Item> ? StreamAnswer<Item> : Promise<Awaited<Result>>

export interface Callable<Args extends readonly unknown[], Result> {
  (...args: Args): Answer<Result>
  (...args: [...args: Args, options: TrailingOptions]): Answer<Result>
  /** The same with options: then every argument is an argument, whatever it looks like. */
  with(options: CallOptions): (...args: Args) => Answer<Result>
}

type CallableOf<Offered> =
  Offered extends Method<infer Args, infer Result>
    ? Callable<Args, Result>
    : Offered extends (...args: infer Args) => infer Result
      ? Callable<Args, Result>
      : never

/** What a program calls: each method of `Offered` by its name. */
export type Client<Offered> = { readonly [Name in keyof Offered & string]: CallableOf<Offered[Name]> }

/** A client of which no types are known: any method, any arguments. */
export type AnyApi = Readonly<Record<string, (...args: unknown[]) => unknown>>
