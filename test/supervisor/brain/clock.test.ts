import { closeSync, writeSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createPipe, watchReadable } from '../../../src/platform/index.js'
import { realClock } from '../../../src/supervisor/brain/clock.js'
import { until } from '../../support/conditions.js'

/** Nothing of this program goes on meanwhile. */
function holdUp(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

test('after it was held up itself, the supervisor looks at what has come before it acts on a time that is over', async () => {
  const seen: string[] = []
  const { read, write } = createPipe()
  const stop = watchReadable(read, () => {
    stop()
    seen.push('what came')
  })
  // The loop goes from here to its timers.
  await turn()
  realClock.after(1, () => seen.push('the time'))
  writeSync(write, 'x')
  holdUp(10)
  await until('both are over', () => seen.length === 2)
  expect(seen).toEqual(['what came', 'the time'])
  closeSync(read)
  closeSync(write)
})

test('a time that was cancelled does not come, not even when it is over already', async () => {
  const seen: string[] = []
  const cancels = [realClock.after(1, () => cancels[1]!()), realClock.after(1, () => seen.push('cancelled'))]
  await turn()
  holdUp(10)
  await new Promise<void>(resolve => void realClock.after(1, resolve))
  expect(seen).toEqual([])
})
