import { EventEmitter } from 'node:events'
import { closeSync, writeSync } from 'node:fs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createLogs } from '../../../src/supervisor/logs/create.js'
import type { Logs } from '../../../src/supervisor/logs/logs.js'
import type { ToWorker } from '../../../src/supervisor/logs/messages.js'
import { StreamAccount } from '../../../src/supervisor/logs/stream-account.js'
import { makePipe } from './support.js'

// A thread that begins and answers when told.
const thread = vi.hoisted(() => ({ current: null as null | EventEmitter }))
vi.mock('node:worker_threads', async importOriginal => ({
  ...(await importOriginal<typeof import('node:worker_threads')>()),
  Worker: class extends EventEmitter {
    constructor() {
      super()
      thread.current = this
    }
    ref() {}
    unref() {}
    postMessage(message: ToWorker) {
      // Takes these streams only, and has read that many bytes more of them than it has written.
      const heldBytes = message.type === 'attach' ? { held: 100, idle: 0 }[message.stream.process] : undefined
      if (message.type !== 'attach' || heldBytes === undefined) return
      const account = new StreamAccount(message.account)
      account.take()
      account.hold(heldBytes)
    }
    async terminate() {}
  },
}))

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

function create() {
  const warnings: string[] = []
  const common = { directory: '/nowhere', maxBytes: 1, files: 1, display: { descriptor: 1, color: false } }
  const logs = createLogs({ ...common, onWarning: message => void warnings.push(message) })
  // The first that there is to do starts the thread.
  logs.show('x')
  return { logs, warnings, closed: { type: 'closed', dropped: { 'a.stdout': 3 } } }
}

function attach(logs: Logs, process: string, text: string): number {
  const { read, write } = makePipe()
  writeSync(write, text)
  closeSync(write)
  logs.attach({ process, stream: 'stdout', descriptor: read })
  return read
}

test('a worker whose thread is late to begin does not hang', async () => {
  const { logs, warnings, closed } = create()
  const closing = logs.close({ deadlineMs: 100 })
  await vi.advanceTimersByTimeAsync(60_000)
  thread.current!.emit('online')
  await vi.advanceTimersByTimeAsync(100)
  thread.current!.emit('message', closed)
  expect([await closing, warnings]).toEqual([closed.dropped, []])
})

test('an answer that was there when the time was over counts', async () => {
  const { logs, warnings, closed } = create()
  thread.current!.emit('online')
  const closing = logs.close({ deadlineMs: 100 })
  await Promise.resolve()
  await Promise.resolve()
  vi.advanceTimersByTime(60_000)
  thread.current!.emit('message', closed)
  expect([await closing, warnings]).toEqual([closed.dropped, []])
})

test('a worker that does not answer is said to hang', async () => {
  const { logs, warnings } = create()
  thread.current!.emit('online')
  const closing = logs.close({ deadlineMs: 100 })
  await vi.advanceTimersByTimeAsync(60_000)
  expect([await closing, warnings]).toEqual([{}, [expect.stringContaining('hangs in a write')]])
})

test('§14 what a worker that hangs has not written is counted, and what it never came to', async () => {
  const { logs } = create()
  thread.current!.emit('online')
  const taken = [attach(logs, 'held', 'abc'), attach(logs, 'idle', '')]
  attach(logs, 'new', 'de')
  attach(logs, 'silent', '')
  const closing = logs.close({ deadlineMs: 100 })
  await vi.advanceTimersByTimeAsync(60_000)
  expect(await closing).toEqual({ 'held.stdout': 103, 'new.stdout': 2 })
  for (const descriptor of taken) closeSync(descriptor)
})

test('§14 of a worker that failed the log is not whole, even if it is not known how much is lost', async () => {
  const { logs, warnings } = create()
  thread.current!.emit('online')
  const read = attach(logs, 'held', 'abc')
  // Its end closes what it had.
  thread.current!.emit('error', new Error('no memory'))
  closeSync(read)
  attach(logs, 'late', 'de')
  expect(await logs.close({ deadlineMs: 100 })).toEqual({ 'held.stdout': 103, 'late.stdout': 2 })
  expect(warnings).toEqual([expect.stringContaining('no memory')])
})
