import { cursor, cursorStart, header, lane, laneStart, reader, readerStart, record, slot, tags } from './layout.js'
import { Marks } from './marks.js'
import type { LaneData, RingMemory, SharedWords } from './memory.js'
import { combine, RecordHeader, recordBytes } from './record-header.js'

/** So many records share the cost of a publication while no reader waits. */
const mostUnpublished = 16
/** Nor more than that: copying them takes far longer than publishing, and the reader could copy meanwhile. */
const mostUnpublishedBytes = 4096

/**
 * Writes the records of one lane. It never waits. Every method but `commit` may throw IPCSUP_ERR_RING_CORRUPT, once and
 * for ever: the ring is poisoned then, and all bells are to be rung. Masks have bit `n` for the reader `n`.
 */
export class RingWriter {
  /** The lane: payloads are written here. */
  readonly bytes: Buffer
  /** Records that were committed and not published. */
  unpublished = 0

  readonly #memory: RingMemory
  readonly #control: SharedWords
  readonly #data: LaneData
  readonly #mask: number
  readonly #capacity: number
  readonly #readers: readonly ReaderWords[]
  readonly #lane: number
  readonly #marks: Marks
  readonly #overwritten: RecordHeader
  /** Where readers may be by now, at most. */
  #tail: number
  /** Where the next record begins, or its padding. */
  #position: number
  /** Where the reserved record begins: there, or behind the padding. */
  #start: number
  /** Room ends here, as far as is known without a look at what readers write. */
  #limit: number
  /** Nothing before is there any more. */
  #oldest: number
  #sequenceLow: number
  #sequenceHigh: number

