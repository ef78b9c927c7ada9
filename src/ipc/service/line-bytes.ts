/**
 * Lines as bytes, one behind the other, until they are sent through memory.
 *
 * Not as text: V8 keeps the text of every number that was turned into one for a while, for whoever asks again, and its
 * collector has to carry all of them about, which took a sixth of the time of small calls.
 */

/** What digits are written for by hand; the rest is rare. */
const largestByHand = 999_999_999

/** A text that is so short is written faster byte by byte than by a call of the system's. */
const shortText = 32

const leastBytes = 4096
/** A connection does not keep more after a long line. */
const mostKeptBytes = 64 * 1024

/** A number as JSON has it, written by hand. */
export const isSmallInteger = (value: unknown): value is number =>
  Number.isInteger(value) && Math.abs(value as number) <= largestByHand && !Object.is(value, -0)

export class LineBytes {
  #bytes = Buffer.allocUnsafeSlow(leastBytes)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** What was written, and is good until something is written again. It is empty from now on. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length)
    this.#length = 0
    if (this.#bytes.length > mostKeptBytes) this.#bytes = Buffer.allocUnsafeSlow(leastBytes)
    return taken
  }

  /** One that is short: see `shortLines` of the wire. */
  shortLine(number: number, name: string | null, value: string | number | readonly number[]): void {
    this.number(number)
    this.#byte(comma)
    if (name !== null) {
      this.text(name)
      this.#byte(comma)
    }
    if (typeof value === 'string') this.text(value)
    else if (typeof value === 'number') this.number(value)
    else this.#list(value)
    this.#byte(lineEnd)
  }

  #list(values: readonly number[]): void {
    this.#byte(opening)
    for (let index = 0; index < values.length; index++) {
      if (index > 0) this.#byte(comma)
      this.number(values[index]!)
    }
    this.#byte(closing)
  }

  #byte(code: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1)
    this.#bytes[this.#length++] = code
  }

  /** @param value - any but NaN and the infinite ones, for which JSON has no word */
  number(value: number): void {
    if (!isSmallInteger(value)) return this.text(String(value))
    if (value < 0) this.#byte(minus)
    this.#digits(Math.abs(value))
  }

  #digits(value: number): void {
    let count = 1
    for (let power = 10; value >= power; power *= 10) count += 1
    if (this.#length + count > this.#bytes.length) this.#grow(count)
    let rest = value
    for (let at = this.#length + count - 1; at >= this.#length; at--) {
      const tenth = (rest / 10) | 0
      this.#bytes[at] = zero + rest - tenth * 10
      rest = tenth
    }
    this.#length += count
  }

  text(text: string): void {
    // A character is at most 3 bytes for each of its units.
    const most = text.length > leastBytes ? Buffer.byteLength(text) : text.length * 3
    if (this.#length + most > this.#bytes.length) this.#grow(most)
    if (text.length <= shortText && this.#ascii(text)) return
    this.#length += this.#bytes.write(text, this.#length)
  }

  /** false: it is none. */
  #ascii(text: string): boolean {
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code > 127) return false
      this.#bytes[this.#length + at] = code
    }
    this.#length += text.length
    return true
  }

  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#length + bytes))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}

const zero = 48
const minus = 45
const comma = 44
const lineEnd = 10
const opening = 91
const closing = 93
