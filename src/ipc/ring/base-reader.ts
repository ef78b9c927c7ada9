import { type Geometry, header, reader, readerStart } from './layout.js'
import type { RingMemory, SharedWords } from './memory.js'
import type { Reader } from './reader.js'
import { RecordHeader } from './record-header.js'

/** The current record, and how a reader says that it waits. */
export abstract class BaseReader implements Reader {
  source: Buffer
  offset = 0
  writer = 0
  position = 0
  isHeldUp = false
  needsAck = false
  abstract readonly missed: number

  protected readonly memory: RingMemory
  protected readonly control: SharedWords
  protected readonly geometry: Geometry
  /** Of the current record. */
  protected readonly header: RecordHeader
  readonly #waiting: number

  constructor(memory: RingMemory, slot: number) {
    memory.checkPoison()
    this.memory = memory
    this.control = memory.control
    this.geometry = memory.geometry
    this.header = new RecordHeader(memory.geometry.capacity)
    this.source = memory.lanes[0]!.bytes
    this.#waiting = readerStart(memory.geometry, slot) + reader.waiting
    this.wake()
  }

  get length(): number {
    return this.header.length
  }

  get tag(): number {
    return this.header.tag
  }

  get sequence(): number {
    return this.header.sequence
  }

  abstract next(): boolean
  abstract ack(writer: number, position: number, sequence: number): number
  abstract ackAll(): number
  abstract isAckDue(): boolean
  abstract settle(): number
  abstract hasNext(): boolean
  /** Was everything that is published given out? */
  protected abstract isDrained(): boolean

  isOver(): boolean {
    // Before the look at the lanes: what was published before the end is seen there.
    const hasEnded = this.control.load(header.ended) === 1
    return hasEnded && this.isDrained()
  }

  // Not published, here and in `wake`, which would cost a part of a round trip: a writer that sees it a moment later rings
  // once too often, or publishes at the end of its turn.
  watch(): void {
    this.control.set(this.#waiting, 1)
  }

  sleep(): boolean {
    this.control.publish(this.#waiting, 2)
    return !this.hasNext() && !this.isOver()
  }

  wake(): void {
    this.control.set(this.#waiting, 0)
  }
}
