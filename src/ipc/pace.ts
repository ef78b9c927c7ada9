/** For loops that may always find something to do: promises that are fulfilled already let no timer and no input in. */

const budgetMs = 1
const mostSteps = 1024
/** Until the clock is looked at again after a step that waited: the next ones may take as long, up to 50 µs each. */
const mostWaits = 8

let turns = 0

/** For what is called by the event loop itself: who goes on from there has let the timers in. */
export function noteTurn(): void {
  turns++
}

/** Tells such a loop when the event loop is to have a turn: after about 1 ms. One for each loop. */
export class Pace {
  #left = 1
  #stride = 1
  #turnAt = 0
  #lookedAt = 0
  #turn = turns

  /** Asked once for each step; the clock is looked at a few times in each ms only. */
  isDue(): boolean {
    return --this.#left <= 0 && this.#look()
  }

  /** The event loop has its turn, whoever gave it. */
  restart(): void {
    this.#turnAt = 0
    this.#left = 1
    this.#stride = 1
  }

  /** This step waits for something, without a turn of the event loop. */
  noteWait(): void {
    if (this.#left <= mostWaits) return
    this.#stride -= this.#left - mostWaits
    this.#left = mostWaits
  }

  #look(): boolean {
    const now = performance.now()
    if (this.#turn !== turns) {
      this.#turn = turns
      this.#turnAt = 0
    }
    if (this.#turnAt === 0) this.#turnAt = now
    else this.#adapt(now - this.#lookedAt)
    this.#lookedAt = now
    this.#left = this.#stride
    if (now - this.#turnAt < budgetMs) return false
    this.restart()
    return true
  }

  /** Steps are as long as what the program does in each: four looks in a budget. */
  #adapt(tookMs: number): void {
    const fits = tookMs > 0 ? (this.#stride * budgetMs) / 4 / tookMs : mostSteps
    this.#stride = Math.max(1, Math.min(mostSteps, this.#stride * 4, Math.floor(fits)))
  }
}

/** Resolves after a turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => {
    setImmediate(() => {
      noteTurn()
      resolve()
    })
  })
}
