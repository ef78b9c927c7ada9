import { CursorReader } from './cursor-reader.js'
import type { LaneCursor } from './lane-cursor.js'
import { cursor as cursorWords, lane, record } from './layout.js'
import type { LaneData, RingMemory } from './memory.js'
import { combine } from './record-header.js'

/** A writer that is faster than a reader overtakes it again and again: so often it is tried before it is left for later. */
const mostTries = 8

/**
 * Reads what its writers may overwrite at any time: copies each record, and looks afterwards whether it was still whole.
 *
 * A reader that was stopped for long may be 4 GiB behind, so that its position seems to be one of the present. The
 * sequence, which never repeats, is what tells.
 */
export class LossyReader extends CursorReader {
  readonly #losses: readonly Losses[]
  readonly #copies = new Copies()

  constructor(memory: RingMemory, slot: number) {
    super(memory, slot)
    this.#losses = this.cursors.map(({ start, marks }) => {
      const at = start + cursorWords.missed + marks.index * 8
      return { total: combine(memory.control.get(at), memory.control.get(at + 4)), pending: [], isBehind: false }
    })
  }

  override get missed(): number {
    return this.#losses.reduce((sum, { total, pending }) => sum + pending.reduce((a, { count }) => a + count, total), 0)
  }

  protected override refresh(cursor: LaneCursor): void {
    this.memory.checkPoison()
    for (let tries = 0; tries < mostTries; tries++) {
      const oldest = this.control.load(cursor.lane + lane.oldest)
      const tail = this.control.load(cursor.lane + lane.tail)
      if (this.control.load(cursor.lane + lane.oldest) !== oldest) continue
      const kept = (tail - oldest) >>> 0
      if (kept > this.geometry.capacity || (tail | oldest) % record.alignment !== 0)
        throw this.memory.poison('position')
      if ((cursor.position - oldest) >>> 0 > kept) this.#jump(cursor, oldest)
      cursor.tail = tail
      return
    }
    cursor.tail = cursor.position
  }

  protected override take(cursor: LaneCursor): boolean {
    for (let tries = 0; tries < mostTries; tries++) {
      if (cursor.position === cursor.tail) this.refresh(cursor)
      if (cursor.position === cursor.tail) return false
      const bytes = this.#copyRecord(cursor)
      const isWhole = this.#isStillThere(cursor)
      if (isWhole && bytes > 0 && !this.header.isPadding) {
        this.#accept(cursor, bytes)
        return true
      }
      if (isWhole && bytes > 0) cursor.position = (cursor.position + bytes) | 0
      else if (isWhole) this.#lookAgain(cursor)
      // It was overwritten: what there is now, is to be looked up.
      else cursor.tail = cursor.position
    }
    return false
  }

  /** @returns the bytes of what seems to be the next record; 0: it is none */
  #copyRecord(cursor: LaneCursor): number {
    const { header } = this
    const { data } = cursor
    const size = header.read(data.words, cursor.position, (cursor.tail - cursor.position) | 0)
    if (size === 0 || !this.#isNext(cursor)) return 0
    const offset = cursor.position & (this.geometry.capacity - 1)
    if (!header.isPadding) this.#copies.take(data, offset + record.bytes, header.length)
    return size
  }

  #isNext(cursor: LaneCursor): boolean {
    const ahead = this.header.sequence - combine(cursor.sequenceLow, cursor.sequenceHigh)
    return ahead === 0 || (ahead > 0 && this.#losses[cursor.writer]!.isBehind)
  }

  /** Was the record at the cursor not overwritten until now? */
  #isStillThere({ lane: start, position, data }: LaneCursor): boolean {
    // What was copied was read before what says that it was still there.
    this.memory.fence()
    const oldest = this.control.load(start + lane.oldest)
    const offset = position & (this.geometry.capacity - 1)
    return (
      (position - oldest) >>> 0 <= this.geometry.capacity &&
      data.words.get(offset + record.sequenceLow) === this.header.sequenceLow &&
      data.words.get(offset + record.sequenceHigh) === this.header.sequenceHigh
    )
  }

  /** No record is where one should be: was this reader more than 4 GiB behind? */
  #lookAgain(cursor: LaneCursor): void {
    if (this.#losses[cursor.writer]!.isBehind) throw this.memory.poison('record')
    this.#jump(cursor, this.control.load(cursor.lane + lane.oldest))
  }

  #jump(cursor: LaneCursor, oldest: number): void {
    cursor.position = cursor.tail = oldest
    this.#losses[cursor.writer]!.isBehind = true
  }

  #accept(cursor: LaneCursor, bytes: number): void {
    const { header } = this
    const losses = this.#losses[cursor.writer]!
    const count = header.sequence - combine(cursor.sequenceLow, cursor.sequenceHigh)
    if (count > 0) losses.pending.push({ sequence: header.sequence, count })
    losses.isBehind = false
    cursor.sequenceLow = header.sequenceLow
    cursor.sequenceHigh = header.sequenceHigh
    cursor.pass(bytes)
    this.position = cursor.position
    this.source = this.#copies.source
    this.offset = this.#copies.offset
  }

  protected override writeMark(cursor: LaneCursor, position: number, sequenceLow: number, sequenceHigh: number): void {
    super.writeMark(cursor, position, sequenceLow, sequenceHigh)
    const losses = this.#losses[cursor.writer]!
    const next = combine(sequenceLow, sequenceHigh)
    while (losses.pending.length > 0 && losses.pending[0]!.sequence < next)
      losses.total += losses.pending.shift()!.count
    const at = cursor.start + cursorWords.missed + cursor.marks.index * 8
    this.control.set(at, losses.total | 0)
    this.control.set(at + 4, (losses.total / 2 ** 32) | 0)
  }
}

/** What a reader missed in a lane. */
interface Losses {
  /** Before the last record that was acknowledged. */
  total: number
  /** Before which of the records that are not. */
  readonly pending: { readonly sequence: number; readonly count: number }[]
  /** The cursor was moved forward, and no record was taken there yet. */
  isBehind: boolean
}

const chunkBytes = 64 * 1024

/** Up to so many bytes a loop is faster than a call. */
const mostByLoop = 256

/** Copies of payloads, many in one piece of memory, which goes when nobody has any of them. */
class Copies {
  source = Buffer.allocUnsafeSlow(chunkBytes)
  offset = 0
  #words = new Int32Array(this.source.buffer)
  #used = 0

  take({ words, bytes }: LaneData, offset: number, length: number): void {
    if (this.#used + length > this.source.length) this.#allocate(length)
    this.offset = this.#used
    this.#used += (length + 7) & ~7
    if (length > mostByLoop) bytes.copy(this.source, this.offset, offset, offset + length)
    else for (let at = 0; at < length; at += 4) this.#words[(this.offset + at) >> 2] = words.get(offset + at)
  }

  #allocate(length: number): void {
    this.source = Buffer.allocUnsafeSlow(Math.max(chunkBytes, (length + 7) & ~7))
    this.#words = new Int32Array(this.source.buffer)
    this.#used = 0
  }
}
