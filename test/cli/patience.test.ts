import { expect, test } from 'vitest'
import { waitForStop } from '../../src/cli/patience.js'
import type { ProcessStatus, Status } from '../../src/supervisor/controls.js'
import { VirtualClock } from '../supervisor/logs/support.js'

const nextTurn = () => new Promise(resolve => setImmediate(resolve))

test('a stop that takes long says for whom it waits, once for each that ends, and how not to wait', async () => {
  const clock = new VirtualClock()
  const said: string[] = []
  let live = ['parse', 'sort']
  let isBusy = false
  let end = (_: string): void => {}
  const stopping = new Promise<string>(resolve => {
    end = resolve
  })
  const answer = waitForStop(stopping, {
    status: async () => {
      if (isBusy) throw new Error('busy')
      const processes = ['parse', 'sort'].map((name, index) => ({ name, pid: live.includes(name) ? index : null }))
      return { processes: processes as ProcessStatus[] } as unknown as Status
    },
    say: line => void said.push(line),
    advice: ' Try `--now`.',
    schedule: clock.schedule,
  })
  const pass = async (ms: number) => {
    clock.advance(ms)
    await nextTurn()
    return said.splice(0)
  }
  expect(await pass(4_999)).toEqual([])
  expect(await pass(1)).toEqual(['Waiting for parse, sort to end. Try `--now`.'])
  expect(await pass(5_000)).toEqual([])
  isBusy = true
  expect(await pass(5_000)).toEqual([])
  isBusy = false
  live = ['sort']
  expect(await pass(5_000)).toEqual(['Waiting for sort to end. Try `--now`.'])
  live = []
  const rest = 'All processes have ended; waiting for what they left behind, and for their logs. Try `--now`.'
  expect(await pass(5_000)).toEqual([rest])
  end('report')
  expect([await answer, clock.pending]).toEqual(['report', 0])
})

test('a stop that waits for hundreds names some of them, and leaves no timer when it fails', async () => {
  const clock = new VirtualClock()
  const said: string[] = []
  let fail = (_: Error): void => {}
  const stopping = new Promise<never>((_, reject) => {
    fail = reject
  })
  const processes = Array.from({ length: 300 }, (_, pid) => ({ name: `w${pid}`, pid }) as ProcessStatus)
  const status = async () => ({ processes }) as unknown as Status
  const answer = waitForStop(stopping, {
    status,
    say: line => void said.push(line),
    advice: '',
    schedule: clock.schedule,
  })
  clock.advance(5_000)
  await nextTurn()
  expect(said).toEqual(['Waiting for w0, w1, w2, w3, w4, w5, w6, w7 and 292 more to end.'])
  fail(new Error('gone'))
  await expect(answer).rejects.toThrow('gone')
  expect(clock.pending).toBe(0)
})
