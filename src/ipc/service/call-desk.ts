/** The calls of one connection of an instance, until they are answered. */
import { IpcsupError } from '../../errors.js'
import { suggest } from '../../nearest.js'
import { isSmallInteger } from './line-bytes.js'
import { type Answering, type AwaitRoom, answerStream, createCredit } from './outgoing-stream.js'
import {
  encodeFailure,
  encodeResult,
  explainResult,
  findKnown,
  isStream,
  type Offer,
  type Outcome,
  type PlainHandler,
  performEachTime,
  performOnce,
  type StreamOutcome,
  type Underway,
} from './perform.js'
import { type CallFacts, RunningCall } from './running-call.js'
import type { Store } from './store/store.js'
import type { Received } from './transport.js'
import type { CallId } from './wire.js'

/** What the connections of an instance share. */
export interface Host {
  readonly service: string
  readonly offers: ReadonlyMap<string, Offer>
  readonly store: Store | null
  /** Replies are kept by key. */
  readonly isExactlyOnce: boolean
  readonly underway: Underway
  /** It takes no new calls. */
  readonly isStopping: () => boolean
  readonly load: { calls: number; outstanding: number }
  /** A call was answered, or given up. */
  readonly onDone: () => void
}

type Call = Received & { readonly id: CallId; readonly call: string }

/** Writes answers to calls. */
export interface Answers {
  /** Any: JSON of an object. */
  say(id: CallId, reply: string): void
  /** What a call comes to: JSON, or a number that is the same as JSON. */
  sayValue(id: CallId, value: string | number): void
}

export class CallDesk {
  readonly #host: Host
  readonly #answers: Answers
  readonly #awaitRoom: AwaitRoom
  readonly #answering = new Map<CallId, Answering>()
  /** Name of the process that calls, if it has said so. */
  caller: string | null = null

  constructor(host: Host, answers: Answers, awaitRoom: AwaitRoom) {
    this.#host = host
    this.#answers = answers
    this.#awaitRoom = awaitRoom
  }

  /** By a short line: {@link Host.isExactlyOnce} has nothing of it, because it has no key. */
  beginShort(id: number, name: unknown, args: unknown): void {
    const plain = this.#host.isStopping() ? undefined : this.#host.offers.get(name as string)?.plain
    if (!plain || !Array.isArray(args)) return this.begin({ id, call: name, args })
    this.#host.load.calls += 1
    this.#runPlain(id, name as string, plain, args)
  }

  begin(line: Received & { readonly id: CallId }): void {
    const { id, call: name, args = [] } = line
    const wrong =
      typeof name !== 'string' ? 'its method is no text' : Array.isArray(args) ? null : 'its args are no list'
    if (wrong !== null) return this.#answers.say(id, encodeFailure(this.#explainWrong(wrong)))
    const offer = this.#host.offers.get(name as string)
    if (offer === undefined) return this.#answers.say(id, encodeFailure(this.#explainMissing(name as string)))
    const key = this.#host.isExactlyOnce && typeof line['key'] === 'string' ? line['key'] : null
    if (this.#host.isStopping() && !this.#isKnown(offer, line as Call, key))
      return this.#answers.say(id, '{"refused":true}')
    this.#host.load.calls += 1
    if (offer.plain !== null && key === null)
      this.#runPlain(id, name as string, offer.plain, args as readonly unknown[], allowedBy(line))
    else this.#run(line as Call, offer, key)
  }

  /** Its answer costs nothing new. */
  #isKnown(offer: Offer, line: Call, key: string | null): boolean {
    if (key === null) return false
    return (
      this.#host.underway.has(key) ||
      findKnown(offer, { ...this.#describe(line, key), key }, this.#host.store!) !== null
    )
  }

  #explainWrong(why: string): IpcsupError {
    return new IpcsupError('IPCSUP_ERR_REQUEST', { request: `call of ${this.#host.service}`, why })
  }

  #explainMissing(method: string): IpcsupError {
    const names = [...this.#host.offers.keys()]
    const known = names.join(', ') || 'none'
    return new IpcsupError('IPCSUP_ERR_NO_SUCH_METHOD', {
      service: this.#host.service,
      method,
      nearest: suggest(method, names),
      known,
    })
  }

  #describe({ call, args, made }: Call, key: string | null): CallFacts {
    return {
      service: this.#host.service,
      method: call,
      args: (args as readonly unknown[] | undefined) ?? [],
      key,
      madeMs: typeof made === 'number' ? made : null,
      caller: this.caller,
    }
  }

