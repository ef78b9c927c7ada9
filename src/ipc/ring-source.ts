/** Where the messages of a ring come from. */
import { closedEnd } from './closed-end.js'
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
    private readonly link: string | undefined,
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
    this.checkOpen()
    try {
      return this.vigil.has()
    } catch (error) {
      throw this.giveUp(error)
    }
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
    this.checkOpen()
    try {
      return this.vigil.lookAgain()
    } catch (error) {
      throw this.giveUp(error)
    }
  }

  wait(hasCome: () => void): Promise<boolean> {
    return this.vigil.wait(hasCome)
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

  closedError(): Error {
    return closedEnd(this.link, 'ring')
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
      const isThere = this.reader.next()
      if (isThere) this.vigil.noteTaken()
      else this.vigil.noteNothing()
      return isThere
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
    if (!this.open) throw this.closedError()
  }
}
