/** What all readers of a ring have in common: those with a cursor of their own, those that lose, those that share. */

/**
 * Takes records one after another and acknowledges them. It never waits, allocates nothing for a record, and reads
 * each word of the shared memory once before it believes it.
 *
 * Every method may throw IPCSUP_ERR_RING_CORRUPT, once and for ever: the ring is poisoned then, and all bells are to be
 * rung. Masks have bit `n` for the writer `n`, whose bell the caller rings.
 */
export interface Reader {
  /** Where the payload of the current record is, as bytes of `source` from `offset`; after `next()` was true. */
  readonly source: Buffer
  readonly offset: number
  /** Bytes of the payload. */
  readonly length: number
  /** A row of `tags`. */
  readonly tag: number
  /** Exact up to 2^53. */
  readonly sequence: number
  readonly writer: number
  /** Where the record ends: acknowledges it, with its writer and its sequence. A number of 32 bits with a sign. */
  readonly position: number
  /** Messages that were gone before this reader came to them, in all its incarnations: 0 where nothing is lost. */
  readonly missed: number
  /**
   * After `next()` was false, in `share` mode: somebody has the lock of a lane, and no bell says when it is free. Try
   * again after a timer, of a millisecond or a few.
   */
  readonly isHeldUp: boolean
  /**
   * After `next()` was false, in `share` mode: there may be more, but not before what was given out is acknowledged. A
   * reader has one claim in a lane at a time.
   */
  readonly needsAck: boolean

  /**
   * Makes the next record the current one; false: there is none now. The bytes of an earlier record stay as they are
   * until it is acknowledged; in a lossy ring for ever, since they are a copy.
   */
  next(): boolean
  /** Acknowledges all records of that writer up to the one that ends at `position`; one that is already, does nothing. */
  ack(writer: number, position: number, sequence: number): number
  /** Acknowledges all that was given out. */
  ackAll(): number
  /** Is it time for `ackAll`, where nobody asks for more: the lane is drained, a quarter full of it, its writer waits. */
  isAckDue(): boolean
  /**
   * Finishes what a dead reader, or a lock that was taken, left undone in `share` mode: call it before each sleep, and
   * after a bell. Elsewhere nothing.
   */
  settle(): number
  /** Could `next()` be true now? Looks at the shared memory. */
  hasNext(): boolean
  /** Every writer is finished, and everything was given out to somebody. False once is false only for now. */
  isOver(): boolean
  /** This reader looks again and again: writers publish each record at once, and ring nobody. */
  watch(): void
  /** Is about to sleep on its bell; false: do not, there is something now. Either way `wake` comes next. */
  sleep(): boolean
  /** Neither watches nor sleeps. */
  wake(): void
}
