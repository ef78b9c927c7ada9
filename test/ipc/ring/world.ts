import { openReader, type Reader, RingMemory, RingWriter, repairClaims } from '../../../src/ipc/ring/index.js'
import { cursor, cursorStart, type Geometry, mark, tags } from '../../../src/ipc/ring/layout.js'
import { makePayload, makeRing, type Start, setHeader, setSlot, watchWords } from './support.js'

/** What a process dies of that is killed: whatever it had in its own memory is forgotten. */
export class Killed extends Error {}

/** A process that uses the ring, over all its incarnations. */
interface User {
  readonly name: string
  /** It sleeps until its bell was rung, be it before. */
  isAsleep: boolean
  isRung: boolean
  isFinished: boolean
  /** One more step of its program; false: it has nothing to do. */
  turn(): boolean
  /** Its program ended in the middle of a turn. */
  die(): void
}

/**
 * A ring with its writers, readers and host, all in one thread: they take turns, each doing a few operations. Its
 * promises are checked with every message.
 *
 * - Everything that was published is received, in order, whole.
 * - Nothing that was acknowledged is received again, and nothing twice unless its reader died in between.
 */
export class World {
  readonly #geometry: Geometry
  readonly #memory: ArrayBuffer
  readonly #ring: RingMemory
  readonly #users: User[] = []
  readonly #restarts: 'at once' | 'later'
  readonly #last: number
  readonly #first: number
  readonly #payloads: readonly (readonly Buffer[])[]
  /** Those in the middle of a turn; the last one is at work. */
  readonly #busy: User[] = []
  readonly #books: Book[] = []
  /** Before and after each store. */
  step: () => void = () => {}
  /** Before each load. */
  look: () => void = () => {}

