import { cursor, cursorStart, type Geometry, lane, laneStart, record } from './layout.js'
import { Marks } from './marks.js'
import type { LaneData, RingMemory, SharedWords } from './memory.js'

/** How far a reader is in a lane that it has all to itself. */
export class LaneCursor {
  readonly writer: number
  readonly data: LaneData
  readonly marks: Marks
  /** Where the cursor is, and the lane. */
  readonly start: number
  readonly lane: number
  /** Everything before was published when it was looked at. */
  tail: number
  /** Everything before was given out. */
  position: number
  /** Everything before was acknowledged. */
  head: number
  /** Of the record at `position`. */
  sequenceLow: number
  sequenceHigh: number

  readonly #memory: RingMemory
  readonly #control: SharedWords
  readonly #capacity: number

  constructor(memory: RingMemory, writer: number, slot: number) {
    const geometry: Geometry = memory.geometry
    this.#memory = memory
    this.#control = memory.control
    this.#capacity = geometry.capacity
    this.writer = writer
    this.data = memory.lanes[writer]!
    this.start = cursorStart(geometry, writer, slot)
    this.lane = laneStart(writer)
    this.head = this.position = this.tail = memory.control.load(this.start + cursor.head)
    if (this.head % record.alignment !== 0) throw memory.poison('position')
    this.marks = new Marks(memory, this.start + cursor.marks, this.head)
    this.sequenceLow = this.marks.sequenceLow
    this.sequenceHigh = this.marks.sequenceHigh
  }

  /** Looks how much is published. */
  refresh(): void {
    const tail = this.#control.load(this.lane + lane.tail)
    const used = (tail - this.head) >>> 0
    const isPossible = used <= this.#capacity && (tail - this.position) >>> 0 <= used && tail % record.alignment === 0
    if (!isPossible) throw this.#memory.poison('position')
    this.tail = tail
  }

  /** The record at `position` was given out. */
  pass(bytes: number): void {
    this.position = (this.position + bytes) | 0
    this.sequenceLow = (this.sequenceLow + 1) | 0
    if (this.sequenceLow === 0) this.sequenceHigh = (this.sequenceHigh + 1) | 0
  }

  /** Was the record that ends there given out, and not acknowledged? */
  isUnacknowledged(position: number): boolean {
    return position !== this.head && (position - this.head) >>> 0 <= (this.position - this.head) >>> 0
  }

  isWriterWaiting(): boolean {
    return this.#control.get(this.lane + lane.waiting) !== 0
  }

  /** Makes what the other mark says true. @returns mask of the writer, if it sleeps */
  publishHead(position: number): number {
    this.#control.publish(this.start + cursor.head, position)
    this.head = position
    return wakeWriter(this.#control, this.writer)
  }
}

/** After room was made. @returns mask of the writer, if it sleeps */
export function wakeWriter(control: SharedWords, writer: number): number {
  const waiting = laneStart(writer) + lane.waiting
  if (control.load(waiting) !== 2) return 0
  control.publish(waiting, 0)
  return 1 << writer
}
