import { closeSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { buildPlan } from '../../../src/config/build-plan.js'
import type { Event } from '../../../src/ipc/event-end.js'
import type { LinkObject } from '../../../src/ipc/kind.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { isNonBlocking, makeBlocking } from '../../../src/platform/index.js'
import { listOpenDescriptors } from '../../support/host.js'
import { createLink, makeDirectory } from '../support.js'

const made: LinkObject[] = []
const opened: Event[] = []

afterEach(() => {
  for (const end of opened.splice(0)) end.close()
  for (const object of made.splice(0)) object.destroy()
})

function create(options: object = {}): LinkObject {
  const object = createLink({ kind: 'event', ...options }, makeDirectory())
  made.push(object)
  return object
}

async function open(object: LinkObject, side: string): Promise<Event> {
  const end = await kinds.event.open({ descriptor: object.take(side), side, hint: {} })
  opened.push(end)
  return end
}

const largest = 2n ** 64n - 2n

test.each([
  [{ initial: 2 ** 32 }, /initial: must be a whole number from 0 to 4294967295, got 4294967296/],
  [{ initial: -1 }, /initial: must be a whole number/],
  [{ mode: 'bell' }, /mode: must be one of "counter" or "semaphore"/],
])('%j is refused', (options, says) => {
  const processes = {
    one: { command: 'true', links: { data: 'signal' } },
    two: { command: 'true', links: { data: 'wait' } },
  }
  const config = { links: { data: { kind: 'event', ...options } }, processes }
  const build = () => buildPlan(config, { kinds, directory: '/', configPath: null, isEmbedded: true })
  expect(build).toThrow(says)
})

test('begins with its initial value, the largest included', async () => {
  expect([create().facts().value, create({ initial: 2 ** 32 - 1 }).facts().value]).toEqual([0, 2 ** 32 - 1])
})

test('§19 every descriptor of it is non-blocking, and the host may not change that', () => {
  const object = create()
  expect(object.sharesDescription).toBe(false)
  for (const side of ['signal', 'wait']) {
    const descriptor = object.take(side)
    expect(isNonBlocking(descriptor)).toBe(true)
    closeSync(descriptor)
  }
})

test('a child that made it blocking does not keep the next one from a non-blocking one', () => {
  const object = create()
  const first = object.take('wait')
  makeBlocking(first)
  const second = object.take('wait')
  expect(isNonBlocking(second)).toBe(true)
  for (const descriptor of [first, second]) closeSync(descriptor)
})

describe('in a Node program', () => {
  test('mode counter: one wait takes all that was signalled', async () => {
    const object = create({ initial: 3 })
    const [from, to] = [await open(object, 'signal'), await open(object, 'wait')]
    await from.signal(2)
    await from.signal(4n)
    expect([await to.wait(), object.facts().value]).toEqual([9n, 0])
  })

  test('mode semaphore: one wait takes 1', async () => {
    const object = create({ mode: 'semaphore', initial: 2 })
    const to = await open(object, 'wait')
    expect([await to.wait(), object.facts().value]).toEqual([1n, 1])
  })

  test('who waits is woken, in order of the calls, and several ends share what comes', async () => {
    const object = create({ mode: 'semaphore' })
    const [from, to] = [await open(object, 'signal'), await open(object, 'wait')]
    const order: number[] = []
    const waiting = [1, 2, 3].map(number => to.wait().then(() => order.push(number)))
    for (let number = 0; number < 3; number++) await from.signal()
    await Promise.all(waiting)
    expect(order).toEqual([1, 2, 3])
  })

  test.each([[0], [-1], [1.5], [2n ** 64n - 1n], [2 ** 60]])('an amount of %s is refused', async amount => {
    const from = await open(create(), 'signal')
    await expect(from.signal(amount)).rejects.toMatchObject({ code: 'IPCSUP_ERR_VALUE_RANGE' })
  })

  test('a signal for which there is no room waits until somebody takes, also in the program that waits', async () => {
    const object = create()
    const end = await open(object, 'signal')
    await end.signal(largest)
    let isDone = false
    const waiting = end.signal(2).then(() => {
      isDone = true
    })
    await new Promise(resolve => setImmediate(resolve))
    expect(isDone).toBe(false)
    expect(await end.wait()).toBe(largest)
    await waiting
    expect(await end.wait()).toBe(2n)
  })

  test('a signal that does not fit waits without turning in circles where a smaller one would fit', async () => {
    const end = await open(create(), 'signal')
    await end.signal(largest - 1n)
    const waiting = end.signal(5)
    const countTurns = () => performance.nodeTiming.uvMetricsInfo.loopCount
    const [before, startMs] = [countTurns(), performance.now()]
    await new Promise(resolve => setTimeout(resolve, 100))
    // It tries every 5 ms; in circles it would be some thousands.
    expect(countTurns() - before).toBeLessThan(100 + performance.now() - startMs)
    expect(await end.wait()).toBe(largest - 1n)
    await waiting
    expect(await end.wait()).toBe(5n)
    await end.signal(largest - 1n)
    const closed = end.signal(2)
    end.close()
    await expect(closed).rejects.toThrow(/closed/)
  })

  test('closing wakes who waits, and leaves no descriptor', async () => {
    const object = create()
    const before = listOpenDescriptors()
    const to = await open(object, 'wait')
    const waiting = to.wait()
    await new Promise(resolve => setImmediate(resolve))
    const closed = new Promise<void>(resolve => to.once('close', resolve))
    to.close()
    await expect(waiting).rejects.toThrow(/closed/)
    await closed
    await expect(to.wait()).rejects.toThrow(/closed/)
    // libuv keeps a descriptor of its own for the loop that watches.
    expect(listOpenDescriptors().filter(row => row.includes('eventfd')).length).toBe(
      before.filter(row => row.includes('eventfd')).length,
    )
  })
})
