/** What a program sent in the turn in which it ends. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { buildPlan } from '../../../src/config/build-plan.js'
import type { FrameReader } from '../../../src/ipc/frames/ends.js'
import { mostMs } from '../../../src/ipc/frames/last-words.js'
import { loadFraming, receiveFrames } from '../../../src/ipc/frames/open.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { createPipe } from '../../../src/platform/index.js'
import { bundleProgram } from '../../support/bundle.js'

const program = bundleProgram(join(import.meta.dirname, '../drivers/frame-exit.ts'))
const options = { frame: 'checked', codec: 'bytes', maxFrame: 2 ** 20 }
const clean: (() => void)[] = []

afterEach(() => {
  for (const act of clean.splice(0)) act()
})

async function openPipe(given = options) {
  const { read, write } = createPipe()
  const reader: FrameReader<string> = receiveFrames(read, await loadFraming(given, 'pipe', 'data'))
  clean.push(() => reader.close())
  return { reader, write }
}

/** @param descriptors - of the links "data" and "other" */
async function run(descriptors: readonly number[], words: readonly (string | number)[], given = options) {
  const links = descriptors.map((_, index) => ({ kind: 'pipe', side: 'write', fd: 3 + index, options: given }))
  const child = spawn(process.execPath, [program, ...words.map(String)], {
    env: { ...process.env, IPCSUP_LINKS: JSON.stringify({ data: links[0], other: links[1] }) },
    stdio: ['ignore', 'inherit', 'inherit', ...descriptors],
  })
  expect(await once(child, 'exit')).toEqual([0, null])
}

async function receiveAll(reader: FrameReader<string>): Promise<readonly string[]> {
  const names: string[] = []
  for await (const { value } of reader) names.push(value.split(' ')[0]!)
  return names
}

const numbers = (last: number): string[] => Array.from({ length: last }, (_, index) => String(index + 1))

test('by process.exit is written before', async () => {
  const { reader, write } = await openPipe()
  await run([write], [3, 1000])
  closeSync(write)
  expect(await receiveAll(reader)).toEqual(['1', '2', '3'])
  expect(reader.torn).toBe(0)
})

test.for([
  ['all in that turn', 40, 50_000],
  ['one that is longer than the pipe', 1, 900_000],
  ['beside what the kernel has a part of', 10, 300_000, 'after-write'],
  ['by who listens for the exit, also', 10, 30_000, 'handler'],
  ['though somebody exits once more, who listens for the exit', 10, 30_000, 'again'],
] as const)('is written as its reader makes room: %s', async ([, count, ...rest]) => {
  const { reader, write } = await openPipe()
  const received = receiveAll(reader)
  await run([write], [count, ...rest])
  closeSync(write)
  expect(await received).toEqual(numbers(count))
  expect([reader.torn, reader.missed]).toEqual([0, 0])
})

test('before its end was closed is written too', async () => {
  const { reader, write } = await openPipe()
  const received = receiveAll(reader)
  await run([write], [1, 900_000, 'closed'])
  closeSync(write)
  expect(await received).toEqual(['1'])
  expect(reader.torn).toBe(0)
})

test('by several into one pipe is whole, frame for frame', async () => {
  const atomic = { ...options, maxFrame: 4096 }
  const { reader, write } = await openPipe(atomic)
  const received = receiveAll(reader)
  await Promise.all([1, 2, 3].map(() => run([write], [100, 4000], atomic)))
  closeSync(write)
  expect((await received).toSorted()).toEqual(
    numbers(100)
      .flatMap(number => [number, number, number])
      .toSorted(),
  )
  expect([reader.torn, reader.missed]).toEqual([0, 0])
})

test('and one does not read is given up: a torn frame, and nothing amiss of who comes next, nor of another', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  clean.push(() => warned.mockRestore())
  const [stuck, other] = [await openPipe(), await openPipe()]
  const receivedByOther = receiveAll(other.reader)
  await run([stuck.write, other.write], [7, 10_000, 'both'])
  closeSync(other.write)
  expect(await receivedByOther).toEqual(numbers(7))
  const received = receiveAll(stuck.reader)
  await run([stuck.write], [2, 100])
  closeSync(stuck.write)
  // The pipe has 64 KiB.
  expect(await received).toEqual([...numbers(6), ...numbers(2)])
  expect(stuck.reader.torn).toBe(1)
})

test('is given up before a supervisor kills who was told to end, and has not by then', () => {
  const config = { processes: { web: { command: 'true' } } }
  const { plan } = buildPlan(config, { kinds, directory: '/', configPath: null })
  expect(mostMs).toBeLessThanOrEqual(plan.processes['web']!.stopTimeoutMs - 1000)
})
