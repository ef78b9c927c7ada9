/** The work of the brain, one job after the other. */
export class Jobs {
  readonly #settle: () => void
  readonly #broke: (error: unknown) => void
  readonly #waiting: (() => void)[] = []
  #isBusy = false
  #isStopped = false

  /**
   * @param settle - draws all consequences of a job
   * @param broke - told once, of a job that threw, or why the jobs were stopped; none is done any more then
   */
  constructor(settle: () => void, broke: (error: unknown) => void) {
    this.#settle = settle
    this.#broke = broke
  }

  /** Runs a job after those already queued, so that a host that answers at once never finds the brain half-way. */
  run(job: () => void): void {
    if (this.#isStopped) return
    this.#waiting.push(job)
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
        next()
        this.#settle()
      }
    } catch (error) {
      this.stop(error)
    } finally {
      this.#isBusy = false
    }
  }

  /** What a job has left half-way could be anything: nothing is decided from here on. */
  stop(error: unknown): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#waiting.length = 0
    this.#broke(error)
  }
}
