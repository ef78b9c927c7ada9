import { closeSync, writeSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { makeBells, ring } from '../../../src/ipc/ring-bells.js'
import { OwnBell } from '../../../src/ipc/ring-own-bell.js'
import { pollNow } from '../../../src/platform/index.js'
import { until } from '../../support/conditions.js'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

function makeBell(onRung = () => {}) {
  const [descriptor] = makeBells({ write: [], read: ['reader'] } as never).read as [number]
  const bell = new OwnBell(descriptor, onRung)
  closing.push(() => {
    bell.close()
    closeSync(descriptor)
  })
  return { bell, ring: () => ring([descriptor], 1), descriptor }
}

test('a bell that has woken somebody is silent soon, though nobody sleeps again', async () => {
  const { bell, ring, descriptor } = makeBell()
  const slept = bell.sleep()
  ring()
  await slept
  await until('it is silent', () => !pollNow(descriptor).readable)
  ring()
  await until('it is silent again', () => !pollNow(descriptor).readable)
})

test('who sleeps again is not woken by what it was woken by before, however often that rang', async () => {
  const { bell, ring } = makeBell()
  for (let round = 0; round < 3; round++) {
    const first = bell.sleep()
    for (let time = 0; time < 20; time++) ring()
    await first
    let isAwake = false
    const second = bell.sleep().then(() => {
      isAwake = true
    })
    for (let turn = 0; turn < 5; turn++) await nextTurn()
    expect(isAwake).toBe(false)
    ring()
    await second
  }
})

test('who is rung is told before the promise of the sleep resolves, and only if it sleeps', async () => {
  const order: string[] = []
  const { bell, ring, descriptor } = makeBell(() => order.push('told'))
  const slept = bell.sleep().then(() => order.push('awake'))
  ring()
  await slept
  bell.wake()
  ring()
  await until('it is silent', () => !pollNow(descriptor).readable)
  expect(order).toEqual(['told', 'awake'])
})

test('a bell that is full rings, and who rings it does not mind', async () => {
  const { bell, ring, descriptor } = makeBell()
  expect(() => {
    for (;;) writeSync(descriptor, Buffer.alloc(8))
  }).toThrow(/EAGAIN/)
  ring()
  await bell.sleep()
  await until('it is silent', () => !pollNow(descriptor).readable)
})
