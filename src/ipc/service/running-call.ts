/** One call while its handler works on it. */
import { IpcsupError } from '../../errors.js'
import type { CallContext } from './api.js'
import type { Store } from './store/store.js'
import type { RunningTransaction, Transaction } from './store/transaction.js'

/** What is known of a call when it comes. */
export interface CallFacts {
  readonly service: string
  readonly method: string
  readonly args: readonly unknown[]
  readonly key: string | null
  readonly madeMs: number | null
  readonly caller: string | null
}

/** As messages name it. */
export const titleOf = ({ service, method }: CallFacts): string => `${service}.${method}`

/** The work on a call, which more than one connection may wait for. */
export class RunningCall {
  readonly facts: CallFacts
  readonly #store: Store | null
  #controller: AbortController | null = null
  #isAborted = false
  #waiting = 1
  #transaction: RunningTransaction | null = null

  constructor(facts: CallFacts, store: Store | null) {
    this.facts = facts
    this.#store = store
  }

  get isAborted(): boolean {
    return this.#isAborted
  }

  /** One more wants the answer. */
  join(): void {
    this.#waiting += 1
  }

  /** One does not want it any more; the last one aborts. */
  leave(): void {
    this.#waiting -= 1
    if (this.#waiting > 0 || this.#isAborted) return
    this.#isAborted = true
    this.#controller?.abort()
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#isAborted) this.#controller.abort()
    }
    return this.#controller.signal
  }

  /** A fresh one for each try; null without a store. */
  beginTransaction(): RunningTransaction | null {
    this.#transaction?.end()
    this.#transaction = this.#store?.begin(`"${titleOf(this.facts)}"`) ?? null
    return this.#transaction
  }

  endTransaction(): void {
    this.#transaction?.end()
  }

  /** What is costly is made when it is asked for. */
  get context(): CallContext {
    return new Context(this)
  }

  get store(): Transaction {
    if (this.#transaction !== null) return this.#transaction
    throw new IpcsupError('IPCSUP_ERR_CALL_STORE', {
      call: `"${titleOf(this.facts)}"`,
      why: 'the service has none, because no method says that it needs one',
      advice: "Say so: method({ effects: 'store' }, …).",
    })
  }
}

class Context implements CallContext {
  readonly #call: RunningCall

  constructor(call: RunningCall) {
    this.#call = call
  }

  get store(): Transaction {
    return this.#call.store
  }

  get signal(): AbortSignal {
    return this.#call.signal
  }

  get key(): string | null {
    return this.#call.facts.key
  }

  get caller(): string | null {
    return this.#call.facts.caller
  }
}
