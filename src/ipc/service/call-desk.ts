/** The calls of one connection of an instance, until they are answered. */
import { IpcsupError } from '../../errors.js'
import { suggest } from '../../nearest.js'
import { type Answering, type AwaitRoom, answerStream, createCredit } from './outgoing-stream.js'
import {
  encodeFailure,
  encodeReply,
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

/** Writes the answer to a call: JSON of an object. */
export type Reply = (id: CallId, reply: string) => void

export class CallDesk {
  readonly #host: Host
  readonly #answer: Reply
  readonly #awaitRoom: AwaitRoom
  readonly #answering = new Map<CallId, Answering>()
  /** Name of the process that calls, if it has said so. */
  caller: string | null = null

  constructor(host: Host, answer: Reply, awaitRoom: AwaitRoom) {
    this.#host = host
    this.#answer = answer
    this.#awaitRoom = awaitRoom
  }

  begin(line: Received & { readonly id: CallId }): void {
    const { id, call: name, args = [] } = line
    const wrong =
      typeof name !== 'string' ? 'its method is no text' : Array.isArray(args) ? null : 'its args are no list'
    if (wrong !== null) return this.#answer(id, encodeFailure(new TypeError(`The call cannot be made: ${wrong}`)))
    const offer = this.#host.offers.get(name as string)
    if (offer === undefined) return this.#answer(id, encodeFailure(this.#explainMissing(name as string)))
    const key = this.#host.isExactlyOnce && typeof line['key'] === 'string' ? line['key'] : null
    if (this.#host.isStopping() && !this.#isKnown(offer, line as Call, key)) return this.#answer(id, '{"refused":true}')
    this.#host.load.calls += 1
    if (offer.plain !== null && key === null) this.#runPlain(line as Call, offer.plain, args as readonly unknown[])
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
  #runPlain(line: Call, plain: PlainHandler, args: readonly unknown[]): void {
    const fail = (error: unknown): void => this.#answer(line.id, encodeFailure(error))
    try {
      const result = plain(...args)
      if (typeof result !== 'object' || result === null || !isThenable(result)) return this.#answerPlain(line, result)
      // What only looks like a promise may do anything in its `then`.
      const promise = Promise.resolve(result)
      this.#host.load.outstanding += 1
      promise
        .then(value => this.#answerPlain(line, value))
        .catch(fail)
        .then(this.#host.onDone)
    } catch (error) {
      fail(error)
    }
  }

  #answerPlain(line: Call, result: unknown): void {
    if (isStream(result))
      this.#follow(line, Promise.resolve({ stream: result, finish: async () => {}, drop: () => {} }))
    else this.#answer(line.id, encodeReply(this.#host.service, line.call, result))
  }

  #run(line: Call, offer: Offer, key: string | null): void {
    const { store, underway } = this.#host
    const facts = this.#describe(line, key)
    const answering: Answering = { call: null, credit: null }
    const join = (call: RunningCall): void => {
      answering.call = call
    }
    if (key !== null) {
      this.#follow(line, performOnce(offer, { ...facts, key }, store!, underway, join), answering)
      return
    }
    join(new RunningCall(facts, store))
    this.#follow(line, performEachTime(offer, answering.call!, store), answering)
  }

  /** Answers when it is known what. */
  #follow(line: Call, outcome: Promise<Outcome>, answering: Answering = { call: null, credit: null }): void {
    const { id } = line
    this.#answering.set(id, answering)
    answering.credit = createCredit(Number(line['more'] ?? 0))
    this.#host.load.outstanding += 1
    const isWanted = (): boolean => this.#answering.get(id) === answering
    outcome
      .then(async done => {
        const reply =
          'stream' in done ? await this.#stream(id, done, answering, isWanted) : 'reply' in done ? done.reply : null
        if (reply !== null && isWanted()) this.#answer(id, reply)
      })
      .catch(error => isWanted() && this.#answer(id, encodeFailure(error)))
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
    if (isWanted()) this.#answer(id, '{"stream":true}')
    const reply = isWanted()
      ? await answerStream(outcome.stream, answering, text => this.#answer(id, text), this.#awaitRoom)
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

const isThenable = (value: object): value is Promise<unknown> =>
  typeof (value as { readonly then?: unknown }).then === 'function'
