import { writeSync } from 'node:fs'
import { expect, test } from 'vitest'
import { measure, record } from '../../../src/ipc/ring/layout.js'
import { type LineRings, lineGeometry } from '../../../src/ipc/service/line-rings.js'
import { makeRings, openRings } from '../../../src/ipc/service/ring-offer.js'
import { RingWay } from '../../../src/ipc/service/ring-way.js'

const user = {
  flush: () => true,
  isExpecting: () => false,
  onReadable: () => {},
  onBytes: () => {},
  onWritten: () => {},
  onDrain: () => {},
  onEnd: () => {},
}

test('of records without bytes, of which there is always one more, only some are read at once', () => {
  let reads = 0
  const rings = {
    hasNext: () => reads < 100_000,
    read: () => {
      reads += 1
      return Buffer.alloc(0)
    },
    acknowledge: () => {},
    wake: () => {},
  }
  const way = new RingWay(rings as unknown as LineRings, user)
  expect(way.take()).toBe(true)
  expect(reads).toBe(1024)
  way.close()
})

test('what was read stays as it is, although its writer writes on where it has published', () => {
  const { rings, offer, seal } = makeRings(() => {})
  const other = openRings(process.pid, offer, () => {})!
  try {
    rings.write(Buffer.from('12,"add",[1,2]\n'))
    expect(other.hasNext()).toBe(true)
    const read = other.read()
    writeSync(offer.there, Buffer.alloc(16, 'x'), 0, 16, measure(lineGeometry).dataStart + record.bytes)
    expect(read.toString()).toBe('12,"add",[1,2]\n')
  } finally {
    seal()
    rings.close()
    other.close()
  }
})