  /** Goes on where the last incarnation stopped publishing. */
  constructor(memory: RingMemory, slot: number) {
    const { geometry, control } = memory
    memory.checkPoison()
    this.#memory = memory
    this.#control = control
    this.#data = memory.lanes[slot]!
    this.bytes = this.#data.bytes
    this.#capacity = geometry.capacity
    this.#mask = geometry.capacity - 1
    this.#lane = laneStart(slot)
    this.#readers = listReaders(memory, slot)
    this.#overwritten = new RecordHeader(geometry.capacity)
    this.#tail = control.load(this.#lane + lane.tail)
    this.#marks = new Marks(memory, this.#lane + lane.marks, this.#tail)
    this.#sequenceLow = this.#marks.sequenceLow
    this.#sequenceHigh = this.#marks.sequenceHigh
    this.#position = this.#start = this.#tail
    this.#oldest = control.load(this.#lane + lane.oldest)
    // The first reservation looks where room ends.
    this.#limit = this.#tail
    if (geometry.isLossy) this.#limit = (this.#tail - this.#countUsed(this.#oldest) + this.#capacity) | 0
    if ((this.#tail & (record.alignment - 1)) !== 0) throw memory.poison('position')
    this.wake()
  }

  /**
   * Finds room for a payload of `length` bytes, 0 to `largestMessage`. Whoever does not commit it has done nothing.
   *
   * @returns where in `bytes` it begins, a multiple of 16; -1: there is no room now. Publish then, and try once more
   *   before waiting: in a lossy ring there is room then.
   */
  reserve(length: number): number {
    const size = recordBytes(length)
    const rest = this.#capacity - (this.#position & this.#mask)
    const padding = size > rest ? rest : 0
    const end = (this.#position + padding + size) | 0
    if (((end - this.#limit) | 0) > 0 && !this.#makeRoom(end)) return -1
    this.#start = (this.#position + padding) | 0
    return (this.#start & this.#mask) + record.bytes
  }

  /** Makes a record of the first `length` bytes of what was reserved. */
  commit(length: number, tag: number): void {
    const padding = (this.#start - this.#position) | 0
    if (padding > 0) this.#writeHeader(this.#position, padding - record.bytes, tags.padding)
    this.#writeHeader(this.#start, length, tag)
    this.#position = this.#start = (this.#start + recordBytes(length)) | 0
    this.#sequenceLow = (this.#sequenceLow + 1) | 0
    if (this.#sequenceLow === 0) this.#sequenceHigh = (this.#sequenceHigh + 1) | 0
    this.unpublished++
  }

  /** Of the record that is committed next: from 1, over all incarnations of this writer. Exact up to 2^53. */
  get sequence(): number {
    return combine(this.#sequenceLow, this.#sequenceHigh)
  }

  /** Are there so many records unpublished that it is time, or any while a reader waits? */
  isDue(): boolean {
    if (this.unpublished === 0) return false
    if (this.unpublished >= mostUnpublished || ((this.#position - this.#tail) | 0) >= mostUnpublishedBytes) return true
    return this.isReaderWaiting()
  }

  /** Does any of them look again and again, or sleep? */
  isReaderWaiting(): boolean {
    for (let index = 0; index < this.#readers.length; index++) {
      if (this.#control.get(this.#readers[index]!.waiting) !== 0) return true
    }
    return false
  }

  /** Lets readers see what was committed. @returns mask of the readers that sleep: ring them */
  publish(): number {
    this.#memory.checkPoison()
    if (this.unpublished === 0) return 0
    this.#marks.write(this.#position, this.#sequenceLow, this.#sequenceHigh)
    this.#control.publish(this.#lane + lane.tail, this.#position)
    this.#tail = this.#position
    this.unpublished = 0
    return this.#wakeReaders()
  }

  /** Would `reserve(length)` find room now? */
  hasRoom(length: number): boolean {
    return this.#memory.geometry.isLossy || this.reserve(length) >= 0
  }

  /** Is about to sleep on its bell until there is room for `length` bytes; false: do not. Either way `wake` comes next. */
  sleep(length: number): boolean {
    this.#control.publish(this.#lane + lane.waiting, 2)
    return !this.hasRoom(length) && !this.isUnread()
  }

  wake(): void {
    this.#control.publish(this.#lane + lane.waiting, 0)
  }

  /** Every reader is finished: nobody will ever take a message. */
  isUnread(): boolean {
    return this.#control.load(header.unread) === 1
  }

  /** Counts, for the status: a message that was dropped for want of room. */
  noteDropped(): void {
    const low = this.#lane + lane.dropped
    const next = (this.#control.get(low) + 1) | 0
    if (next === 0) this.#control.set(low + 4, (this.#control.get(low + 4) + 1) | 0)
    this.#control.set(low, next)
  }

  /** Counts, for the status: there was no room, and it waits. */
  noteStall(): void {
    this.#control.set(this.#lane + lane.stalls, (this.#control.get(this.#lane + lane.stalls) + 1) | 0)
  }

  #writeHeader(position: number, length: number, tag: number): void {
    RecordHeader.write(this.#data.words, position & this.#mask, length, tag, this.#sequenceLow, this.#sequenceHigh)
  }

  #makeRoom(end: number): boolean {
    this.#memory.checkPoison()
    if (this.#memory.geometry.isLossy) return this.#overwrite((end - this.#capacity) | 0)
    let used = 0
    for (const { finished, head } of this.#readers) {
      if (this.#control.load(finished) !== 1) used = Math.max(used, this.#countUsed(this.#control.load(head)))
    }
    this.#limit = (this.#tail - used + this.#capacity) | 0
    return ((end - this.#limit) | 0) <= 0
  }

  /** Says that the records before `target` are gone, before they are. False: some of them are not published yet. */
  #overwrite(target: number): boolean {
    if (((target - this.#tail) | 0) > 0) return false
    let oldest = this.#oldest
    while (((target - oldest) | 0) > 0) {
      const bytes = this.#overwritten.read(this.#data.words, oldest, (this.#tail - oldest) | 0)
      if (bytes === 0) throw this.#memory.poison('record')
      oldest = (oldest + bytes) | 0
    }
    this.#control.publish(this.#lane + lane.oldest, oldest)
    this.#memory.fence()
    this.#oldest = oldest
    this.#limit = (oldest + this.#capacity) | 0
    return true
  }

  #countUsed(head: number): number {
    const used = (this.#tail - head) >>> 0
    if (used > this.#capacity || used % record.alignment !== 0) throw this.#memory.poison('position')
    return used
  }

  #wakeReaders(): number {
    let asleep = 0
    for (let index = 0; index < this.#readers.length; index++) {
      const { waiting } = this.#readers[index]!
      if (this.#control.load(waiting) !== 2) continue
      this.#control.publish(waiting, 0)
      asleep |= 1 << index
    }
    return asleep
  }
}

/** Where to look for what a reader does. */
interface ReaderWords {
  readonly waiting: number
  /** What holds this lane's writer back. */
  readonly head: number
  readonly finished: number
}

function listReaders({ geometry }: RingMemory, writer: number): ReaderWords[] {
  return Array.from({ length: geometry.readers }, (_, index) => ({
    waiting: readerStart(geometry, index) + reader.waiting,
    head:
      geometry.mode === 'share' ? laneStart(writer) + lane.head : cursorStart(geometry, writer, index) + cursor.head,
    finished: header.readerSlots + index * slot.bytes + slot.finished,
  }))
}
