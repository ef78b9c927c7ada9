import { expect, test } from 'vitest'
import { type Looking, lookNoMore, lookSoon } from '../../../src/ipc/service/line-watch.js'
import { until } from '../../support/conditions.js'

/** A connection that has something whenever `take` says so. */
function makeLooking(take: () => boolean): Looking & { sleeps: number } {
  const looking = {
    idleLooks: 0,
    sleeps: 0,
    flush: () => {},
    watch: () => {},
    take,
    hasNext: () => false,
    isExpecting: () => false,
    sleep: () => {
      looking.sleeps += 1
      return true
    },
  }
  return looking
}

test('a conversation without a pause lets timers in', async () => {
  let isLetIn = false
  setTimeout(() => {
    isLetIn = true
  }, 1)
  let looks = 0
  const talking = makeLooking(() => ++looks < 10_000_000 && !isLetIn)
  lookSoon(talking)
  await until('it is over', () => talking.sleeps > 0)
  expect(isLetIn).toBe(true)
})

test('connections that always have more have their turns one after another', async () => {
  const busyMs = 3
  const turns: string[] = []
  const work = (name: string) => () => {
    if (turns.length >= 30) return false
    turns.push(name)
    const endsAt = performance.now() + busyMs
    while (performance.now() < endsAt);
    return true
  }
  const connections = ['a', 'b', 'c'].map(name => makeLooking(work(name)))
  for (const one of connections) lookSoon(one)
  await until('it is over', () => connections.every(({ sleeps }) => sleeps > 0))
  for (const name of ['a', 'b', 'c']) expect(turns.filter(turn => turn === name)).toHaveLength(10)
})

test('one that is quiet sleeps although another one is busy', async () => {
  const quiet = makeLooking(() => false)
  const busy = makeLooking(() => quiet.sleeps === 0)
  lookSoon(busy)
  lookSoon(quiet)
  await until('both sleep', () => busy.sleeps > 0)
  expect([quiet.sleeps, quiet.idleLooks]).toEqual([1, 65])
})

test('one that is closed while it reads is not looked after any more', async () => {
  let takes = 0
  const closed = makeLooking(() => {
    takes += 1
    lookNoMore(closed)
    return true
  })
  const other = makeLooking(() => false)
  lookSoon(closed)
  lookSoon(other)
  await until('the other one sleeps', () => other.sleeps > 0)
  expect([takes, closed.sleeps]).toEqual([1, 0])
})
