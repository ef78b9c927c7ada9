import { wakeWriter } from './lane-cursor.js'
import { cursor, cursorStart, header, lane, laneStart, record, slot } from './layout.js'
import type { LaneData, RingMemory, SharedWords } from './memory.js'
import { RecordHeader } from './record-header.js'

/** A claim is for so many records at most: what one reader has, the others do not. */
const mostClaimed = 16

/** Whoever has the lock has it for less than a microsecond, or is stopped, or dead. */
const lockTries = 8

/**
 * A lane of which each record goes to one of several readers. Who takes some says so in a claim of its own; claims, and
 * the words of the lane that follow from them, are changed by whoever has the lane's lock. Only the position of a claim
 * is its owner's alone. The order of stores is what `repairClaims` relies on when the owner of the lock dies.
 */
export class ShareLane {
  readonly writer: number
  readonly data: LaneData
  /** Of the own claim: everything before was given out, was acknowledged; where it ends. */
  position = 0
  acknowledged = 0
  end = 0
  /** Masks of writers that are to be rung. */
  unrung = 0

  readonly #memory: RingMemory
  readonly #control: SharedWords
  readonly #capacity: number
  readonly #slot: number
  readonly #lane: number
  readonly #claims: readonly ClaimWords[]
  readonly #own: ClaimWords
  readonly #scout: RecordHeader
  /** Was the claim of the last incarnation looked for? */
  #isAdopted = false

