/** Those who wait for room in a ring: in order, however many, and not at the cost of anything else in the program. */
import { closeSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import type { RingOutlet } from '../../../src/ipc/ring-outlet.js'
import { RoomLine } from '../../../src/ipc/ring-room.js'
import { createLoop } from '../../../src/platform/index.js'

const bells: number[] = []
afterEach(() => {
  for (const bell of bells.splice(0)) closeSync(bell)
})

/** A lane that has room once it is told so. */
function makeLine() {
  const lane = {
    bytes: Buffer.alloc(4096),
    hasRoom: () => lane.isFree,
    sleep: () => !lane.isFree,
    noteStall() {},
    wake() {},
    isFree: false,
  }
  const outlet = { lane, reserved: null, isOpen: true } as unknown as RingOutlet
  bells.push(createLoop())
  return { line: new RoomLine(outlet, bells.at(-1)!), lane }
}

/** Large enough that a look through all of them for each would take minutes. */
const many = 300_000

test('hundreds of thousands are served in the order in which they came', { timeout: 60_000 }, async () => {
  const { line, lane } = makeLine()
  const served: number[] = []
  const all = Array.from({ length: many }, (_, number) =>
    line.enter(0, () => lane.isFree && served.push(number) > 0, undefined),
  )
  lane.isFree = true
  line.lookAgain()
  await Promise.all(all)
  expect(served.length).toBe(many)
  expect(served.findIndex((number, index) => number !== index)).toBe(-1)
  expect(line.isEmpty).toBe(true)
  line.close(new Error('closed'))
})

test('any of hundreds of thousands may leave', { timeout: 60_000 }, async () => {
  const { line, lane } = makeLine()
  const leave: (() => void)[] = []
  // What a signal of Node's costs itself would be most of it.
  const signal = { addEventListener: (_: string, listener: () => void) => leave.push(listener), reason: 'left' }
  const all = Array.from({ length: many }, () => line.enter(0, () => lane.isFree, signal as unknown as AbortSignal))
  const last = line.enter(0, () => lane.isFree, undefined)
  const ends = Promise.allSettled(all)
  for (const one of leave) one()
  expect((await ends).filter(({ status }) => status === 'rejected').length).toBe(many)
  lane.isFree = true
  line.lookAgain()
  expect(await last).toBe(true)
  line.close(new Error('closed'))
})

test('the event loop has its turns while they are served one after another', async () => {
  const { line, lane } = makeLine()
  let served = 0
  const serve = (): boolean => {
    if (!lane.isFree) return false
    for (const endsAt = performance.now() + 0.2; performance.now() < endsAt; );
    return ++served > 0
  }
  const all = Array.from({ length: 100 }, () => line.enter(0, serve, undefined))
  const servedAtTurn = new Promise<number>(resolve => {
    setImmediate(() => {
      setImmediate(() => resolve(served))
      lane.isFree = true
      line.lookAgain()
    })
  })
  expect(await servedAtTurn).toBeLessThan(100)
  await Promise.all(all)
  expect(served).toBe(100)
  line.close(new Error('closed'))
})

test('who comes while others are served is served too, and nobody who has left', async () => {
  const { line, lane } = makeLine()
  const stop = new AbortController()
  const served: string[] = []
  const enter = (name: string, then = () => {}, signal?: AbortSignal) =>
    line.enter(
      0,
      () => {
        if (!lane.isFree) return false
        served.push(name)
        then()
        return true
      },
      signal,
    )
  let late: Promise<true> | undefined
  const first = enter('first', () => {
    stop.abort()
    late = enter('late')
  })
  const second = enter('second', undefined, stop.signal)
  lane.isFree = true
  line.lookAgain()
  await expect(second).rejects.toThrow('aborted')
  await Promise.all([first, late])
  expect(served).toEqual(['first', 'late'])
  line.close(new Error('closed'))
})
