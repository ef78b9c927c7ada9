/** Those who wait, in the order in which they came; any of them may leave. However many they are, each step costs the same. */
export class LeavingLine<Waiter> {
  private readonly waiters = new Set<Waiter>()
  /** One for all: a new one would pass all who have left. It meets those who come later. */
  private walk = this.waiters.values()
  private front: Waiter | undefined

  get size(): number {
    return this.waiters.size
  }

  add(waiter: Waiter): void {
    this.waiters.add(waiter)
  }

  delete(waiter: Waiter): void {
    this.waiters.delete(waiter)
  }

  /** Who came first of those that are there; undefined: nobody is. */
  first(): Waiter | undefined {
    if (this.waiters.size === 0) return undefined
    while (this.front === undefined || !this.waiters.has(this.front)) {
      const step = this.walk.next()
      if (step.done) this.walk = this.waiters.values()
      else this.front = step.value
    }
    return this.front
  }

  /** All of them, who leave by that. */
  takeAll(): Waiter[] {
    const all = [...this.waiters]
    this.waiters.clear()
    return all
  }
}