  /**
   * @param count - messages of each writer
   * @param restarts - whether a dead reader comes again at once, or after the others have gone on
   */
  constructor(
    geometry: Geometry,
    start: Start,
    count: number,
    payloads: readonly (readonly Buffer[])[],
    restarts: 'at once' | 'later' = 'later',
  ) {
    this.#restarts = restarts
    this.#geometry = geometry
    this.#memory = makeRing(geometry, start)
    this.#ring = new RingMemory(
      this.#memory,
      geometry,
      'orders',
      watchWords(
        () => this.step(),
        () => this.look(),
      ),
    )
    this.#first = start.sequence
    this.#last = start.sequence + count - 1
    this.#payloads = payloads
    const common = geometry.mode === 'share' ? new Book(geometry) : null
    for (let slot = 0; slot < geometry.writers; slot++) this.#users.push(this.#createWriter(slot))
    for (let slot = 0; slot < geometry.readers; slot++)
      this.#users.push(this.#createReader(slot, common ?? new Book(geometry)))
  }

  get currentName(): string {
    return this.#busy.at(-1)?.name ?? 'host'
  }

  /** Lets all do what they have to until all are finished. */
  run(): void {
    for (let idle = 0; this.#users.some(user => !user.isFinished); ) {
      idle++
      for (const user of this.#users) if (this.takeTurn(user)) idle = 0
      // A lock of a stopped process is waited for by a timer, which comes some turns later.
      if (idle > 3) throw new Error(`all wait for ever: ${JSON.stringify(this.#users)}`)
    }
    for (const book of this.#books) book.check(this.#first, this.#last)
  }

  /** Lets all others do what they have to, in the middle of somebody's turn. */
  interrupt(): void {
    for (let round = 0; round < 3; round++) for (const user of this.#users) this.takeTurn(user)
  }

  takeTurn(user: User): boolean {
    if (user.isFinished || this.#busy.includes(user) || (user.isAsleep && !user.isRung)) return false
    user.isAsleep = user.isRung = false
    this.#busy.push(user)
    try {
      return user.turn()
    } catch (error) {
      if (!(error instanceof Killed)) throw error
      user.die()
      // The host rings everybody: the dead may have been about to.
      for (const other of this.#users) other.isRung = true
      return true
    } finally {
      this.#busy.pop()
    }
  }

  #ringBells(users: 'writer' | 'reader', mask: number): void {
    for (const user of this.#users) {
      const [kind, slot] = user.name.split(' ')
      if (kind === users && (mask >>> Number(slot)) & 1) user.isRung = true
    }
  }

  #createWriter(slot: number): User {
    let writer: RingWriter | null = null
    let wasAsleep = false
    let turns = 0
    /** Everything before was published, and is never taken back. */
    let published = this.#first
    const publish = (): void => {
      const next = writer!.sequence
      this.#ringBells('reader', writer!.publish())
      published = next
    }
    const user: User = {
      name: `writer ${slot}`,
      isAsleep: false,
      isRung: false,
      isFinished: false,
      die: () => {
        writer = null
        wasAsleep = false
      },
      turn: () => {
        if (!writer) {
          writer = new RingWriter(this.#ring, slot)
          if (writer.sequence < published) throw new Error('what was published is gone')
        }
        if (wasAsleep) writer.wake()
        wasAsleep = false
        // Now it is faster than readers, now slower.
        const most = turns++ % 4 < 2 ? 5 : 1
        for (let count = 0; count < most; count++) {
          const sequence = writer.sequence
          if (sequence > this.#last) {
            publish()
            user.isFinished = true
            if (this.#users.every(other => other.isFinished || !other.name.startsWith('writer'))) this.#end()
            return true
          }
          const payload = this.#payloads[slot]![sequence - this.#first]!
          let offset = writer.reserve(payload.length)
          if (offset < 0) {
            publish()
            offset = writer.reserve(payload.length)
          }
          if (offset < 0) {
            writer.noteStall()
            user.isAsleep = wasAsleep = writer.sleep(payload.length)
            if (!user.isAsleep) writer.wake()
            return count > 0
          }
          const half = payload.length >> 1
          writer.bytes.set(payload.subarray(0, half), offset)
          this.step()
          writer.bytes.set(payload.subarray(half), offset + half)
          this.step()
          writer.commit(payload.length, tags.bytes)
        }
        if (writer.isDue()) publish()
        return true
      },
    }
    return user
  }

  #end(): void {
    setHeader(this.#memory, 'ended', 1)
    this.#ringBells('reader', -1)
  }

  #createReader(slot: number, book: Book): User {
    this.#books.push(book)
    let reader: Reader | null = null
    let wasAsleep = false
    let turns = 0
    const user: User = {
      name: `reader ${slot}`,
      isAsleep: false,
      isRung: false,
      isFinished: false,
      die: () => {
        reader = null
        wasAsleep = false
        setSlot(this.#memory, slot, 'alive', 0)
        this.#repair(slot)
        if (this.#geometry.mode !== 'share') this.#settleBook(slot, book)
        book.forget(slot)
        // While it is dead, the others may take what it had.
        if (this.#restarts === 'later') this.interrupt()
        setSlot(this.#memory, slot, 'alive', 1)
      },
      turn: () => {
        reader ??= openReader(this.#ring, slot)
        if (wasAsleep) reader.wake()
        wasAsleep = false
        turns++
        let position = 0
        for (let count = 0; count < 3; count++) {
          if (!reader.next()) {
            this.#ringBells('writer', reader.ackAll())
            book.acknowledge(slot)
            this.#ringBells('writer', reader.settle())
            if (reader.isOver()) {
              book.missed = reader.missed
              user.isFinished = true
              return true
            }
            user.isAsleep = wasAsleep = reader.sleep()
            if (!user.isAsleep) reader.wake()
            return count > 0
          }
          const { writer, sequence, offset, length } = reader
          const payload = this.#payloads[writer]![sequence - this.#first]
          const bytes = reader.source.subarray(offset, offset + length)
          if (!payload?.equals(bytes)) throw new Error(`message ${writer}.${sequence} is torn`)
          book.receive(slot, writer, sequence)
          position = reader.position
          // Some are acknowledged one by one, some many at a time.
          if ((turns + count) % 3 === 0) {
            this.#ringBells('writer', reader.ack(writer, position, sequence))
            book.acknowledge(slot, writer, sequence)
          }
        }
        if (turns % 4 === 0 || reader.isAckDue()) {
          this.#ringBells('writer', reader.ackAll())
          book.acknowledge(slot)
        }
        return true
      },
    }
    return user
  }

  /** A reader with a cursor that was killed while it acknowledged has done so, or not: its cursor says which. */
  #settleBook(slot: number, book: Book): void {
    const bytes = Buffer.from(this.#memory)
    for (let writer = 0; writer < this.#geometry.writers; writer++) {
      const start = cursorStart(this.#geometry, writer, slot)
      const marks = [0, 1].map(index => start + cursor.marks + index * mark.bytes)
      const at = marks.find(at => bytes.readUInt32LE(at) === bytes.readUInt32LE(start + cursor.head))!
      book.acknowledge(slot, writer, Number(bytes.readBigUInt64LE(at + mark.sequenceLow)) - 1)
    }
  }

  #repair(slot: number): void {
    const words = new Int32Array(this.#memory)
    repairClaims(this.#geometry, slot, {
      read: offset => words[offset >> 2]!,
      write: (offset, value) => {
        words[offset >> 2] = value
      },
    })
  }
}

export function listPayloads({ writers, capacity }: Geometry, { sequence }: Start, count: number): Buffer[][] {
  return Array.from({ length: writers }, (_, writer) =>
    Array.from({ length: count }, (_, index) => makePayload(writer, sequence + index, capacity)),
  )
}

/** What was received and acknowledged, by one reader, or by all that share. */
class Book {
  missed = 0
  readonly #isLossy: boolean
  readonly #isShared: boolean
  readonly #lanes: readonly Lane[]

  constructor({ writers, isLossy, mode }: Geometry) {
    this.#isLossy = isLossy
    this.#isShared = mode === 'share'
    this.#lanes = Array.from({ length: writers }, () => ({
      holders: new Map(),
      received: new Set(),
      acknowledged: new Set(),
    }))
  }

  receive(slot: number, writer: number, sequence: number): void {
    const { holders, received, acknowledged } = this.#lanes[writer]!
    const name = `message ${writer}.${sequence}`
    if (acknowledged.has(sequence)) throw new Error(`${name} came again after it was acknowledged`)
    if (holders.has(sequence)) throw new Error(`${name} came to ${slot} while ${holders.get(sequence)} has it`)
    for (const [other, holder] of holders)
      if (holder === slot && other > sequence) throw new Error(`${name} came after ${other}`)
    if (
      !this.#isShared &&
      !this.#isLossy &&
      sequence > 1 &&
      received.size > 0 &&
      !received.has(sequence) &&
      !received.has(sequence - 1)
    )
      throw new Error(`${name} came before the one before it`)
    holders.set(sequence, slot)
    received.add(sequence)
  }

  /** What it was given, and up to which. */
  acknowledge(slot: number, writer?: number, sequence = Number.POSITIVE_INFINITY): void {
    for (const [index, { holders, acknowledged }] of this.#lanes.entries()) {
      if (writer !== undefined && index !== writer) continue
      for (const [held, holder] of holders) {
        if (holder !== slot || held > sequence) continue
        holders.delete(held)
        acknowledged.add(held)
      }
    }
  }

  /** It died: what it was given may come again. */
  forget(slot: number): void {
    for (const { holders } of this.#lanes)
      for (const [held, holder] of holders) if (holder === slot) holders.delete(held)
  }

  /** At the end. */
  check(first: number, last: number): void {
    // What was received and not acknowledged, and is gone when its reader comes again, is missed.
    const kind = this.#isLossy ? 'acknowledged' : 'received'
    const count = this.#lanes.reduce((sum, lane) => sum + lane[kind].size, 0)
    const sent = this.#lanes.length * (last - first + 1)
    if (count + this.missed !== sent) throw new Error(`${count} received and ${this.missed} missed of ${sent}`)
  }
}

interface Lane {
  /** Which reader has what it did not acknowledge. */
  readonly holders: Map<number, number>
  readonly received: Set<number>
  readonly acknowledged: Set<number>
}
