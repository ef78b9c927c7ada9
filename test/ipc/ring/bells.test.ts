import { closeSync, writeSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { OwnBell } from '../../../src/ipc/ring-bells.js'
import { createEvent, pollNow } from '../../../src/platform/index.js'
import { until } from '../../support/conditions.js'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

function makeBell() {
  const descriptor = createEvent(0, 'counter')
  const bell = new OwnBell(descriptor)
  closing.push(() => {
    bell.close()
    closeSync(descriptor)
  })
  return { bell, ring: () => void writeSync(descriptor, BigUint64Array.of(1n)), descriptor }
}

test('a bell that has woken somebody is silent soon, though nobody sleeps again', async () => {
  const { bell, ring, descriptor } = makeBell()
  const slept = bell.sleep()
  ring()
  await slept
  await until('it is silent', () => !pollNow(descriptor).readable)
})

test('who sleeps again after silencing it is not woken by what it was woken by before', async () => {
  const { bell, ring } = makeBell()
  for (let round = 0; round < 3; round++) {
    const first = bell.sleep()
    ring()
    await first
    bell.silence()
    let isAwake = false
    const second = bell.sleep().then(() => {
      isAwake = true
    })
    for (let turn = 0; turn < 5; turn++) await nextTurn()
    expect(isAwake).toBe(false)
    ring()
    await second
    bell.silence()
  }
})
