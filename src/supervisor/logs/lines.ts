/** Cuts a stream of bytes into lines to be shown. Files never go through here. */

const newline = 0x0a
const empty = Buffer.alloc(0)

/** A line without its newline, and what is to be marked. */
export interface ShownLine {
  /** Valid until the next call. */
  readonly bytes: Buffer
  /** Its beginning was shown before, as an unfinished line. */
  readonly isContinued: boolean
  /** Its rest may still come. */
  readonly isUnfinished: boolean
  /** Its rest is not shown: it is longer than the limit. */
  readonly isCut: boolean
}

export class LineSplitter {
  readonly #limitBytes: number
  #carried: Buffer = empty
  #carriedBytes = 0
  #isSkipping = false
  #isContinued = false

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** There is the beginning of a line that was not shown. */
  get hasUnfinished(): boolean {
    return this.#carriedBytes > 0
  }

  /** The next line of `chunk` from `from`, if any, and where to go on; at the end of the chunk the rest was carried. */
  next(chunk: Buffer, from: number): { readonly line: ShownLine | null; readonly at: number } {
    const found = chunk.indexOf(newline, from)
    const end = found === -1 ? chunk.length : found
    const after = found === -1 ? end : end + 1
    if (this.#isSkipping) {
      this.#isSkipping = found === -1
      return { line: null, at: after }
    }
    if (end - from > this.#limitBytes - this.#carriedBytes) return this.#cut(chunk, from)
    if (found === -1) this.#carry(chunk.subarray(from))
    return { line: found === -1 ? null : this.#takeLine(chunk.subarray(from, end), {}), at: after }
  }

  /** The beginning of a line, when nothing more came for a while (`isEnd` false) or will ever come (`isEnd`). */
  takeUnfinished(isEnd: boolean): ShownLine | null {
    if (!this.hasUnfinished) return null
    const line = this.#takeLine(empty, { isUnfinished: !isEnd })
    this.#isContinued = !isEnd
    return line
  }

  #cut(chunk: Buffer, from: number): { readonly line: ShownLine | null; readonly at: number } {
    let end = from + this.#limitBytes - this.#carriedBytes
    // Not inside a character: UTF-8's following bytes are 10xxxxxx, three at most.
    for (let back = 0; back < 3 && end > from && (chunk[end]! & 0xc0) === 0x80; back++) end--
    this.#isSkipping = true
    return { line: this.#takeLine(chunk.subarray(from, end), { isCut: true }), at: end }
  }

  #takeLine(rest: Buffer, marks: { isUnfinished?: boolean; isCut?: boolean }): ShownLine | null {
    const bytes = this.#carriedBytes === 0 ? rest : Buffer.concat([this.#carried.subarray(0, this.#carriedBytes), rest])
    const isContinued = this.#isContinued
    this.#carriedBytes = 0
    this.#isContinued = false
    // A silent stream shall not hold the memory of its longest line.
    if (this.#carried.length > 1024) this.#carried = empty
    // The newline alone of a line that was shown already.
    if (isContinued && bytes.length === 0) return null
    return { bytes, isContinued, isUnfinished: marks.isUnfinished ?? false, isCut: marks.isCut ?? false }
  }

  #carry(bytes: Buffer): void {
    const needed = this.#carriedBytes + bytes.length
    if (needed > this.#carried.length) {
      // Doubled, so that a line that comes byte by byte is not copied for each byte.
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.#limitBytes, 2 * this.#carried.length)))
      this.#carried.copy(larger, 0, 0, this.#carriedBytes)
      this.#carried = larger
    }
    bytes.copy(this.#carried, this.#carriedBytes)
    this.#carriedBytes = needed
  }
}
