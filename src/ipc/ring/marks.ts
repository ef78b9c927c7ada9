import { mark } from './layout.js'
import type { RingMemory, SharedWords } from './memory.js'

/**
 * Two marks, which say what belongs to a position: the one to be true next is written while the other still is, and
 * becomes true by the store of its position to a word of its own. So whoever comes after a crash finds both or neither.
 */
export class Marks {
  readonly #control: SharedWords
  readonly #start: number
  /** Of the two, the one that is true. */
  index: number
  /** Of the record at the position that is true. */
  readonly sequenceLow: number
  readonly sequenceHigh: number

  /**
   * @param start - where they are
   * @param position - the one that is true
   */
  constructor(memory: RingMemory, start: number, position: number) {
    this.#control = memory.control
    this.#start = start
    const positions = [0, 1].map(index => memory.control.get(start + index * mark.bytes + mark.position))
    this.index = positions.indexOf(position)
    if (this.index < 0) throw memory.poison('position')
    const at = start + this.index * mark.bytes
    this.sequenceLow = memory.control.get(at + mark.sequenceLow)
    this.sequenceHigh = memory.control.get(at + mark.sequenceHigh)
  }

  /** Writes the other mark, which is true as soon as `position` is stored to its word. */
  write(position: number, sequenceLow: number, sequenceHigh: number): void {
    this.index ^= 1
    const at = this.#start + this.index * mark.bytes
    this.#control.set(at + mark.position, position)
    this.#control.set(at + mark.sequenceLow, sequenceLow)
    this.#control.set(at + mark.sequenceHigh, sequenceHigh)
  }
}
