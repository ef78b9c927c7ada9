import { BaseReader } from './base-reader.js'
import { record } from './layout.js'
import type { RingMemory } from './memory.js'
import { ShareLane } from './share-lane.js'

/** Gets some of the messages, in claims of a few, while other readers get the others. */
export class ShareReader extends BaseReader {
  readonly missed = 0
  readonly #lanes: readonly ShareLane[]
  #current: ShareLane
  /** Of the record given out last; only within a claim the next one follows. */
  #isWithinClaim = false

  constructor(memory: RingMemory, slot: number) {
    super(memory, slot)
    this.#lanes = memory.lanes.map((_, writer) => new ShareLane(memory, writer, slot))
    this.#current = this.#lanes[0]!
  }

  next(): boolean {
    if (this.#current.position === this.#current.end && !this.#findClaim()) return false
    const current = this.#current
    const { sequenceLow, sequenceHigh } = this.header
    let bytes = this.#readHeader()
    if (this.header.isPadding) {
      current.position = (current.position + bytes) | 0
      bytes = this.#readHeader()
    }
    if (this.#isWithinClaim && !this.header.isAfter(sequenceLow, sequenceHigh)) throw this.memory.poison('sequence')
    this.#isWithinClaim = true
    this.writer = current.writer
    this.source = current.data.bytes
    this.offset = (current.position & (this.geometry.capacity - 1)) + record.bytes
    this.position = current.position = (current.position + bytes) | 0
    return true
  }

  ack(writer: number, position: number): number {
    const lane = this.#lanes[writer]!
    const isGivenOut = (position - lane.acknowledged) >>> 0 <= (lane.position - lane.acknowledged) >>> 0
    if (isGivenOut && position !== lane.acknowledged && !lane.acknowledge(position)) this.isHeldUp = true
    return this.#takeUnrung()
  }

  ackAll(): number {
    let asleep = 0
    for (const { writer, position } of this.#lanes) asleep |= this.ack(writer, position)
    return asleep
  }

  isAckDue(): boolean {
    const { position, acknowledged, end } = this.#current
    return position !== acknowledged && position === end
  }

  settle(): number {
    this.memory.checkPoison()
    this.isHeldUp = false
    for (const lane of this.#lanes) if (!lane.settle()) this.isHeldUp = true
    return this.#takeUnrung()
  }

  hasNext(): boolean {
    this.memory.checkPoison()
    return this.#lanes.some(lane => lane.position !== lane.end || (lane.acknowledged === lane.end && lane.hasMore()))
  }

  protected isDrained(): boolean {
    this.memory.checkPoison()
    return this.#lanes.every(lane => lane.position === lane.end && !lane.hasMore())
  }

  /** @returns bytes of the record at the claim's position */
  #readHeader(): number {
    const { data, position, end } = this.#current
    const bytes = this.header.read(data.words, position, (end - position) | 0)
    if (bytes === 0) throw this.memory.poison('record')
    return bytes
  }

  /** In the lanes after the current one, and at last itself. */
  #findClaim(): boolean {
    this.memory.checkPoison()
    this.isHeldUp = this.needsAck = false
    for (let step = 1; step <= this.#lanes.length; step++) {
      const lane = this.#lanes[(this.#current.writer + step) % this.#lanes.length]!
      if (!lane.hasMore()) continue
      if (lane.acknowledged !== lane.end) this.needsAck = true
      else if (!lane.claim()) this.isHeldUp = true
      else if (lane.position !== lane.end) {
        this.#current = lane
        this.#isWithinClaim = false
        return true
      }
    }
    return false
  }

  #takeUnrung(): number {
    let asleep = 0
    for (const lane of this.#lanes) {
      asleep |= lane.unrung
      lane.unrung = 0
    }
    return asleep
  }
}