  constructor(memory: RingMemory, writer: number, index: number) {
    const { geometry } = memory
    this.#memory = memory
    this.#control = memory.control
    this.#capacity = geometry.capacity
    this.#slot = index
    this.writer = writer
    this.data = memory.lanes[writer]!
    this.#lane = laneStart(writer)
    this.#claims = Array.from({ length: geometry.readers }, (_, reader) => {
      const start = cursorStart(geometry, writer, reader)
      return {
        claimed: start + cursor.claimed,
        position: start + cursor.position,
        end: start + cursor.end,
        alive: header.readerSlots + reader * slot.bytes + slot.alive,
      }
    })
    this.#own = this.#claims[index]!
    this.#scout = new RecordHeader(geometry.capacity)
  }

  /** Could a claim be made now? */
  hasMore(): boolean {
    const { next, tail } = this.#look()
    return next !== tail || this.#claims.some(claim => this.#isClaimable(claim))
  }

  /** Makes a claim, if there is anything to claim. False: somebody has the lock. Only without a claim. */
  claim(): boolean {
    if (!this.#lock()) return false
    const bounds = this.#checkBounds()
    if (!this.#adopt(bounds) && !this.#takeOver(bounds)) this.#claimNext(bounds)
    this.#updateHead()
    this.#unlock()
    return true
  }

  /** Acknowledges the records of the claim before `position`. False: the lane's head is to be settled. */
  acknowledge(position: number): boolean {
    this.#control.publish(this.#own.position, position)
    this.acknowledged = position
    if (position === this.end) this.#control.publish(this.#own.claimed, 0)
    else if (this.#control.get(this.#lane + lane.waiting) === 0) return true
    return this.settle()
  }

  /** Moves the lane's head to where the claims are. False: somebody has the lock. */
  settle(): boolean {
    const { head, next } = this.#look()
    if (head === next || head === this.#findHead(next)) return true
    if (!this.#lock()) return false
    this.#updateHead()
    this.#unlock()
    return true
  }

  #lock(): boolean {
    for (let tries = 0; tries < lockTries; tries++) {
      if (this.#control.replace(this.#lane + lane.lock, 0, this.#slot + 1)) return true
    }
    return false
  }

  #unlock(): void {
    this.#control.publish(this.#lane + lane.lock, 0)
  }

  #look(): Bounds {
    const head = this.#control.load(this.#lane + lane.head)
    const next = this.#control.load(this.#lane + lane.next)
    return { head, next, tail: this.#control.load(this.#lane + lane.tail) }
  }

  #checkBounds(): Bounds {
    const bounds = this.#look()
    const used = (bounds.tail - bounds.head) >>> 0
    const isPossible = used <= this.#capacity && (bounds.next - bounds.head) >>> 0 <= used
    if (!isPossible || (bounds.head | bounds.next | bounds.tail) % record.alignment !== 0)
      throw this.#memory.poison('position')
    return bounds
  }

  /** The own claim, or one whose reader is dead. */
  #isClaimable(claim: ClaimWords): boolean {
    if (this.#control.load(claim.claimed) !== 1) return false
    return claim === this.#own ? !this.#isAdopted : this.#control.load(claim.alive) !== 1
  }

  /** Goes on with the claim that the last incarnation had. */
  #adopt(bounds: Bounds): boolean {
    if (this.#isAdopted) return false
    this.#isAdopted = true
    if (this.#control.load(this.#own.claimed) !== 1) return false
    const { position, end } = this.#readClaim(this.#own, bounds)
    if (position === end) this.#control.publish(this.#own.claimed, 0)
    return this.#begin(position, end)
  }

  /** Goes on with the claim of a dead reader. */
  #takeOver(bounds: Bounds): boolean {
    for (const claim of this.#claims) {
      if (!this.#isClaimable(claim)) continue
      const { position, end } = this.#readClaim(claim, bounds)
      if (position !== end) this.#publishClaim(position, end)
      this.#control.publish(claim.claimed, 0)
      if (position !== end) return this.#begin(position, end)
    }
    return false
  }

  #claimNext({ next, tail }: Bounds): void {
    const fairBytes = ((tail - next) >>> 0) / this.#claims.length
    let end = next
    for (let count = 0; end !== tail && count < mostClaimed; ) {
      const bytes = this.#scout.read(this.data.words, end, (tail - end) | 0)
      if (bytes === 0) throw this.#memory.poison('record')
      end = (end + bytes) | 0
      if (this.#scout.isPadding) continue
      count++
      if ((end - next) >>> 0 >= fairBytes) break
    }
    if (end === next) return
    this.#publishClaim(next, end)
    this.#control.publish(this.#lane + lane.next, end)
    this.#begin(next, end)
  }

  #readClaim(claim: ClaimWords, { head, next }: Bounds): { position: number; end: number } {
    const position = this.#control.load(claim.position)
    const end = this.#control.load(claim.end)
    const isPossible =
      (end - head) >>> 0 <= (next - head) >>> 0 &&
      (position - head) >>> 0 <= (end - head) >>> 0 &&
      (position | end) % record.alignment === 0
    if (!isPossible) throw this.#memory.poison('claim')
    return { position, end }
  }

  #publishClaim(position: number, end: number): void {
    this.#control.set(this.#own.position, position)
    this.#control.set(this.#own.end, end)
    this.#control.publish(this.#own.claimed, 1)
  }

  #begin(position: number, end: number): boolean {
    this.position = this.acknowledged = position
    this.end = end
    return position !== end
  }

  /** The first position that is not acknowledged. */
  #findHead(next: number): number {
    let head = next
    for (const claim of this.#claims) {
      if (this.#control.load(claim.claimed) !== 1) continue
      const position = this.#control.load(claim.position)
      if (((position - head) | 0) < 0) head = position
    }
    return head
  }

  #updateHead(): void {
    const bounds = this.#checkBounds()
    const head = this.#findHead(bounds.next)
    if (head === bounds.head) return
    if ((head - bounds.head) >>> 0 > (bounds.next - bounds.head) >>> 0) throw this.#memory.poison('claim')
    this.#control.publish(this.#lane + lane.head, head)
    this.unrung |= wakeWriter(this.#control, this.writer)
  }
}

/** Where a claim is, and whether its reader lives. */
interface ClaimWords {
  readonly claimed: number
  readonly position: number
  readonly end: number
  readonly alive: number
}

interface Bounds {
  readonly head: number
  readonly next: number
  readonly tail: number
}
