/** How a reader of a ring waits: it looks again for a moment, then sleeps until its bell is rung. */
import type { Reader } from './ring/reader.js'
import type { Attachment } from './ring-attachment.js'
import { everybody, ring } from './ring-bells.js'
import { flushWriters } from './ring-flush.js'
import { OwnBell } from './ring-own-bell.js'
import { Spin } from './spin.js'

/** Until the lock of a lane is tried again: no bell tells that another reader has given it back. */
const lockedMs = 1

const nobodyWaits = (): void => {}

/** What it calls of the reader may throw, once the ring is corrupt. */
export class RingVigil {
  private readonly bell: OwnBell
  private readonly spin = new Spin()
  private isWanted = false
  private isOpen = true
  /** There is something, and it could not be taken for want of a lock. */
  private isHeldUp = false
  /**
   * Writers publish each message at once, because this reader looks again and again. It says so until two messages were there
   * when it looked first: to take turns with another program, and to say it anew for each, costs a fifth of a round trip.
   */
  private isWatching = false
  private hasTaken = false
  private isAsleep = false
  private hasCome: () => void = nobodyWaits
  private readonly look = (): boolean => this.reader.hasNext()

  constructor(
    private readonly reader: Reader,
    private readonly attachment: Attachment,
  ) {
    this.bell = new OwnBell(attachment.ownBell, () => this.answer())
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
    this.hasTaken = false
    if (!this.isWatching) {
      this.isWatching = true
      this.reader.watch()
    }
    return this.spin.until(this.look)
  }

  /** Something could be taken. */
  noteTaken(): void {
    if (!this.isWatching) return
    if (this.hasTaken) this.wakeReader()
    this.hasTaken = true
  }

  /**
   * Resolves true when there may be something, or nobody wants to know any more; false at the end.
   *
   * @param hasCome - called before it resolves true because of a bell, if there is something
   */
  async wait(hasCome: () => void): Promise<boolean> {
    flushWriters()
    this.isWanted = true
    this.hasCome = hasCome
    try {
      while (this.isOpen && this.isWanted) {
        if (this.has()) return true
        ring(this.attachment.bells, this.reader.settle())
        if (this.reader.isOver()) return false
        const timer = this.isLocked() ? setTimeout(() => this.wake(), lockedMs) : undefined
        this.isAsleep = true
        // Who takes something without waiting must not take back that somebody sleeps: no bell would wake that one.
        this.isWatching = false
        if (this.reader.sleep() || this.isHeldUp) await this.bell.sleep()
        clearTimeout(timer)
        this.getUp()
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
    this.wakeReader()
    this.bell.close()
  }

  private answer(): void {
    this.getUp()
    if (this.isOpen && this.isWanted) this.hasCome()
  }

  /** By its bell, or without it. */
  private getUp(): void {
    if (!this.isAsleep) return
    this.isAsleep = false
    this.isHeldUp = false
    this.spin.slept()
    // The end may be another's by now.
    if (this.isOpen) this.wakeReader()
  }

  private wakeReader(): void {
    this.isWatching = false
    this.reader.wake()
  }

  private isLocked(): boolean {
    return this.isHeldUp || this.reader.isHeldUp
  }
}
