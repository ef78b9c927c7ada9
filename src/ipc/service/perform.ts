/**
 * What is done for a call under each guarantee, up to the reply. Nothing here knows of connections.
 */
import { IpcsupError } from '../../errors.js'
import { isMethod, type MethodOptions } from './api.js'
import { describeError } from './remote-error.js'
import { type CallFacts, RunningCall, titleOf } from './running-call.js'
import { reach } from './steps.js'
import type { Store } from './store/store.js'
import { encodeValue, refuseEncoding } from './values.js'
import { isTooLong } from './wire.js'

/** What a call comes to: a reply as JSON of an object, or a stream and what is to be done at its end. */
export type Outcome =
  | { readonly reply: string }
  | StreamOutcome
  /** It was aborted, and nothing of it is left. */
  | { readonly isVoid: true }

export interface StreamOutcome {
  readonly stream: AsyncIterable<unknown>
  /** It has come to its end; resolves when that is recorded. */
  readonly finish: (reply: string) => Promise<void>
  /** Nobody wants the rest. */
  readonly drop: () => void
}

export type PlainHandler = (...args: readonly unknown[]) => unknown

export interface Offer {
  readonly options: MethodOptions
  /** A function without a context; null: it is none. */
  readonly plain: PlainHandler | null
  /** How many arguments it takes, as its program writes them. */
  readonly arity: number
  readonly run: (call: RunningCall) => unknown
}

/** @returns null when `given` is nothing that can be called */
export function describeOffer(given: unknown): Offer | null {
  if (typeof given === 'function') {
    const plain = given as PlainHandler
    return { options: {}, plain, arity: given.length, run: ({ facts }) => plain(...facts.args) }
  }
  if (!isMethod(given)) return null
  const { options, run } = given
  return {
    options,
    plain: null,
    arity: Math.max(0, run.length - 1),
    run: call => run(call.context, ...call.facts.args),
  }
}

export function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

function encodeReply(service: string, method: string, value: unknown): string {
  try {
    return `{"value":${encodeResult(value)}}`
  } catch (error) {
    return explainResult(service, method, error)
  }
}

/** The text of what a handler came to. Throws when it cannot cross: {@link explainResult} is the answer then. */
export const encodeResult = (value: unknown): string => encodeShort(value, 'its result')

export function explainResult(service: string, method: string, error: unknown): string {
  return encodeFailure(refuseEncoding(`"${service}.${method}" cannot be answered`, error))
}

/** Throws an Error when it cannot cross, or is so long that the caller would hang up. */
export function encodeShort(value: unknown, name: string): string {
  const text = encodeValue(value, name)
  if (isTooLong(text)) throw new Error(`${name} is more than a line takes`)
  return text
}

export function encodeFailure(thrown: unknown): string {
  return `{"error":${JSON.stringify(describeError(thrown))}}`
}

/** A call that is done as often as it comes. */
export async function performEachTime(offer: Offer, call: RunningCall, store: Store | null): Promise<Outcome> {
  return perform(offer, call, store, null)
}

/** Calls of this instance that are under way, by key. */
export type Underway = Map<string, { readonly call: RunningCall; readonly outcome: Promise<Outcome> }>

/**
 * A call with a key, of which this instance knows whether it did it. Whoever waits leaves the call when it wants no
 * answer any more.
 *
 * @param onJoin - told which call it waits for, and again when that is another one
 */
export async function performOnce(
  offer: Offer,
  facts: CallFacts & { readonly key: string },
  store: Store,
  underway: Underway,
  onJoin: (call: RunningCall) => void,
): Promise<Outcome> {
  for (;;) {
    const other = underway.get(facts.key)
    if (other === undefined) return begin(offer, facts, store, underway, onJoin)
    other.call.join()
    onJoin(other.call)
    const outcome = await other.outcome
    if ('stream' in outcome) return { reply: unknown(facts, 'it is a stream, and another connection has it', offer) }
    // Whoever asked first did not wait; now it is asked for by somebody who does.
    if (!('isVoid' in outcome)) return outcome
  }
}

