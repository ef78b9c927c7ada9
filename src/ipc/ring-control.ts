/**
 * The control words of a ring as the supervisor sees them: read and written one by one through a descriptor. It never
 * maps the memory, because a file that somebody cuts would then end it by SIGBUS.
 */
import { readSync, writeSync } from 'node:fs'
import { IpcsupError } from '../errors.js'
import { cursor, cursorStart, type Geometry, header, lane, laneStart, mark, measure, slot } from './ring/layout.js'
import type { SharedWordAccess } from './ring/repair.js'

export type RingSide = 'write' | 'read'

export class RingControl implements SharedWordAccess {
  readonly geometry: Geometry
  readonly descriptor: number
  readonly #link: string
  readonly #word = Buffer.alloc(4)

  /** @param link - its name, for messages */
  constructor(descriptor: number, geometry: Geometry, link: string) {
    this.#link = link
    this.descriptor = descriptor
    this.geometry = geometry
  }

  /** 0 where a file was cut. */
  read(byteOffset: number): number {
    this.#word.writeUInt32LE(0)
    readSync(this.descriptor, this.#word, 0, 4, byteOffset)
    return this.#word.readUInt32LE()
  }

  write(byteOffset: number, value: number): void {
    this.#word.writeUInt32LE(value)
    writeSync(this.descriptor, this.#word, 0, 4, byteOffset)
  }

  /** All before the lanes' data, at one time. */
  snapshot(): RingSnapshot {
    const bytes = Buffer.alloc(measure(this.geometry).dataStart)
    readSync(this.descriptor, bytes, 0, bytes.length, 0)
    return new RingSnapshot(bytes, this.geometry)
  }

  readSlot(side: RingSide, index: number, field: SlotField): number {
    return this.read(slotStart(side, index) + slot[field])
  }

  writeSlot(side: RingSide, index: number, field: SlotField, value: number): void {
    this.write(slotStart(side, index) + slot[field], value)
  }

  /** A reader that was away begins with what is sent from now on. No incarnation of it may be there. */
  skipToEnd(reader: number): void {
    for (let writer = 0; writer < this.geometry.writers; writer++) {
      const { tail, sequence } = this.#readEnd(writer)
      const start = cursorStart(this.geometry, writer, reader)
      const bytes = Buffer.alloc(mark.bytes)
      bytes.writeUInt32LE(tail, mark.position)
      bytes.writeBigUInt64LE(sequence, mark.sequenceLow)
      for (const index of [0, 1])
        writeSync(this.descriptor, bytes, 0, mark.bytes, start + cursor.marks + index * mark.bytes)
      this.write(start + cursor.head, tail)
    }
  }

  /** The end of a lane, with the sequence that belongs to it, though its writer may be at work. */
  #readEnd(writer: number): { readonly tail: number; readonly sequence: bigint } {
    const start = laneStart(writer)
    const bytes = Buffer.alloc(lane.marks + 2 * mark.bytes)
    for (let tries = 0; tries < mostTries; tries++) {
      readSync(this.descriptor, bytes, 0, bytes.length, start)
      const tail = bytes.readUInt32LE(lane.tail)
      const sequence = findSequence(bytes, lane.marks, tail)
      // A mark is written only while the other one counts: it is whole if the tail has not moved.
      if (sequence !== null && this.read(start + lane.tail) === tail) return { tail, sequence }
    }
    throw new IpcsupError('IPCSUP_ERR_RING_CORRUPT', {
      link: this.#link,
      why: 'the position of a writer is where none can be',
    })
  }
}

/** One of them is enough unless the writer publishes twice in some nanoseconds. */
const mostTries = 10_000

type SlotField = 'epoch' | 'alive' | 'finished' | 'name'

export const slotStart = (side: RingSide, index: number): number =>
  (side === 'write' ? header.writerSlots : header.readerSlots) + index * slot.bytes

export interface LaneState {
  readonly tail: number
  /** Of the next record; null: it could not be read, because its writer was just about to change it. */
  readonly sequence: bigint | null
  readonly oldest: number
  /** In `share` mode. */
  readonly head: number
  readonly next: number
  readonly dropped: bigint
  readonly stalls: number
}

export interface CursorState {
  readonly head: number
  /** Of the record at `head`; null: as in a lane. */
  readonly sequence: bigint | null
  readonly missed: bigint
  /** In `share` mode: what this reader has claimed. */
  readonly claim: { readonly position: number; readonly end: number } | null
}

/** A copy of the control of a ring. Its users go on meanwhile: two words of it need not belong together. */
export class RingSnapshot {
  readonly bytes: Buffer
  readonly #geometry: Geometry

  constructor(bytes: Buffer, geometry: Geometry) {
    this.bytes = bytes
    this.#geometry = geometry
  }

  at(byteOffset: number): number {
    return this.bytes.readUInt32LE(byteOffset)
  }

  lane(writer: number): LaneState {
    const start = laneStart(writer)
    const tail = this.at(start + lane.tail)
    return {
      tail,
      sequence: findSequence(this.bytes, start + lane.marks, tail),
      oldest: this.at(start + lane.oldest),
      head: this.at(start + lane.head),
      next: this.at(start + lane.next),
      dropped: this.bytes.readBigUInt64LE(start + lane.dropped),
      stalls: this.at(start + lane.stalls),
    }
  }

  cursor(writer: number, reader: number): CursorState {
    const start = cursorStart(this.#geometry, writer, reader)
    const head = this.at(start + cursor.head)
    const isClaimed = this.at(start + cursor.claimed) === 1
    return {
      head,
      sequence: findSequence(this.bytes, start + cursor.marks, head),
      missed: this.bytes.readBigUInt64LE(start + cursor.missed),
      claim: isClaimed ? { position: this.at(start + cursor.position), end: this.at(start + cursor.end) } : null,
    }
  }

  isFinished(side: RingSide, index: number): boolean {
    return this.at(slotStart(side, index) + slot.finished) === 1
  }
}

/** null: neither of the two marks is of that position. */
function findSequence(bytes: Buffer, marks: number, position: number): bigint | null {
  for (const at of [marks, marks + mark.bytes])
    if (bytes.readUInt32LE(at + mark.position) === position) return bytes.readBigUInt64LE(at + mark.sequenceLow)
  return null
}

/** Bytes from one position to a later one. */
export const distance = (from: number, to: number): number => (to - from) >>> 0
