/** The items of a result that is a stream, at its caller. */

/** So many items may be under way. */
const windowItems = 64

export interface StreamSource {
  /** So many more items may come. */
  allow(items: number): void
  cancel(): void
  /** Somebody waits: keeps the program alive meanwhile. */
  hold(): void
  letGo(): void
  /** Once: nothing comes any more. */
  over(): void
}

type Step = IteratorResult<unknown, undefined>

interface Waiter {
  readonly resolve: (step: Step) => void
  readonly reject: (error: unknown) => void
}

/** One consumer; asks for items once somebody iterates. */
export class IncomingStream implements AsyncIterableIterator<unknown, undefined> {
  readonly #source: StreamSource
  readonly #items: unknown[] = []
  readonly #waiters: Waiter[] = []
  #allowed = 0
  #end: { readonly error: unknown } | 'done' | null = null

  constructor(source: StreamSource) {
    this.#source = source
  }

  /** Nobody wants what has not been taken: it ends with `error`. */
  giveUp(error: unknown): void {
    if (this.#end !== null) return
    this.#source.cancel()
    this.#items.length = 0
    this.end({ error })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Step> {
    if (this.#items.length > 0) return Promise.resolve({ done: false, value: this.#take() })
    if (this.#end !== null) return this.#finish(this.#end)
    this.#ask()
    this.#source.hold()
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  #finish(end: { readonly error: unknown } | 'done'): Promise<Step> {
    this.#end = 'done'
    return end === 'done' ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(end.error)
  }

  #take(): unknown {
    const value = this.#items.shift()
    this.#ask()
    return value
  }

  /** In halves of the window, so that neither side waits for the other. */
  #ask(): void {
    const missing = windowItems - this.#allowed - this.#items.length
    if (this.#end !== null || missing < windowItems / 2) return
    this.#allowed += missing
    this.#source.allow(missing)
  }

  async return(): Promise<Step> {
    if (this.#end === null) this.#source.cancel()
    this.#items.length = 0
    this.end('done')
    this.#end = 'done'
    return { done: true, value: undefined }
  }

  push(value: unknown): void {
    if (this.#end !== null) return
    this.#allowed -= 1
    const waiter = this.#waiters.shift()
    if (waiter === undefined) {
      this.#items.push(value)
      return
    }
    this.#source.letGo()
    waiter.resolve({ done: false, value })
    this.#ask()
  }

  end(how: { readonly error: unknown } | 'done'): void {
    if (this.#end !== null) return
    this.#end = how
    this.#source.over()
    for (const waiter of this.#waiters.splice(0)) {
      this.#source.letGo()
      this.#finish(this.#end).then(waiter.resolve, waiter.reject)
    }
  }
}
