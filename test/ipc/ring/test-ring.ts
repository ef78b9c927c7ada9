/** Rings without a supervisor: their memory, bells and ends, and a hand in the words that only a host writes. */
import { closeSync, readSync, writeSync } from 'node:fs'
import { initializeControl, magicBytes } from '../../../src/ipc/ring/index.js'
import { type Geometry, header, measure, mostSlots, slot } from '../../../src/ipc/ring/layout.js'
import { type Bag, encodeBag } from '../../../src/ipc/ring-bag.js'
import { openRingEnd, type RingReader, type RingWriter } from '../../../src/ipc/ring-end.js'
import {
  createLoop,
  createMemory,
  createSocketPair,
  pollNow,
  reserveSpace,
  sealSize,
  sendPacket,
} from '../../../src/platform/index.js'

export interface TestRing {
  readonly geometry: Geometry
  /** An end as a child is given it; the caller closes it. */
  hand(side: 'write' | 'read', slot?: number): number
  writer<Value = unknown>(slot?: number): Promise<RingWriter<Value>>
  reader<Value = unknown>(slot?: number): Promise<RingReader<Value>>
  /** Of a word of the memory. */
  get(offset: number): number
  set(offset: number, value: number): void
  /** Takes what the bell of an end was rung. */
  isRung(side: 'write' | 'read', slot?: number): boolean
  /** Rings the bell of an end as often as it can be. */
  fillBell(side: 'write' | 'read', slot?: number): void
  /** Every writer, or every reader, is finished. */
  finish(side: 'write' | 'read'): void
  close(): void
}

export function makeRing(given: Partial<Geometry> = {}, more: Partial<Pick<Bag, 'full' | 'codec'>> = {}): TestRing {
  const geometry: Geometry = { capacity: 4096, writers: 1, readers: 1, mode: 'one', isLossy: false, ...given }
  const { full = 'block', codec = 'bytes' } = more
  const memory = makeMemory(geometry)
  const make = (count: number): number[] => Array.from({ length: count }, () => createLoop())
  const bells = { write: make(geometry.writers), read: make(geometry.readers) }
  const word = Buffer.alloc(4)
  const set: TestRing['set'] = (offset, value) => {
    word.writeUInt32LE(value)
    writeSync(memory, word, 0, 4, offset)
  }
  const hand: TestRing['hand'] = (side, slot = 0) => {
    const [given, own] = createSocketPair('seqpacket')
    const others = bells[otherOf(side)]
    sendPacket(own, encodeBag({ side, slot, geometry, full, codec }), [memory, bells[side][slot]!, ...others])
    closeSync(own)
    return given
  }
  const open = (side: 'write' | 'read', slot?: number) =>
    openRingEnd({ descriptor: hand(side, slot), side, hint: {}, link: 'data' })
  const isRung = (side: 'write' | 'read', slot = 0): boolean => {
    const { readable } = pollNow(bells[side][slot]!)
    if (readable) readSync(bells[side][slot]!, Buffer.alloc(4096))
    return readable
  }
  return {
    geometry,
    hand,
    writer: async <Value>(slot?: number) => (await open('write', slot)) as RingWriter<Value>,
    reader: async <Value>(slot?: number) => (await open('read', slot)) as RingReader<Value>,
    get: offset => {
      readSync(memory, word, 0, 4, offset)
      return word.readUInt32LE()
    },
    set,
    isRung,
    fillBell: (side, slot = 0) => {
      try {
        for (;;) writeSync(bells[side][slot]!, one)
      } catch {
        // It takes no more.
      }
    },
    finish: side => {
      set(side === 'write' ? header.ended : header.unread, 1)
      for (const bell of bells[otherOf(side)]) writeSync(bell, one)
    },
    close: () => {
      for (const descriptor of [memory, ...bells.write, ...bells.read]) closeSync(descriptor)
    },
  }
}

const one = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])

const otherOf = (side: 'write' | 'read') => (side === 'write' ? 'read' : 'write')

function makeMemory(geometry: Geometry): number {
  const memory = createMemory('ring')
  reserveSpace(memory, measure(geometry).bytes)
  sealSize(memory)
  const name = (letter: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${letter}${index}`)
  const names = { writers: name('w', geometry.writers), readers: name('r', geometry.readers) }
  const control = initializeControl(geometry, names)
  for (let index = 0; index < mostSlots; index++) {
    for (const rows of [header.writerSlots, header.readerSlots])
      control.writeUInt32LE(1, rows + index * slot.bytes + slot.alive)
  }
  writeSync(memory, control, 0, undefined, 0)
  writeSync(memory, magicBytes(), 0, undefined, 0)
  return memory
}