function begin(
  offer: Offer,
  facts: CallFacts & { readonly key: string },
  store: Store,
  underway: Underway,
  onJoin: (call: RunningCall) => void,
): Promise<Outcome> | Outcome {
  store.check()
  const known = findKnown(offer, facts, store)
  if (known !== null) return { reply: known }
  const call = new RunningCall(facts, store)
  onJoin(call)
  const outcome = performRecorded(offer, call, store, facts.key)
  underway.set(facts.key, { call, outcome })
  const remove = (): void => void underway.delete(facts.key)
  outcome.then(done => 'stream' in done || remove(), remove)
  return outcome.then(done => ('stream' in done ? removeAtEnd(done, remove) : done))
}

function removeAtEnd(outcome: StreamOutcome, remove: () => void): StreamOutcome {
  return {
    ...outcome,
    finish: reply => outcome.finish(reply).finally(remove),
    drop: () => {
      outcome.drop()
      remove()
    },
  }
}

/** The reply that is known without doing anything; null: it is to be done. */
export function findKnown(offer: Offer, facts: CallFacts & { readonly key: string }, store: Store): string | null {
  const entry = store.find(facts.key)
  if (entry === undefined) {
    const isForgotten = facts.madeMs !== null && store.mayHaveForgotten(facts.madeMs)
    return isForgotten ? unknown(facts, 'it is so old that its record may have been forgotten', offer) : null
  }
  if (entry.reply === null)
    return offer.options.idempotent
      ? null
      : unknown(facts, 'it was begun, and its instance died before it was recorded', offer)
  return entry.reply === streamed
    ? unknown(facts, 'it was answered by a stream, which is not kept', offer)
    : entry.reply
}

const streamed = '{"stream":true}'

function unknown(facts: CallFacts, why: string, { options }: Offer): string {
  const advice = options.idempotent
    ? 'Call again under another id.'
    : 'Find out before you call again; where repeating does no harm, the method can say `idempotent: true`.'
  return encodeFailure(new IpcsupError('IPCSUP_ERR_CALL_UNKNOWN', { call: titleOf(facts), why, advice }))
}

async function performRecorded(offer: Offer, call: RunningCall, store: Store, key: string): Promise<Outcome> {
  const { effects, idempotent } = offer.options
  try {
    if (effects === undefined && !idempotent && store.find(key) === undefined) {
      reach('before the begin is recorded')
      await store.recordBegun(key)
      reach('begin recorded, before the handler')
    }
  } catch (error) {
    return { reply: encodeFailure(error) }
  }
  return perform(offer, call, store, key)
}

async function perform(offer: Offer, call: RunningCall, store: Store | null, key: string | null): Promise<Outcome> {
  for (;;) {
    const transaction = call.beginTransaction()
    let outcome: { readonly value: unknown } | { readonly error: unknown }
    try {
      outcome = { value: await offer.run(call) }
    } catch (error) {
      outcome = { error }
    }
    if ('error' in outcome && call.isAborted) {
      call.endTransaction()
      return { isVoid: true }
    }
    reach('after the handler, before the record')
    const record = (reply: string, isKept: boolean): Promise<void> => {
      call.endTransaction()
      return keep(store, key, reply, isKept ? (transaction?.effects ?? []) : [], call.facts)
    }
    if ('value' in outcome && isStream(outcome.value))
      return {
        stream: outcome.value,
        finish: reply => record(reply === done ? streamed : reply, reply === done),
        drop: () => call.endTransaction(),
      }
    const isStale = transaction?.isStale === true && offer.options.effects === 'store'
    if (isStale) continue
    const reply =
      'error' in outcome
        ? encodeFailure(outcome.error)
        : encodeReply(call.facts.service, call.facts.method, outcome.value)
    const isKept = !reply.startsWith('{"error":')
    try {
      await record(reply, isKept)
    } catch (error) {
      return { reply: encodeFailure(error) }
    }
    reach('recorded, before the reply')
    return { reply }
  }
}

/** The last line of a stream. */
export const done = '{"done":true}'

async function keep(
  store: Store | null,
  key: string | null,
  reply: string,
  effects: Parameters<Store['record']>[2],
  facts: CallFacts,
): Promise<void> {
  if (store === null) return
  try {
    store.check()
    await store.record(key, reply, effects)
  } catch (error) {
    const why = `its instance could not record it: ${(error as Error).message}`
    throw new IpcsupError('IPCSUP_ERR_CALL_UNKNOWN', { call: titleOf(facts), why }, { cause: error })
  }
}
