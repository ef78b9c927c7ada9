/**
 * The way of lines through memory, beside the socket of a connection. The socket stays: its end is the end of the
 * connection, and a byte there wakes who sleeps.
 */
import { IpcsupError } from '../../errors.js'
import { record } from '../ring/layout.js'
import type { LineRings } from './line-rings.js'
import { type Looking, lookNoMore, lookNow, lookSoon } from './line-watch.js'

export interface RingUser {
  /** Sends what was said so far. */
  flush(): unknown
  /** Is something likely to come within microseconds? */
  isExpecting(): boolean
  onReadable(): void
  /** @param bytes - only good until it returns */
  onBytes(bytes: Buffer): void
  onWritten(): void
  /** All that there was no room for is written. */
  onDrain(): void
  /** The other side has gone, and all that it had published was read; or `why` that cannot be. */
  onEnd(why: Error | null): void
}

/** So much is read at once; then others have their turn. */
const mostBytes = 16 * 1024

export class RingWay implements Looking {
  idleLooks = 0
  readonly #user: RingUser
  /** null: closed. */
  #rings: LineRings | null
  #rest: Buffer | null = null
  /** The other side says what it says here. */
  #isBegun = false
  /** The other side has gone. */
  #isOver = false
  #isPaused = false
  /** The other side sees that this one watches, or sleeps. */
  #isWaiting = false

  /** @param rings - belong to the way from now on */
  constructor(rings: LineRings, user: RingUser) {
    this.#rings = rings
    this.#user = user
  }

  /** Something waits until there is room for it. */
  get isFull(): boolean {
    return this.#rest !== null
  }

  /** What there is no room for waits; nothing else may be written then. */
  write(bytes: Buffer): void {
    if (this.#isOver) return
    this.#guard(rings => {
      const rest = rings.write(bytes)
      // The bytes are the caller's, who writes to them again.
      this.#rest = rest === null ? null : Buffer.from(rest)
    })
    if (this.#rest === null) this.#user.onWritten()
    if (!this.#isBegun || !this.isExpecting()) return
    this.#rouse()
    lookSoon(this)
  }

  /** Has the other side nothing to do? */
  isPeerIdle(): boolean {
    return this.#rings?.isPeerIdle() === true
  }

  begin(): void {
    this.#isBegun = true
    lookSoon(this)
  }

  /** The other side has written something, or made room. */
  wake(): void {
    this.#rouse()
    if (this.#rest !== null) this.#guard(rings => this.#writeOn(rings))
    if (this.#rings !== null) lookNow(this)
  }

  #writeOn(rings: LineRings): void {
    this.#rest = rings.write(this.#rest!)
    if (this.#rest !== null) return
    this.#user.onWritten()
    this.#user.onDrain()
  }

  /** The other side has gone: what it said is still to be read, and nobody makes room any more. */
  finish(): void {
    this.#isOver = true
    this.#isPaused = false
    this.#rest = null
    lookNow(this)
  }

  pause(): void {
    if (!this.#isOver) this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    lookSoon(this)
  }

  flush(): void {
    this.#user.flush()
  }

  take(): boolean {
    this.#rouse()
    return this.#guard(rings => this.#takeSome(rings)) === true
  }

  #takeSome(rings: LineRings): boolean {
    let bytes = 0
    let isAny = false
    while (bytes < mostBytes && this.#isReading() && rings.hasNext()) {
      isAny = true
      this.#user.onReadable()
      const piece = rings.read()
      // Those without bytes are some, too: there may always be one more.
      bytes += piece.length + record.bytes
      this.#user.onBytes(piece)
      if (this.#rings !== null) rings.acknowledge(false)
    }
    if (isAny && this.#rings !== null) rings.acknowledge(true)
    return isAny
  }

  /** What was read may have ended it. */
  #isReading(): boolean {
    return this.#rings !== null && !this.#isPaused
  }

  isExpecting(): boolean {
    return !this.#isOver && !this.#isPaused && this.#user.isExpecting()
  }

  watch(): void {
    if (!this.#isReading()) return
    this.#isWaiting = true
    this.#rings!.watch()
  }

  hasNext(): boolean {
    if (!this.#isReading()) return false
    try {
      return this.#rings!.hasNext()
    } catch {
      // Who takes it finds out what is wrong.
      return true
    }
  }

  sleep(): boolean {
    if (!this.#isReading()) return true
    if (this.#isOver) {
      this.#user.onEnd(null)
      return true
    }
    this.#isWaiting = true
    return this.#guard(rings => rings.sleep()) !== false
  }

  #rouse(): void {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#rings?.wake()
  }

  /** Ends the connection where its memory is not as it should be. */
  #guard<Result>(act: (rings: LineRings) => Result): Result | undefined {
    if (this.#rings === null) return
    try {
      return act(this.#rings)
    } catch (error) {
      if (!(error instanceof IpcsupError) || error.code !== 'IPCSUP_ERR_RING_CORRUPT') throw error
      this.#rest = null
      this.#user.onEnd(new Error(`its memory is corrupt: ${error.detail['why']}`))
      return
    }
  }

  close(): void {
    lookNoMore(this)
    this.#rings = this.#rest = null
  }
}
