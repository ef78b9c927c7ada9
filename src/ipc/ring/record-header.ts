import { largestMessage, record, tags } from './layout.js'
import type { SharedWords } from './memory.js'

/** Bytes of a record with a payload of `length` bytes, padded to where the next one begins. */
export const recordBytes = (length: number): number =>
  (length + record.bytes + record.alignment - 1) & -record.alignment

/** A 64-bit number of two words, which is exact up to 2^53. */
export const combine = (low: number, high: number): number => (high >>> 0) * 2 ** 32 + (low >>> 0)

/** The header of a record, copied out of the shared memory before it is believed. One object serves for all records. */
export class RecordHeader {
  length = 0
  tag = 0
  sequenceLow = 0
  sequenceHigh = 0
  readonly #capacity: number
  readonly #largest: number

  /** @param capacity - of the lanes */
  constructor(capacity: number) {
    this.#capacity = capacity
    this.#largest = largestMessage({ capacity })
  }

  get sequence(): number {
    // Nearly all are small integers, for which that is nothing.
    if (this.sequenceHigh === 0 && this.sequenceLow >= 0) return this.sequenceLow
    return combine(this.sequenceLow, this.sequenceHigh)
  }

  /** Has the record the sequence after this one? */
  isAfter(low: number, high: number): boolean {
    const next = (low + 1) | 0
    return this.sequenceLow === next && this.sequenceHigh === (next === 0 ? (high + 1) | 0 : high)
  }

  get isPadding(): boolean {
    return this.tag === tags.padding
  }

  /**
   * @param position - a multiple of 16
   * @param published - bytes that are published from there on, at most the capacity
   * @returns the bytes of the record; 0: none can be like that
   */
  read(words: Pick<SharedWords, 'get'>, position: number, published: number): number {
    const offset = position & (this.#capacity - 1)
    const length = words.get(offset + record.length)
    const tag = words.get(offset + record.tag)
    const sequenceLow = words.get(offset + record.sequenceLow)
    const sequenceHigh = words.get(offset + record.sequenceHigh)
    this.length = length
    this.tag = tag
    this.sequenceLow = sequenceLow
    this.sequenceHigh = sequenceHigh
    const rest = this.#capacity - offset
    // Behind a padding there is always the record that did not fit.
    if (tag === tags.padding) return length === rest - record.bytes && rest < published && offset > 0 ? rest : 0
    if (length >>> 0 > this.#largest || tag < tags.bytes || tag > tags.msgpack) return 0
    const bytes = recordBytes(length)
    return bytes <= rest && bytes <= published ? bytes : 0
  }

  /** Stores a header: no reader looks before the record is published. */
  static write(words: SharedWords, offset: number, length: number, tag: number, low: number, high: number): void {
    words.set(offset + record.length, length)
    words.set(offset + record.tag, tag)
    words.set(offset + record.sequenceLow, low)
    words.set(offset + record.sequenceHigh, high)
  }
}
