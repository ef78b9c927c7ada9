/** Ends of a ring in worker threads, which may be ended at any time without a word. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, expect, test } from 'vitest'
import { header, lane, laneStart, reader, readerStart } from '../../../src/ipc/ring/layout.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { makeRing, type TestRing } from './test-ring.js'

const program = bundleProgram(join(import.meta.dirname, 'drivers/worker-ends.ts'))
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function ringOf(...given: Parameters<typeof makeRing>): TestRing {
  const ring = makeRing(...given)
  closing.push(() => ring.close())
  return ring
}

/** A program with an end, which answers each word with a line. */
function start(ring: TestRing, side: 'write' | 'read') {
  const end = ring.hand(side)
  const data = { kind: 'ring', side, fd: 3, options: {} }
  const child: ChildProcess = spawn(process.execPath, [program], {
    env: { ...process.env, IPCSUP_LINKS: JSON.stringify({ data }) },
    stdio: ['pipe', 'pipe', 'pipe', end],
  })
  closeSync(end)
  closing.push(() => child.kill('SIGKILL'))
  let warnings = ''
  child.stderr!.on('data', text => {
    warnings += text
  })
  const lines = createInterface(child.stdout!)[Symbol.asyncIterator]()
  return {
    ask: async (word: string): Promise<string> => {
      child.stdin!.write(`${word}\n`)
      return (await lines.next()).value
    },
    /** Resolves with what it wrote to its standard error. */
    end: async (): Promise<string> => {
      child.stdin!.end()
      await once(child, 'close')
      return warnings
    },
  }
}

const isReaderAsleep = (ring: TestRing) => () => ring.get(readerStart(ring.geometry, 0) + reader.waiting) === 2
const isWriterAsleep = (ring: TestRing) => () => ring.get(laneStart(0) + lane.waiting) === 2

test('the place of a thread that was ended while it waited is free for others, also of another program', async () => {
  const ring = ringOf()
  const writer = await ring.writer()
  closing.push(() => writer.close())
  await writer.send('one')
  const threads = start(ring, 'read')
  expect(await threads.ask('start')).toBe('received one')
  await until('it waits for the next', isReaderAsleep(ring))
  await expect(ring.reader()).rejects.toMatchObject({ code: 'IPCSUP_ERR_RING_LAYOUT', detail: { errno: 'EBUSY' } })
  expect(await threads.ask('end')).toBe('ended')
  const other = await ring.reader()
  expect((await other.receive())!.text).toBe('one')
  other.close()
  expect(await threads.ask('start')).toBe('received one')
  expect(await threads.end()).toBe('')
})

test('a writing thread that was ended while it waited for room is followed by the next', async () => {
  const ring = ringOf()
  const threads = start(ring, 'write')
  expect(await threads.ask('start')).toBe('sent true')
  await until('it waits for room', isWriterAsleep(ring))
  expect(await threads.ask('end')).toBe('ended')
  const reader = await ring.reader()
  closing.push(() => reader.close())
  for (let sequence = 1; sequence <= 4; sequence++) expect((await reader.receive())!.sequence).toBe(sequence)
  reader.ack()
  expect(await threads.ask('start')).toBe('sent true')
  expect((await reader.receive())!.sequence).toBe(5)
  expect(await threads.end()).toBe('')
})

test('threads that were ended leave no descriptor open, and those that close their end warn of nothing', async () => {
  const ring = ringOf({ mode: 'share', readers: 3, writers: 3 })
  const writer = await ring.writer()
  closing.push(() => writer.close())
  await writer.send('one')
  const threads = start(ring, 'read')
  const counts: string[] = []
  for (const how of ['end', 'end', 'close', 'end', 'close', 'end']) {
    expect(await threads.ask('start')).toBe('received one')
    expect(await threads.ask(how)).toBe(how === 'end' ? 'ended' : 'closed')
    counts.push(await threads.ask('count'))
  }
  expect(new Set(counts.slice(1))).toEqual(new Set([counts[1]]))
  expect(await threads.end()).toBe('')
})

test.each([
  ['read', isReaderAsleep],
  ['write', isWriterAsleep],
] as const)(
  'a thread that waits at its %s end opens nothing for that, which might stay open when it is ended',
  async (side, isAsleep) => {
    const ring = ringOf()
    const writer = await ring.writer()
    await writer.send('one')
    writer.close()
    const threads = start(ring, side)
    await threads.ask('start')
    await until('it waits', isAsleep(ring))
    expect(await threads.ask('count')).toBe(await threads.ask('opened'))
    expect(await threads.end()).toBe('')
  },
)

test('a second thread is refused while the first has the end, and is told so', async () => {
  const ring = ringOf()
  const writer = await ring.writer()
  closing.push(() => writer.close())
  await writer.send('one')
  const threads = start(ring, 'read')
  expect(await threads.ask('start')).toBe('received one')
  expect(await threads.ask('start')).toMatch(
    /another program of this process, or another thread, has its read end open/,
  )
  expect(await threads.ask('end')).toBe('ended')
  expect(await threads.ask('start')).toBe('received one')
  expect(ring.get(header.poison)).toBe(0)
  expect(await threads.end()).toBe('')
})
