/** How a reader of a ring waits: it looks again for a moment, then sleeps until its bell is rung. */
import type { Reader } from './ring/reader.js'
import type { Attachment } from './ring-attachment.js'
import { everybody, OwnBell, ring } from './ring-bells.js'
import { flushWriters } from './ring-flush.js'
import { Spin } from './spin.js'

/** Until the lock of a lane is tried again: no bell tells that another reader has given it back. */
const lockedMs = 1

/** What it calls of the reader may throw, once the ring is corrupt. */
export class RingVigil {
  private readonly bell: OwnBell
  private readonly spin = new Spin()
  private isWanted = false
  private isOpen = true
  /** There is something, and it could not be taken for want of a lock. */
  private isHeldUp = false

  constructor(
    private readonly reader: Reader,
    private readonly attachment: Attachment,
  ) {
    this.bell = new OwnBell(attachment.ownBell)
  }

  has(): boolean {
    return !this.isHeldUp && this.reader.hasNext()
  }

  /** Nothing could be taken just now. */
  noteNothing(): void {
    this.isHeldUp = this.reader.isHeldUp
  }

  lookAgain(): boolean {
    flushWriters()
    if (this.isHeldUp) return false
    this.reader.watch()
    const isThere = this.spin.until(() => this.reader.hasNext())
    this.reader.wake()
    return isThere
  }

  /** Resolves true when there may be something, or nobody wants to know any more; false at the end. */
  async wait(): Promise<boolean> {
    flushWriters()
    this.isWanted = true
    try {
      while (this.isOpen && this.isWanted) {
        if (this.has()) return true
        this.bell.silence()
        ring(this.attachment.bells, this.reader.settle())
        if (this.reader.isOver()) return false
        const timer = this.isLocked() ? setTimeout(() => this.wake(), lockedMs) : undefined
        if (this.reader.sleep() || this.isHeldUp) await this.bell.sleep()
        clearTimeout(timer)
        this.isHeldUp = false
        this.spin.slept()
        // The end may be another's by now.
        if (this.isOpen) this.reader.wake()
      }
      return this.isOpen
    } catch (error) {
      ring(this.attachment.bells, everybody)
      throw error
    }
  }

  /** Whoever waits looks again. */
  wake(): void {
    this.bell.wake()
  }

  stop(): void {
    this.isWanted = false
    this.wake()
  }

  close(): void {
    this.isOpen = false
    this.reader.wake()
    this.bell.close()
  }

  private isLocked(): boolean {
    return this.isHeldUp || this.reader.isHeldUp
  }
}
