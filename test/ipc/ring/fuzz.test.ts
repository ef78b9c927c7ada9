/**
 * Somebody writes what nobody should into the memory of a ring. Whatever it is, an operation gives what can be a
 * message, or nothing, or says that the ring is corrupt: within a bounded number of steps, none of which is outside.
 */
import { expect, test } from 'vitest'
import { IpcsupError } from '../../../src/errors.js'
import { openReader, type Reader, RingMemory, RingWriter } from '../../../src/ipc/ring/index.js'
import {
  cursor,
  cursorStart,
  type Geometry,
  header,
  lane,
  laneStart,
  largestMessage,
  measure,
  readerStart,
  record,
  slot,
  tags,
} from '../../../src/ipc/ring/layout.js'
import { SharedWords } from '../../../src/ipc/ring/memory.js'
import { createRandom, makeRing, shape } from './support.js'

const firstPosition = 2 ** 32 - 2048
// For each of ten tests.
const rounds = 15_000
const mostSteps = 5000

const geometries: Record<string, Geometry> = {
  one: shape({ writers: 2 }),
  each: shape({ mode: 'each', readers: 2 }),
  lossy: shape({ mode: 'each', readers: 2, isLossy: true }),
  share: shape({ mode: 'share', readers: 3 }),
  'share with lanes': shape({ mode: 'share', readers: 2, writers: 2 }),
}

// Any other than the first fails with a message that has it.
const seeds = [1, Math.floor(Math.random() * 2 ** 31)]

for (const [title, geometry] of Object.entries(geometries)) {
  for (const seed of seeds) {
    test(`${title}: whatever is changed in the memory, nothing worse comes of it than a clear error (seed ${seed})`, () => {
      const fuzz = new Fuzz(geometry, seed)
      let corrupt = 0
      for (let round = 0; round < rounds; round++) {
        try {
          if (fuzz.runRound(round)) corrupt++
        } catch (error) {
          throw new Error(`seed ${seed}, round ${round}`, { cause: error })
        }
      }
      expect(corrupt).toBeGreaterThan(rounds / 20)
    })
  }
}

class Fuzz {
  readonly #geometry: Geometry
  readonly #random: () => number
  readonly #memory: ArrayBuffer
  readonly #bytes: Buffer
  readonly #fresh: Buffer
  readonly #ring: RingMemory
  #steps = 0

