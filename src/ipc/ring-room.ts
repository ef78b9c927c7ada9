/** Those who wait for room in one lane of a ring. */
import { nextTurn, Pace } from './pace.js'
import { flushWriters } from './ring-flush.js'
import type { RingOutlet } from './ring-outlet.js'
import { OwnBell } from './ring-own-bell.js'
import { Spin } from './spin.js'

interface Sender {
  readonly bytes: number
  /** False: there is no room for it now. */
  readonly attempt: () => boolean
  readonly resolve: (done: true) => void
  readonly reject: (reason: unknown) => void
}

/** They are served in the order in which they came, because that is the order of what they send. */
export class RoomLine {
  /** Hundreds of thousands may wait, and any of them may leave. */
  private readonly line = new Set<Sender>()
  private readonly pace = new Pace()
  private readonly bell: OwnBell
  private readonly spin = new Spin()
  private readonly amountBytes: number
  private isServed = false

  constructor(
    private readonly outlet: RingOutlet,
    ownBell: number,
  ) {
    this.bell = new OwnBell(ownBell, () => {})
    this.amountBytes = outlet.lane.bytes.length / 4
  }

  get isEmpty(): boolean {
    return this.line.size === 0
  }

  /** Resolves when `attempt` was true. What is done with it is done at once, before anybody else is served. */
  enter(bytes: number, attempt: () => boolean, signal: AbortSignal | undefined): Promise<true> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.line.delete(sender)
        this.bell.wake()
        reject(signal!.reason)
      }
      const settle =
        <T>(how: (value: T) => void) =>
        (value: T) => {
          signal?.removeEventListener('abort', leave)
          how(value)
        }
      const sender: Sender = { bytes, attempt, resolve: settle(resolve), reject: settle(reject) }
      this.line.add(sender)
      signal?.addEventListener('abort', leave, { once: true })
      if (!this.isServed) void this.serve()
    })
  }

  /** A reservation is over. */
  lookAgain(): void {
    this.bell.wake()
  }

  close(error: Error): void {
    this.outlet.lane.wake()
    this.bell.close()
    this.rejectAll(error)
  }

  private async serve(): Promise<void> {
    this.isServed = true
    try {
      // Who comes meanwhile is met too.
      for (const first of this.line) {
        while (this.line.has(first)) {
          if (this.pace.isDue()) await nextTurn()
          else if (first.attempt()) this.admit(first)
          else await this.wait(first.bytes)
        }
      }
    } catch (error) {
      this.rejectAll(this.outlet.giveUp(error))
    }
    this.isServed = false
  }

  private admit(sender: Sender): void {
    this.line.delete(sender)
    sender.resolve(true)
  }

  private async wait(bytes: number): Promise<void> {
    flushWriters()
    this.pace.noteWait()
    const { lane } = this.outlet
    // Only this program can commit what it reserved.
    if (this.outlet.reserved !== null) return this.bell.sleep()
    // Room for one message is gone with it: who is ahead lets the other one make some more.
    const wanted = Math.max(bytes, this.amountBytes)
    if (this.spin.until(() => lane.hasRoom(wanted)) || lane.hasRoom(bytes)) return
    lane.noteStall()
    if (lane.sleep(bytes)) await this.bell.sleep()
    this.spin.slept()
    // The end may be another's by now.
    if (this.outlet.isOpen) lane.wake()
  }

  private rejectAll(error: unknown): void {
    const all = [...this.line]
    this.line.clear()
    for (const { reject } of all) reject(error)
  }
}
