import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { initializeControl, magicBytes, openReader, type Reader, RingMemory } from '../../../src/ipc/ring/index.js'
import { type Geometry, measure } from '../../../src/ipc/ring/layout.js'
import { createMemory, mapMemory, reserveSpace } from '../../../src/platform/index.js'
import { bundleProgram } from '../../support/bundle.js'
import { shape } from './support.js'

// The stores of a payload are plain ones: that they are there before what publishes them is up to the compiler and the
// processor, and nothing but looking shows it.
for (const [title, geometry] of Object.entries({
  one: shape({ capacity: 2 ** 18 }),
  lossy: shape({ capacity: 2 ** 18, isLossy: true }),
  share: shape({ capacity: 2 ** 18, mode: 'share' }),
})) {
  test(`${title}: what another process writes is whole when it can be seen`, async () => {
    const count = 100_000
    const descriptor = createRing(geometry)
    const program = bundleProgram(new URL('drivers/pattern-writer.ts', import.meta.url).pathname)
    const child = spawn(process.execPath, [program, JSON.stringify(geometry), `${count}`], {
      stdio: ['ignore', 'inherit', 'inherit', descriptor],
    })
    try {
      const memory = mapMemory(descriptor, 'write')
      const { received, missed } = await receivePattern(memory, geometry, child)
      expect(received + missed).toBe(count)
      if (!geometry.isLossy) expect(missed).toBe(0)
    } finally {
      if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
      closeSync(descriptor)
    }
  })
}

/** Until the child has ended and there is nothing left. */
async function receivePattern(memory: ArrayBuffer, geometry: Geometry, child: ChildProcess) {
  const reader = openReader(new RingMemory(memory, geometry, 'pattern'), 0)
  let received = 0
  for (let isLast = false; !isLast; ) {
    await setTimeout(1)
    isLast = child.exitCode !== null || child.signalCode !== null
    while (reader.next()) {
      checkPattern(reader)
      received++
      if (reader.isAckDue()) reader.ackAll()
    }
  }
  return { received, missed: reader.missed }
}

function checkPattern({ source, offset, length, sequence }: Reader): void {
  if (length !== 4 * (sequence % 50)) throw new Error(`${sequence} has ${length} bytes`)
  for (let at = 0; at < length; at += 4) {
    const found = source.readInt32LE(offset + at)
    if (found !== sequence) throw new Error(`${found} in ${sequence}`)
  }
}

function createRing(geometry: Geometry): number {
  const descriptor = createMemory('ipcsup-test-ring')
  reserveSpace(descriptor, measure(geometry).bytes)
  writeSync(descriptor, initializeControl(geometry, { writers: ['w'], readers: ['r'] }), 0, null, 0)
  writeSync(descriptor, magicBytes(), 0, 8, 0)
  return descriptor
}
