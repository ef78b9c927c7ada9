import { closeSync, fstatSync, writeSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createPipe } from '../../../src/platform/index.js'
import { createSilentStreams } from '../../../src/supervisor/host/silent-streams.js'
import type { LogStream } from '../../../src/supervisor/logs/logs.js'

function openStream(process: string): LogStream & { write: number } {
  const { read, write } = createPipe()
  return { process, stream: 'stdout', descriptor: read, write }
}

test('a stream goes to its reader with the first byte, and not before', async () => {
  const spoken: LogStream[] = []
  const streams = createSilentStreams(stream => spoken.push(stream))
  const [loud, silent] = [openStream('loud'), openStream('silent')]
  streams.add(loud)
  streams.add(silent)
  writeSync(loud.write, 'x')
  closeSync(silent.write)
  await streams.whenNone()
  expect(spoken).toEqual([loud])
  expect(() => fstatSync(silent.descriptor), 'one that ended without a byte is closed').toThrow('EBADF')
  closeSync(loud.descriptor)
  closeSync(loud.write)
})

test('closing gives up the streams whose writers are still there', () => {
  const streams = createSilentStreams(() => {})
  const held = openStream('held')
  streams.add(held)
  streams.close()
  expect(() => fstatSync(held.descriptor)).toThrow('EBADF')
  closeSync(held.write)
})

test('closing hands over a stream that was written to, although nobody has looked yet', () => {
  const spoken: LogStream[] = []
  const streams = createSilentStreams(stream => spoken.push(stream))
  const late = openStream('late')
  streams.add(late)
  writeSync(late.write, 'x')
  streams.close()
  expect(spoken).toEqual([late])
  closeSync(late.descriptor)
  closeSync(late.write)
})
