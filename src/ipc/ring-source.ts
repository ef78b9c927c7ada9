/** Where the messages of a ring come from. */
import type { PayloadCodec } from './codec.js'
import type { MessageSource } from './message-iteration.js'
import type { Message } from './messages.js'
import { ReceivedMessage, ReusedViews } from './received-message.js'
import type { Reader } from './ring/reader.js'
import type { Attachment } from './ring-attachment.js'
import { everybody, ring } from './ring-bells.js'
import { ReceivedRuns } from './ring-runs.js'
import { RingVigil } from './ring-vigil.js'

export class RingSource implements MessageSource<unknown> {
  private readonly bells: readonly number[]
  private readonly vigil: RingVigil
  private readonly runs: ReceivedRuns | null
  private readonly views: ReusedViews | null
  private readonly reused: ReceivedMessage
  private readonly mostBatchBytes: number
  private batchBytes = 0
  private open = true

  constructor(
    private readonly reader: Reader,
    private readonly codec: PayloadCodec,
    private readonly attachment: Attachment,
  ) {
    const { bells, geometry } = attachment
    this.bells = bells
    this.vigil = new RingVigil(reader, attachment)
    // In a lossy ring messages are copies.
    this.views = geometry.isLossy ? null : ReusedViews.of(geometry.capacity, geometry.writers)
    this.runs = geometry.writers > 1 ? new ReceivedRuns() : null
    this.reused = new ReceivedMessage(codec, Buffer.alloc(0), 0, 0, 0, 0, 0, 0, this.views)
    // What a batch has is acknowledged at its end, and meanwhile the writer needs room.
    this.mostBatchBytes = geometry.capacity / 4
  }

  get missed(): number {
    return this.reader.missed
  }

  has(): boolean {
    return this.guard(() => this.vigil.has())
  }

  take(): Message | null {
    if (!this.advance()) return null
    const { source, offset, length, tag, sequence, writer, position } = this.reader
    this.runs?.add(writer, position, sequence)
    const end = offset + length
    return new ReceivedMessage(this.codec, source, offset, end, tag, sequence, writer, position, this.views)
  }

  beginBatch(): void {
    this.batchBytes = 0
  }

  takeReused(): Message | null {
    if (this.batchBytes > this.mostBatchBytes || !this.advance()) return null
    const { source, offset, length, tag, sequence, writer, position } = this.reader
    this.batchBytes += length + 16
    this.runs?.add(writer, position, sequence)
    return this.reused.become(source, offset, offset + length, tag, sequence, writer, position)
  }

  lookAgain(): boolean {
    return this.guard(() => this.vigil.lookAgain())
  }

  wait(): Promise<boolean> {
    return this.vigil.wait()
  }

  stopWaiting(): void {
    this.vigil.stop()
  }

  ack(message?: Message): void {
    this.checkOpen()
    try {
      const writers = this.acknowledge(message as ReceivedMessage | undefined)
      if (writers !== 0) ring(this.bells, writers)
    } catch (error) {
      throw this.giveUp(error)
    }
    // There may be more now, for one who waits.
    if (this.reader.needsAck) this.vigil.wake()
  }

  isAckDue(): boolean {
    return this.reader.isAckDue()
  }

  isOpen(): boolean {
    return this.open
  }

  close(): void {
    this.open = false
    this.vigil.close()
    this.attachment.close()
  }

  private acknowledge(message: ReceivedMessage | undefined): number {
    if (message === undefined) {
      this.runs?.clear()
      return this.reader.ackAll()
    }
    const { writer, position, sequence } = message
    if (this.runs === null || this.runs.takeFirst(message)) return this.reader.ack(writer, position, sequence)
    let writers = 0
    for (const run of this.runs.takeUpTo(message)) writers |= this.reader.ack(run.writer, run.position, run.sequence)
    return writers
  }

  private advance(): boolean {
    this.checkOpen()
    try {
      if (this.reader.next()) return true
      this.vigil.noteNothing()
      return false
    } catch (error) {
      throw this.giveUp(error)
    }
  }

  private guard<T>(act: () => T): T {
    this.checkOpen()
    try {
      return act()
    } catch (error) {
      throw this.giveUp(error)
    }
  }

  /** The ring is corrupt, and whoever sleeps is to see it too. */
  private giveUp(error: unknown): unknown {
    ring(this.bells, everybody)
    return error
  }

  private checkOpen(): void {
    if (!this.open) throw new Error('The ring is closed')
  }
}
