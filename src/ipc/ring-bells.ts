/** The bells of a ring: pipes in a circle, one for each end, rung only while that end sleeps. */
import { closeSync, writeSync } from 'node:fs'
import { createLoop } from '../platform/index.js'
import type { RingSlots } from './ring-slots.js'
import { noteRung } from './spin.js'

const one = Buffer.from(BigUint64Array.of(1n).buffer)

/** For a ring that is given up. */
export const everybody = -1

/** A bell for each slot; the caller closes them. */
export function makeBells(slots: RingSlots): Readonly<Record<keyof RingSlots, readonly number[]>> {
  const made: number[] = []
  const make = (): number => {
    const bell = createLoop()
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
    // It is full, so it rings.
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
  }
}
