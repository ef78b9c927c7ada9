/** Promises for conditions that are looked at whenever something has changed. */
export class Conditions {
  readonly #waiting = new Set<{ readonly isMet: () => boolean; readonly resolve: () => void }>()
  readonly #findFault: () => Error | null
  #areOver = false

  /** @param findFault - why nothing changes any more, where that is no regular end */
  constructor(findFault: () => Error | null) {
    this.#findFault = findFault
  }

  /** Resolves as soon as the condition is met, or can no longer be; rejects with the fault because of which it cannot. */
  async until(isMet: () => boolean): Promise<void> {
    if (!this.#areOver && !isMet()) await new Promise<void>(resolve => this.#waiting.add({ isMet, resolve }))
    const fault = this.#findFault()
    if (fault) throw fault
  }

  /** What `ask` is answered with; undefined: nothing until the end. */
  async answer<T>(ask: (answer: (value: T) => void) => void): Promise<T | undefined> {
    const answers: T[] = []
    ask(value => {
      answers.push(value)
      this.look()
    })
    await this.until(() => answers.length > 0)
    return answers[0]
  }

  /** Something has changed. */
  look(): void {
    for (const waiting of this.#waiting) {
      if (!this.#areOver && !waiting.isMet()) continue
      this.#waiting.delete(waiting)
      waiting.resolve()
    }
  }

  /** Nothing changes any more. */
  end(): void {
    this.#areOver = true
    this.look()
  }
}

// The longest that Node takes: 25 days.
const longestTimerMs = 2 ** 31 - 1

/** Keeps this program alive until the returned function is called: parked processes and held links alone do not. */
export function keepAlive(): () => void {
  const timer = setInterval(() => {}, longestTimerMs)
  return () => clearInterval(timer)
}