  /** By far the most calls: a function of its arguments, often done at once. There is nothing to abort. */
  #runPlain(id: CallId, name: string, plain: PlainHandler, args: readonly unknown[], allowed = 0): void {
    try {
      const result = plain(...args)
      if (typeof result !== 'object' || result === null || !isThenable(result))
        return this.#answerPlain(id, name, result, allowed)
      // What only looks like a promise may do anything in its `then`.
      const promise = Promise.resolve(result)
      this.#host.load.outstanding += 1
      promise
        .then(value => this.#answerPlain(id, name, value, allowed))
        .catch(error => this.#answers.say(id, encodeFailure(error)))
        .then(this.#host.onDone)
    } catch (error) {
      this.#answers.say(id, encodeFailure(error))
    }
  }

  #answerPlain(id: CallId, name: string, result: unknown, allowed: number): void {
    if (isSmallInteger(result)) return this.#answers.sayValue(id, result)
    if (isStream(result)) {
      const outcome: Outcome = { stream: result, finish: async () => {}, drop: () => {} }
      return this.#follow(id, allowed, Promise.resolve(outcome))
    }
    let text: string
    try {
      text = encodeResult(result)
    } catch (error) {
      return this.#answers.say(id, explainResult(this.#host.service, name, error))
    }
    this.#answers.sayValue(id, text)
  }

  #run(line: Call, offer: Offer, key: string | null): void {
    const { store, underway } = this.#host
    const facts = this.#describe(line, key)
    const answering: Answering = { call: null, credit: null }
    const join = (call: RunningCall): void => {
      answering.call = call
    }
    if (key !== null) {
      this.#follow(line.id, allowedBy(line), performOnce(offer, { ...facts, key }, store!, underway, join), answering)
      return
    }
    join(new RunningCall(facts, store))
    this.#follow(line.id, allowedBy(line), performEachTime(offer, answering.call!, store), answering)
  }

  /** Answers when it is known what. */
  #follow(
    id: CallId,
    allowed: number,
    outcome: Promise<Outcome>,
    answering: Answering = { call: null, credit: null },
  ): void {
    this.#answering.set(id, answering)
    answering.credit = createCredit(allowed)
    this.#host.load.outstanding += 1
    const isWanted = (): boolean => this.#answering.get(id) === answering
    outcome
      .then(async done => {
        const reply =
          'stream' in done ? await this.#stream(id, done, answering, isWanted) : 'reply' in done ? done.reply : null
        if (reply !== null && isWanted()) this.#answers.say(id, reply)
      })
      .catch(error => isWanted() && this.#answers.say(id, encodeFailure(error)))
      .finally(() => {
        if (isWanted()) this.#answering.delete(id)
        this.#host.onDone()
      })
  }

  /** @returns the last line of it; null: it was given up */
  async #stream(
    id: CallId,
    outcome: StreamOutcome,
    answering: Answering,
    isWanted: () => boolean,
  ): Promise<string | null> {
    if (isWanted()) this.#answers.say(id, '{"stream":true}')
    const reply = isWanted()
      ? await answerStream(outcome.stream, answering, text => this.#answers.say(id, text), this.#awaitRoom)
      : null
    if (reply === null) outcome.drop()
    else await outcome.finish(reply)
    return reply
  }

  /** So many more items of a stream may go. */
  allow(id: CallId, items: number): void {
    this.#answering.get(id)?.credit?.add(items)
  }

  cancelAll(): void {
    for (const id of [...this.#answering.keys()]) this.cancel(id)
  }

  cancel(id: CallId): void {
    const answering = this.#answering.get(id)
    if (answering === undefined) return
    this.#answering.delete(id)
    answering.call?.leave()
    answering.credit?.end()
  }
}

/** So many items of a stream. */
export const allowedBy = ({ more }: Received): number => (typeof more === 'number' ? more : 0)

const isThenable = (value: object): value is Promise<unknown> =>
  typeof (value as { readonly then?: unknown }).then === 'function'
