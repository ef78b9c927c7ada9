import { BaseReader } from './base-reader.js'
import { LaneCursor } from './lane-cursor.js'
import { record } from './layout.js'
import type { RingMemory } from './memory.js'

/** Gets every message, from every lane: a lane's as they were when it was looked at, then the next lane's. */
export class CursorReader extends BaseReader {
  protected readonly cursors: readonly LaneCursor[]
  #current: LaneCursor

  constructor(memory: RingMemory, slot: number) {
    super(memory, slot)
    this.cursors = memory.lanes.map((_, writer) => new LaneCursor(memory, writer, slot))
    this.#current = this.cursors[0]!
  }

  get missed(): number {
    return 0
  }

  next(): boolean {
    if (this.#current.position === this.#current.tail && !this.#findLane()) return false
    return this.take(this.#current)
  }

  ack(writer: number, position: number, sequence: number): number {
    const cursor = this.cursors[writer]!
    if (!cursor.isUnacknowledged(position)) return 0
    const next = sequence + 1
    this.writeMark(cursor, position, next | 0, (next / 2 ** 32) | 0)
    return cursor.publishHead(position)
  }

  ackAll(): number {
    let asleep = 0
    for (const cursor of this.cursors) {
      if (cursor.position === cursor.head) continue
      this.writeMark(cursor, cursor.position, cursor.sequenceLow, cursor.sequenceHigh)
      asleep |= cursor.publishHead(cursor.position)
    }
    return asleep
  }

  isAckDue(): boolean {
    const cursor = this.#current
    const bytes = (cursor.position - cursor.head) | 0
    if (bytes === 0) return false
    return cursor.position === cursor.tail || bytes >= this.geometry.capacity / 4 || cursor.isWriterWaiting()
  }

  settle(): number {
    return 0
  }

  hasNext(): boolean {
    this.memory.checkPoison()
    for (const cursor of this.cursors) {
      this.refresh(cursor)
      if (cursor.position !== cursor.tail) return true
    }
    return false
  }

  protected isDrained(): boolean {
    return !this.hasNext()
  }

  protected refresh(cursor: LaneCursor): void {
    cursor.refresh()
  }

  /** Says what belongs to `position`, to be true with the next head. */
  protected writeMark(cursor: LaneCursor, position: number, sequenceLow: number, sequenceHigh: number): void {
    cursor.marks.write(position, sequenceLow, sequenceHigh)
  }

  /** Makes the record at the cursor the current one. */
  protected take(cursor: LaneCursor): boolean {
    let bytes = this.#readHeader(cursor)
    if (this.header.isPadding) {
      cursor.position = (cursor.position + bytes) | 0
      bytes = this.#readHeader(cursor)
    }
    this.offset = (cursor.position & (this.geometry.capacity - 1)) + record.bytes
    cursor.pass(bytes)
    this.position = cursor.position
    return true
  }

  /** @returns bytes of the record at the cursor */
  #readHeader(cursor: LaneCursor): number {
    const { header } = this
    const bytes = header.read(cursor.data.words, cursor.position, (cursor.tail - cursor.position) | 0)
    if (bytes === 0) throw this.memory.poison('record')
    if (header.sequenceLow !== cursor.sequenceLow || header.sequenceHigh !== cursor.sequenceHigh)
      throw this.memory.poison('sequence')
    return bytes
  }

  /** Of the lanes after the current one, and at last itself, the first that has something. */
  #findLane(): boolean {
    this.memory.checkPoison()
    for (let step = 1; step <= this.cursors.length; step++) {
      const cursor = this.cursors[(this.#current.writer + step) % this.cursors.length]!
      this.refresh(cursor)
      if (cursor.position === cursor.tail) continue
      this.#current = cursor
      this.writer = cursor.writer
      this.source = cursor.data.bytes
      return true
    }
    return false
  }
}
