/** Looking again and again for a few microseconds before going to sleep: a sleep and its end cost more than that. */
import { availableParallelism } from 'node:os'
import { yieldProcessor } from '../platform/index.js'

const longestMs = 0.05
const shortestMs = 0.002
/**
 * Who is awake on another processor has answered by then. Otherwise the answer may wait for this very one: Linux often puts
 * who is woken where the one who rang runs, and leaves both there for as long as each of them sleeps in turn.
 */
const aloneMs = 0.02
/** Looks between two looks at the clock. */
const looks = 32
/**
 * A wait that was over so soon would have been over while spinning, had the other side not been asleep too. Once both have
 * taken to sleeping, nothing else would let them find back.
 */
const soonMs = 0.25

let rangAt = Number.NEGATIVE_INFINITY
let hasRung = false

/**
 * Somebody who slept was rung. Until that one runs, the processor is better left to it than spun on: the next wait does not
 * spin. But who rings so soon again would do without bells if both spun.
 */
export function noteRung(): void {
  const now = performance.now()
  hasRung = now - rangAt > soonMs
  rangAt = now
}

/** How long a wait of one end spins: less and less where what it waits for takes long, not at all in the end. */
export class Spin {
  private readonly mostMs = availableParallelism() > 1 ? longestMs : 0
  private limitMs = this.mostMs
  private startedAt = 0
  /** The answer before came after others had been let have the processor: one of them sent it. */
  private isShared = false

  /** True as soon as `look` is. */
  until(look: () => boolean): boolean {
    if (this.limitMs === 0 || hasRung) {
      hasRung = false
      this.startedAt = performance.now()
      return look()
    }
    // Who is awake answers within a microsecond, of which a look at the clock would take a part.
    for (let left = looks; left > 0; left--) if (look()) return true
    this.startedAt = performance.now()
    let now = this.startedAt
    const endsAt = now + this.limitMs
    const yieldsAt = this.isShared ? now : now + aloneMs
    this.isShared = false
    do {
      if (now >= yieldsAt) yieldProcessor()
      for (let left = looks; left > 0; left--) {
        if (!look()) continue
        this.isShared = now >= yieldsAt
        return true
      }
      now = performance.now()
    } while (now < endsAt)
    return false
  }

  /** After the sleep that came when spinning had not helped. */
  slept(): void {
    if (performance.now() - this.startedAt < soonMs) this.limitMs = this.mostMs
    else this.limitMs = this.limitMs > shortestMs ? this.limitMs / 2 : 0
  }
}
