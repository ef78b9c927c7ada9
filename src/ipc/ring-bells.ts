/** The bells of a ring: event descriptors, one for each end, rung only while that end sleeps. */
import { closeSync, readSync, writeSync } from 'node:fs'
import { createEvent, type StandingWatch, watchReadable } from '../platform/index.js'
import type { RingSlots } from './ring-slots.js'
import { noteRung } from './spin.js'

const one = Buffer.from(BigUint64Array.of(1n).buffer)

/** For a ring that is given up. */
export const everybody = -1

/** An event descriptor for each slot; the caller closes them. */
export function makeBells(slots: RingSlots): Readonly<Record<keyof RingSlots, readonly number[]>> {
  const made: number[] = []
  const make = (): number => {
    const bell = createEvent(0, 'counter')
    made.push(bell)
    return bell
  }
  try {
    return { write: slots.write.map(make), read: slots.read.map(make) }
  } catch (error) {
    for (const bell of made) closeSync(bell)
    throw error
  }
}

/** Rings those of `bells` whose bits are set. */
export function ring(bells: readonly number[], mask: number): void {
  for (let index = 0, rest = mask >>> 0; rest !== 0 && index < bells.length; index++, rest >>>= 1) {
    if ((rest & 1) === 1) ringOne(bells[index]!)
  }
}

function ringOne(bell: number): void {
  try {
    writeSync(bell, one)
    noteRung()
  } catch (error) {
    // It stands at its highest, so it rings.
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
  }
}

/** An end's own bell. One watch for all the sleeps of that end: to make one costs more than a message. */
export class OwnBell {
  private watch: StandingWatch | null = null
  private readonly taken = Buffer.alloc(8)
  private wakeSleeper: (() => void) | null = null
  /** It was rung, and not read yet. */
  private isLoud = false

  constructor(private readonly descriptor: number) {}

  /** Resolves when it was rung, or `wake` was called. The program waits for that. */
  sleep(): Promise<void> {
    if (this.watch === null) this.watch = watchReadable(this.descriptor, () => this.answer())
    else this.watch.ref()
    return new Promise(resolve => {
      this.wakeSleeper = resolve
    })
  }

  wake(): void {
    if (this.wakeSleeper === null) return
    this.wakeSleeper()
    this.wakeSleeper = null
    this.watch?.unref()
  }

  /** To be called before its owner says that it sleeps, and looks for the last time: what was rung until now is seen there. */
  silence(): void {
    if (!this.isLoud) return
    this.isLoud = false
    try {
      readSync(this.descriptor, this.taken)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }

  /** Before its descriptor is closed. Wakes. */
  close(): void {
    this.wake()
    this.watch?.()
    this.watch = null
  }

  /** Who was woken comes first, and mostly goes to sleep again in the same turn; or it rings here again in the next one. */
  private answer(): void {
    if (this.isLoud) this.silence()
    else this.isLoud = true
    this.wake()
  }
}
