import {
  initializeControl,
  magicBytes,
  openReader,
  type Reader,
  RingMemory,
  RingWriter,
} from '../../../src/ipc/ring/index.js'
import {
  cursor,
  cursorStart,
  type Geometry,
  header,
  lane,
  laneStart,
  largestMessage,
  mark,
  measure,
  slot,
} from '../../../src/ipc/ring/layout.js'
import { SharedWords } from '../../../src/ipc/ring/memory.js'

export function shape(shape: Partial<Geometry> = {}): Geometry {
  return { capacity: 4096, writers: 1, readers: 1, mode: 'one', isLossy: false, ...shape }
}

/** Where a ring begins that has been used before. */
export interface Start {
  readonly position: number
  readonly sequence: number
}

export const firstStart: Start = { position: 0, sequence: 1 }

/** The memory of a ring as the host makes it, all its slots alive. */
export function makeRing(geometry: Geometry, start = firstStart): ArrayBuffer {
  const memory = new ArrayBuffer(measure(geometry).bytes)
  const names = { writers: Array(geometry.writers).fill('w'), readers: Array(geometry.readers).fill('r') }
  const bytes = Buffer.from(memory)
  initializeControl(geometry, names).copy(bytes)
  magicBytes().copy(bytes)
  for (let writer = 0; writer < geometry.writers; writer++) {
    for (const word of [lane.tail, lane.oldest, lane.head, lane.next])
      bytes.writeUInt32LE(start.position, laneStart(writer) + word)
    writeMarks(bytes, laneStart(writer) + lane.marks, start)
    for (let reader = 0; reader < geometry.readers; reader++) {
      bytes.writeUInt32LE(start.position, cursorStart(geometry, writer, reader) + cursor.head)
      writeMarks(bytes, cursorStart(geometry, writer, reader) + cursor.marks, start)
    }
  }
  for (let index = 0; index < geometry.readers; index++) setSlot(memory, index, 'alive', 1)
  return memory
}

/** Changes the row of a reader, as only the host may. */
export function setSlot(memory: ArrayBuffer, index: number, word: 'alive' | 'finished', value: number): void {
  Buffer.from(memory).writeUInt32LE(value, header.readerSlots + index * slot.bytes + slot[word])
}

export function setHeader(memory: ArrayBuffer, word: 'ended' | 'unread' | 'poison', value: number): void {
  Buffer.from(memory).writeUInt32LE(value, header[word])
}

function writeMarks(bytes: Buffer, start: number, { position, sequence }: Start): void {
  for (const index of [0, 1]) {
    const at = start + index * mark.bytes
    bytes.writeUInt32LE(position, at + mark.position)
    bytes.writeUInt32LE(sequence % 2 ** 32, at + mark.sequenceLow)
    bytes.writeUInt32LE(Math.floor(sequence / 2 ** 32), at + mark.sequenceHigh)
  }
}

/** A ring with an end at each of its slots. */
export function openRing(
  geometry: Geometry,
  start = firstStart,
): {
  readonly memory: ArrayBuffer
  readonly ring: RingMemory
  readonly writers: readonly RingWriter[]
  readonly readers: readonly Reader[]
} {
  const memory = makeRing(geometry, start)
  const ring = new RingMemory(memory, geometry, 'orders')
  return {
    memory,
    ring,
    writers: Array.from({ length: geometry.writers }, (_, index) => new RingWriter(ring, index)),
    readers: Array.from({ length: geometry.readers }, (_, index) => openReader(ring, index)),
  }
}

/** Sends and publishes. False: there is no room. */
export function send(writer: RingWriter, payload: Uint8Array | string): boolean {
  const bytes = Buffer.from(payload as string)
  const offset = reserve(writer, bytes.length)
  if (offset < 0) return false
  writer.bytes.set(bytes, offset)
  writer.commit(bytes.length, 1)
  writer.publish()
  return true
}

/** As the end does it: what is not published yet may be what is in the way. */
export function reserve(writer: RingWriter, length: number): number {
  const offset = writer.reserve(length)
  if (offset >= 0) return offset
  writer.publish()
  return writer.reserve(length)
}

export interface Received {
  readonly writer: number
  readonly sequence: number
  readonly position: number
  readonly bytes: Buffer
}

export function receive(reader: Reader): Received | null {
  if (!reader.next()) return null
  const { writer, sequence, position, source, offset, length } = reader
  return { writer, sequence, position, bytes: source.subarray(offset, offset + length) }
}

/** All that there is, as text. */
export function receiveAll(reader: Reader): string[] {
  const texts: string[] = []
  for (let message = receive(reader); message; message = receive(reader)) texts.push(message.bytes.toString())
  return texts
}

/** What a message of a writer is, to the last byte: all sizes, from none to the largest, come again and again. */
export function makePayload(writer: number, sequence: number, capacity: number): Buffer {
  const largest = largestMessage({ capacity })
  const length =
    sequence % 11 === 0 ? 0 : sequence % 7 === 0 ? largest : (sequence * 397 + writer * 131) % (capacity / 6)
  const payload = Buffer.alloc(length)
  for (let index = 0; index < length; index++) payload[index] = sequence * 31 + writer * 7 + index
  return payload
}

/** Words that call `step` before and after each store, and `look` before each load. */
export function watchWords(step: () => void, look: () => void): typeof SharedWords {
  return class extends SharedWords {
    override get(offset: number): number {
      look()
      return super.get(offset)
    }

    override load(offset: number): number {
      look()
      return super.load(offset)
    }

    override set(offset: number, value: number): void {
      step()
      super.set(offset, value)
      step()
    }

    override publish(offset: number, value: number): void {
      step()
      super.publish(offset, value)
      step()
    }

    override replace(offset: number, expected: number, value: number): boolean {
      step()
      const isReplaced = super.replace(offset, expected, value)
      step()
      return isReplaced
    }
  }
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
