/** What a program sent in the turn in which it ends. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import type { FrameReader } from '../../../src/ipc/frames/ends.js'
import { loadFraming, receiveFrames } from '../../../src/ipc/frames/open.js'
import { createPipe } from '../../../src/platform/index.js'
import { bundleProgram } from '../../support/bundle.js'

const program = bundleProgram(join(import.meta.dirname, '../drivers/frame-exit.ts'))
const options = { frame: 'checked', codec: 'bytes', maxFrame: 2 ** 20 }
const clean: (() => void)[] = []

afterEach(() => {
  for (const act of clean.splice(0)) act()
})

async function openPipe() {
  const { read, write } = createPipe()
  const reader: FrameReader<string> = receiveFrames(read, await loadFraming(options, 'pipe', 'data'))
  clean.push(() => reader.close())
  return { reader, write }
}

async function run(descriptor: number, count: number, bytes: number): Promise<void> {
  const data = { kind: 'pipe', side: 'write', fd: 3, options }
  const child = spawn(process.execPath, [program, String(count), String(bytes)], {
    env: { ...process.env, IPCSUP_LINKS: JSON.stringify({ data }) },
    stdio: ['ignore', 'inherit', 'inherit', descriptor],
  })
  expect(await once(child, 'exit')).toEqual([0, null])
}

async function receiveAll(reader: FrameReader<string>): Promise<readonly string[]> {
  const names: string[] = []
  for await (const { value } of reader) names.push(value.split(' ')[0]!)
  return names
}

test('by process.exit is written before', async () => {
  const { reader, write } = await openPipe()
  await run(write, 3, 1000)
  closeSync(write)
  expect(await receiveAll(reader)).toEqual(['1', '2', '3'])
  expect(reader.torn).toBe(0)
})

test('and has no room for costs one torn frame, and nothing of who comes next', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  clean.push(() => warned.mockRestore())
  const { reader, write } = await openPipe()
  await run(write, 7, 10_000)
  const received = receiveAll(reader)
  await run(write, 2, 100)
  closeSync(write)
  // The pipe has 64 KiB.
  expect(await received).toEqual(['1', '2', '3', '4', '5', '6', '1', '2'])
  expect(reader.torn).toBe(1)
})