  constructor(geometry: Geometry, seed: number) {
    this.#geometry = geometry
    this.#random = createRandom(seed)
    // Positions pass 2^32.
    this.#memory = makeRing(geometry, { position: firstPosition, sequence: 2 ** 32 - 20 })
    this.#bytes = Buffer.from(this.#memory)
    this.#fresh = Buffer.from(this.#bytes)
    const count = (): void => {
      if (++this.#steps > mostSteps) throw new Error('no end')
    }
    this.#ring = new RingMemory(this.#memory, geometry, 'orders', guardWords(count))
  }

  /** True: the ring was found corrupt. */
  runRound(round: number): boolean {
    this.#fresh.copy(this.#bytes)
    const isHarmless = round % 20 === 0
    let ends = this.#open()
    for (let count = this.#pick(30); count > 0; count--) this.#operate(ends)
    if (!isHarmless) for (let count = 1 + this.#pick(4); count > 0; count--) this.#damage()
    try {
      if (this.#pick(3) === 0) ends = this.#open()
      for (let count = 20; count > 0; count--) this.#operate(ends)
      return false
    } catch (error) {
      if (isHarmless || !isCorrupt(error)) throw error
      this.#checkPoisoned(ends)
      return true
    }
  }

  #open(): Ends {
    this.#steps = 0
    const { writers, readers } = this.#geometry
    return {
      writers: Array.from({ length: writers }, (_, index) => new RingWriter(this.#ring, index)),
      readers: Array.from({ length: readers }, (_, index) => openReader(this.#ring, index)),
    }
  }

  #operate({ writers, readers }: Ends): void {
    this.#steps = 0
    const writer = writers[this.#pick(writers.length)]!
    const reader = readers[this.#pick(readers.length)]!
    if (this.#pick(2) === 0) this.#write(writer)
    else this.#read(reader)
  }

  #write(writer: RingWriter): void {
    const choice = this.#pick(8)
    if (choice === 0) check(writer.publish() >>> this.#geometry.readers === 0, 'rings who is not there')
    else if (choice === 1) writer.sleep(this.#pick(500))
    else {
      const largest = largestMessage(this.#geometry)
      const length = this.#pick(4) === 0 ? this.#pick(largest + 1) : this.#pick(200)
      const offset = writer.reserve(length)
      if (offset < 0) return
      check(offset % 16 === 0 && offset >= 16 && offset + length <= writer.bytes.length, 'reserved outside')
      writer.commit(length, tags.bytes)
      if (writer.isDue()) writer.publish()
    }
  }

  #read(reader: Reader): void {
    const choice = this.#pick(8)
    const { writers } = this.#geometry
    if (choice === 0) check(reader.ackAll() >>> writers === 0, 'rings who is not there')
    else if (choice === 1) reader.settle()
    else if (choice === 2) reader.sleep()
    else if (reader.next()) {
      const { source, offset, length, tag, writer, sequence, position, missed } = reader
      check(offset >= 0 && length >= 0 && offset + length <= source.length, 'a message outside')
      check(length <= largestMessage(this.#geometry), 'a message that is too large')
      check(tag >= tags.bytes && tag <= tags.msgpack, 'a message of no known sort')
      check(writer < writers && position % 16 === 0 && sequence >= 0 && missed >= 0, 'a wrong name')
      if (choice === 3) reader.ack(writer, position, sequence)
      if (reader.isAckDue()) reader.ackAll()
    } else this.#checkNothing(reader)
  }

  /** That there may be something, while there is nothing, would let its user look for it without end. */
  #checkNothing(reader: Reader): void {
    for (let tries = 0; tries < 3; tries++) if (reader.isHeldUp || !reader.hasNext() || reader.next()) return
    throw new Error('no end of looking')
  }

  /** For ever, and for all. */
  #checkPoisoned({ writers, readers }: Ends): void {
    check(this.#bytes.readUInt32LE(header.poison) !== 0, 'not poisoned')
    // What was looked at before may still be read.
    const drain = (reader: Reader): void => {
      while (reader.next());
    }
    for (const use of [
      ...writers.map(writer => () => writer.publish()),
      ...readers.flatMap(reader => [() => drain(reader), () => reader.hasNext(), () => reader.sleep()]),
      () => this.#open(),
    ]) {
      this.#steps = 0
      check(isRefused(use), 'a poisoned ring is used')
    }
  }

  #damage(): void {
    const at = this.#pickPlace()
    const now = this.#bytes.readInt32LE(at)
    const values = [0, 1, -1, 16, now + 16, now - 16, now + 1, now ^ (1 << this.#pick(32)), 4096, 2 ** 31 - 1, 255]
    this.#bytes.writeInt32LE((this.#pick(4) === 0 ? this.#random() * 2 ** 32 : this.#choose(values)) | 0, at)
  }

  /** Mostly where it hurts. */
  #pickPlace(): number {
    const geometry = this.#geometry
    const { dataStart, bytes } = measure(geometry)
    const firstData = dataStart + (firstPosition % geometry.capacity)
    const start = laneStart(this.#pick(geometry.writers))
    const reader = this.#pick(geometry.readers)
    const place = this.#choose([
      () => this.#choose(Object.values(header)),
      () => header.readerSlots + reader * slot.bytes + this.#choose([slot.alive, slot.finished]),
      () => start + this.#choose(listOffsets(lane)),
      () => start + lane.marks + 4 * this.#pick(6),
      () => readerStart(geometry, reader),
      () => cursorStart(geometry, 0, reader) + this.#choose(listOffsets(cursor)),
      () => cursorStart(geometry, 0, reader) + cursor.marks + 4 * this.#pick(6),
      () => firstData + record.bytes * this.#pick(100) + 4 * this.#pick(4),
      () => firstData + 4 * this.#pick(400),
      () => this.#pick(bytes - 4),
    ])()
    return Math.min(place, bytes - 4)
  }

  #pick(count: number): number {
    return Math.floor(this.#random() * count)
  }

  #choose<T>(values: readonly T[]): T {
    return values[this.#pick(values.length)]!
  }
}

interface Ends {
  readonly writers: readonly RingWriter[]
  readonly readers: readonly Reader[]
}

const listOffsets = (words: { readonly bytes: number } & Record<string, number>): number[] =>
  Object.entries(words).flatMap(([name, offset]) => (name === 'bytes' ? [] : [offset]))

const isCorrupt = (error: unknown): boolean => error instanceof IpcsupError && error.code === 'IPCSUP_ERR_RING_CORRUPT'

/** As `expect(use).toThrow(…)`, which takes longer than all that it is asked about. */
function isRefused(use: () => unknown): boolean {
  try {
    use()
    return false
  } catch (error) {
    if (!isCorrupt(error)) throw error
    return true
  }
}

function check(isTrue: boolean, complaint: string): void {
  if (!isTrue) throw new Error(complaint)
}

/** Words that fail outside, where a typed array would say nothing, and count their uses. */
function guardWords(count: () => void): typeof SharedWords {
  return class extends SharedWords {
    readonly #bytes: number

    constructor(memory: ArrayBuffer, start: number, bytes: number) {
      super(memory, start, bytes)
      this.#bytes = bytes
    }

    override get(offset: number): number {
      return super.get(this.#guard(offset))
    }

    override set(offset: number, value: number): void {
      super.set(this.#guard(offset), this.#check(value))
    }

    override load(offset: number): number {
      return super.load(this.#guard(offset))
    }

    override publish(offset: number, value: number): void {
      super.publish(this.#guard(offset), this.#check(value))
    }

    override replace(offset: number, expected: number, value: number): boolean {
      return super.replace(this.#guard(offset), expected, this.#check(value))
    }

    #guard(offset: number): number {
      count()
      check(Number.isInteger(offset) && offset % 4 === 0 && offset >= 0 && offset < this.#bytes, `access at ${offset}`)
      return offset
    }

    #check(value: number): number {
      check(value === (value | 0), `${value} is no word`)
      return value
    }
  }
}
