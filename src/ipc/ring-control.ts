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
    const snapshot = this.snapshot()
    for (let writer = 0; writer < this.geometry.writers; writer++) {
      const { tail, sequence } = this.#readEnd(writer)
      const { missed } = snapshot.cursor(writer, reader)
      const start = cursorStart(this.geometry, writer, reader)
      // Both marks are true then, and so is what is beside each.
      const bytes = Buffer.alloc(cursor.missed + 2 * missedBytes - cursor.marks)
      for (const index of [0, 1]) {
        bytes.writeUInt32LE(tail, index * mark.bytes + mark.position)
        bytes.writeBigUInt64LE(sequence, index * mark.bytes + mark.sequenceLow)
        bytes.writeBigUInt64LE(missed, cursor.missed - cursor.marks + index * missedBytes)
      }
      writeSync(this.descriptor, bytes, 0, bytes.length, start + cursor.marks)
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

/** Of each of the two counts of what a reader missed. */
const missedBytes = 8

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
  /** Before `head`; or less, where that changed just now. */
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
      missed: this.#readMissed(start, head),
      claim: isClaimed ? { position: this.at(start + cursor.position), end: this.at(start + cursor.end) } : null,
    }
  }

  /** What is beside the mark that is true: the other count is of before, or of a reader that died before it was true. */
  #readMissed(start: number, head: number): bigint {
    const [first, second] = [0, missedBytes].map(at => this.bytes.readBigUInt64LE(start + cursor.missed + at)) as [
      bigint,
      bigint,
    ]
    const index = findMark(this.bytes, start + cursor.marks, head)
    if (index === null) return first < second ? first : second
    return index === 0 ? first : second
  }

  isFinished(side: RingSide, index: number): boolean {
    return this.at(slotStart(side, index) + slot.finished) === 1
  }
}

/** Which of the two marks is of that position; null: neither. */
function findMark(bytes: Buffer, marks: number, position: number): 0 | 1 | null {
  const isThere = (index: 0 | 1): boolean => bytes.readUInt32LE(marks + index * mark.bytes + mark.position) === position
  return isThere(0) ? 0 : isThere(1) ? 1 : null
}

function findSequence(bytes: Buffer, marks: number, position: number): bigint | null {
  const index = findMark(bytes, marks, position)
  return index === null ? null : bytes.readBigUInt64LE(marks + index * mark.bytes + mark.sequenceLow)
}

/** Bytes from one position to a later one. */
export const distance = (from: number, to: number): number => (to - from) >>> 0
