import { IpcsupError } from '../../errors.js'
import { type Geometry, header, measure, poisons } from './layout.js'

/**
 * Words of shared memory, by their byte offset. Every store of the core to shared memory is one of these methods, so a
 * test can stop before and after each. Words have 32 bits and, being small integers for the engine that way, a sign.
 */
export class SharedWords {
  readonly #words: Int32Array

  constructor(memory: ArrayBuffer, start: number, bytes: number) {
    this.#words = new Int32Array(memory, start, bytes / 4)
  }

  /** What another process stores at the same time may be seen, or not. */
  get(offset: number): number {
    return this.#words[offset >> 2]!
  }

  /** Nobody looks here before a later `publish`. */
  set(offset: number, value: number): void {
    this.#words[offset >> 2] = value
  }

  /** Whoever sees the value that was published sees all that was stored before. */
  load(offset: number): number {
    return Atomics.load(this.#words, offset >> 2)
  }

  publish(offset: number, value: number): void {
    Atomics.store(this.#words, offset >> 2, value)
  }

  /** Publishes `value` if `expected` is there. */
  replace(offset: number, expected: number, value: number): boolean {
    return Atomics.compareExchange(this.#words, offset >> 2, expected, value) === expected
  }
}

/** Data of a lane: the same bytes twice. That views of a lane end with it is what keeps a wrong offset harmless. */
export interface LaneData {
  readonly words: SharedWords
  readonly bytes: Buffer
}

/** The memory of a ring, mapped. */
export class RingMemory {
  /** All before the lanes' data. */
  readonly control: SharedWords
  readonly lanes: readonly LaneData[]
  readonly geometry: Geometry
  readonly #link: string
  readonly #fence = new Int32Array(1)

  /**
   * @param memory - for which `explainDisagreement` found nothing
   * @param link - the name that errors say
   * @param Words - for tests
   */
  constructor(memory: ArrayBuffer, geometry: Geometry, link: string, Words: typeof SharedWords = SharedWords) {
    const { dataStart } = measure(geometry)
    const { capacity, writers } = geometry
    this.geometry = geometry
    this.#link = link
    this.control = new Words(memory, 0, dataStart)
    this.lanes = Array.from({ length: writers }, (_, writer) => {
      const start = dataStart + writer * capacity
      return { words: new Words(memory, start, capacity), bytes: Buffer.from(memory, start, capacity) }
    })
  }

  /** @throws IPCSUP_ERR_RING_CORRUPT when anybody found it corrupt, now or earlier */
  checkPoison(): void {
    const reason = this.control.get(header.poison)
    if (reason !== 0) throw this.#corrupt(reason)
  }

  /** Gives the ring up, for all who use it. Returns what to throw. */
  poison(reason: keyof typeof poisons): IpcsupError {
    this.control.replace(header.poison, 0, poisons[reason])
    return this.#corrupt(this.control.load(header.poison))
  }

  /**
   * Neither loads nor stores pass. Only for plain ones that have to stay on their side of a published word where a
   * publication lets them pass: those after a store, those before a load. An ARM processor would let them.
   */
  fence(): void {
    Atomics.exchange(this.#fence, 0, 0)
  }

  #corrupt(reason: number): IpcsupError {
    const why = explanations.get(reason) ?? `somebody stored ${reason >>> 0} as the reason`
    return new IpcsupError('IPCSUP_ERR_RING_CORRUPT', { link: this.#link, why })
  }
}

/** Why a ring is given up, by the number that says so. */
export const explanations: ReadonlyMap<number, string> = new Map<number, string>([
  [poisons.position, 'a position is where none can be'],
  [poisons.record, 'a record does not fit where it is, or is of no known sort'],
  [poisons.sequence, 'a record is not the next one'],
  [poisons.claim, 'the claim of a reader is where none can be'],
])
