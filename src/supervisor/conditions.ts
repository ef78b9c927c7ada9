/** Promises for conditions that are looked at whenever something has changed. */
export class Conditions {
  readonly #waiting = new Set<{ readonly isMet: () => boolean; readonly resolve: () => void }>()
  #areOver = false

  /** Resolves as soon as the condition is met, or can no longer be. */
  until(isMet: () => boolean): Promise<void> {
    if (this.#areOver || isMet()) return Promise.resolve()
    return new Promise(resolve => this.#waiting.add({ isMet, resolve }))
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
