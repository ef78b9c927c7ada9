/** When a loop that always finds something lets the event loop have a turn. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { nextTurn, noteTurn, Pace } from '../../../src/ipc/pace.js'

let nowMs = 1000
beforeEach(() => {
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
})
afterEach(() => {
  vi.restoreAllMocks()
})

/** Steps of `stepMs` until a turn is due; how long that was. */
function run(pace: Pace, stepMs: number, before = () => {}): number {
  const startedAt = nowMs
  for (let step = 0; step < 100_000; step++) {
    if (pace.isDue()) return nowMs - startedAt
    before()
    nowMs += stepMs
  }
  throw new Error('never')
}

function makeQuick(): Pace {
  const pace = new Pace()
  for (let step = 0; step < 5000; step++) {
    nowMs += 0.00001
    if (pace.isDue()) throw new Error('too early')
  }
  return pace
}

test('a turn is due about 1 ms after the one before, however long a step takes', () => {
  for (const stepMs of [0.0001, 0.02, 0.3, 5]) {
    const tookMs = run(new Pace(), stepMs)
    expect(tookMs).toBeGreaterThanOrEqual(1)
    expect(tookMs).toBeLessThan(1.6 + stepMs)
  }
})

test('steps that wait are not taken for as quick as those before', () => {
  const pace = makeQuick()
  expect(run(pace, 0.05, () => pace.noteWait())).toBeLessThan(2)
})

test('a turn counts whoever gave it', async () => {
  const pace = new Pace()
  pace.isDue()
  for (const give of [noteTurn, nextTurn]) {
    nowMs += 0.9
    await give()
    expect(pace.isDue()).toBe(false)
    nowMs += 0.9
    expect(pace.isDue()).toBe(false)
  }
  nowMs += 0.9
  expect(pace.isDue()).toBe(true)
})
