/** The end of a ring that sends. */

import { closedEnd } from './closed-end.js'
import type { PayloadCodec } from './codec.js'
import { checkReservation, measureMessage } from './message-size.js'
import type { WaitOptions } from './messages.js'
import { beginEnd, type ClosableEnd } from './open-end.js'
import { nextTurn, Pace } from './pace.js'
import { largestMessage } from './ring/layout.js'
import type { RingWriter as Lane } from './ring/writer.js'
import type { Attachment } from './ring-attachment.js'
import type { RingWriter } from './ring-end.js'
import { forgetWriter, rememberWriter } from './ring-flush.js'
import { RingOutlet } from './ring-outlet.js'
import { RoomLine } from './ring-room.js'

// A promise for each message would cost more than the message.
const sent = Promise.resolve(true)
const dropped = Promise.resolve(false)

export class RingSender implements RingWriter {
  readonly largestMessage: number
  private readonly outlet: RingOutlet
  private readonly line: RoomLine
  private readonly drops: boolean
  private readonly pace = new Pace()
  private readonly life: ClosableEnd = beginEnd(() => this.release())

  constructor(
    private readonly lane: Lane,
    private readonly codec: PayloadCodec,
    private readonly attachment: Attachment,
    private readonly link: string | undefined,
  ) {
    this.largestMessage = largestMessage(attachment.geometry)
    this.drops = attachment.full === 'drop-new'
    this.outlet = new RingOutlet(lane, codec, attachment.bells, link)
    this.line = new RoomLine(this.outlet, attachment.ownBell)
    rememberWriter(this.outlet)
  }

  get sent(): number {
    return this.lane.sequence - 1
  }

  trySend(value: unknown): boolean {
    try {
      this.checkFree()
      const encoded = this.codec.encode(value)
      const bytes = measureMessage(encoded, this.largestMessage)
      return this.line.isEmpty && this.outlet.put(encoded, bytes)
    } catch (error) {
      throw this.outlet.giveUp(error)
    }
  }

  send(value: unknown, options?: WaitOptions): Promise<boolean> {
    try {
      options?.signal?.throwIfAborted()
      this.checkFree()
      const encoded = this.codec.encode(value)
      const bytes = measureMessage(encoded, this.largestMessage)
      if (this.line.isEmpty && this.outlet.put(encoded, bytes))
        return this.pace.isDue() ? nextTurn().then(() => true) : sent
      if (this.drops) return this.drop(dropped)
      return this.line.enter(bytes, () => this.outlet.put(encoded, bytes), options?.signal)
    } catch (error) {
      return Promise.reject(this.outlet.giveUp(error))
    }
  }

  tryReserve(bytes: number): Buffer | null {
    try {
      this.checkFree()
      checkReservation(bytes, this.largestMessage)
      return this.line.isEmpty && this.outlet.hold(bytes) ? this.outlet.reserved : null
    } catch (error) {
      throw this.outlet.giveUp(error)
    }
  }

  async reserve(bytes: number, options?: WaitOptions): Promise<Buffer | null> {
    options?.signal?.throwIfAborted()
    const held = this.tryReserve(bytes)
    if (held !== null) return held
    if (this.drops) return this.drop(null)
    let reserved: Buffer | null = null
    const hold = (): boolean => {
      if (!this.outlet.hold(bytes)) return false
      reserved = this.outlet.reserved
      return true
    }
    await this.line.enter(bytes, hold, options?.signal)
    return reserved
  }

  commit(bytes?: number): void {
    this.checkOpen()
    try {
      this.outlet.commit(bytes)
    } catch (error) {
      throw this.outlet.giveUp(error)
    }
    this.line.lookAgain()
  }

  flush(): void {
    this.outlet.flush()
  }

  close(): void {
    this.life.close()
  }

  once(event: 'close', listener: () => void): void {
    this.life.once(event, listener)
  }

  private release(): void {
    this.outlet.flushQuietly()
    this.outlet.isOpen = false
    forgetWriter(this.outlet)
    this.line.close(this.closedError())
    this.attachment.close()
  }

  private drop<T>(result: T): T {
    this.lane.noteDropped()
    return result
  }

  private checkFree(): void {
    this.checkOpen()
    if (this.outlet.reserved === null) return
    throw this.outlet.misuse('sent to', 'a message is reserved in it', 'Commit that one first.')
  }

  private checkOpen(): void {
    if (!this.outlet.isOpen) throw this.closedError()
  }

  private closedError(): Error {
    return closedEnd(this.link, 'ring')
  }
}
