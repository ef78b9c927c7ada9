/** Receives frames from a stream of Node's. It takes nothing from the kernel before somebody wants a message. */
import type { Socket } from 'node:net'
import { closedEnd } from '../closed-end.js'
import type { PayloadCodec } from '../codec.js'
import type { MessageSource } from '../message-iteration.js'
import type { Message } from '../messages.js'
import { ReceivedMessage } from '../received-message.js'
import { errnoOf } from '../refusal.js'
import { FrameDecoder } from './decoder.js'
import type { Intake } from './intake.js'

export interface SourceSettings {
  readonly codec: PayloadCodec
  readonly needsChecksum: boolean
  /** Bytes, header included. */
  readonly largestFrame: number
  /** What carries the frames, as a noun of a sentence. */
  readonly what: string
  /** Its name, where it is known. */
  readonly link?: string | undefined
  /** Called with how many more were found torn. */
  readonly onTorn: (torn: number) => void
}

export class FrameSource<Value> implements MessageSource<Value> {
  readonly decoder: FrameDecoder
  private readonly reused: ReceivedMessage<Value>
  /** `decoder` stands at a frame that nobody has taken. */
  private isFound = false
  private hasEnded = false
  private failure: Error | null = null
  private isClosed = false
  private waiting: ((isThere: boolean) => void) | null = null
  private isFlowing = false
  private isCheckDue = false
  private tornTold = 0

  constructor(
    private readonly socket: Socket,
    intake: Intake,
    private readonly settings: SourceSettings,
  ) {
    this.decoder = new FrameDecoder(settings)
    this.reused = new ReceivedMessage(settings.codec, Buffer.alloc(0), 0, 0, 0, 0, 0)
    intake.sink = portion => this.arrive(portion)
    socket.once('end', () => this.endInput(null))
    socket.once('close', () => this.endInput(null))
    socket.on('error', error => this.endInput(error))
  }

  isOpen(): boolean {
    return !this.isClosed
  }

  closedError(): Error {
    return closedEnd(this.settings.link, this.settings.what)
  }

  has(): boolean {
    if (this.isClosed) throw this.closedError()
    if (this.isFound) return true
    this.isFound = this.decoder.next()
    this.tellTorn()
    return this.isFound
  }

  take(): Message<Value> | null {
    if (!this.advance()) return null
    const { source, start, end, tag, sequence, writer } = this.decoder
    return new ReceivedMessage(this.settings.codec, source, start, end, tag, sequence, writer)
  }

  takeReused(): Message<Value> | null {
    if (!this.advance()) return null
    const { source, start, end, tag, sequence, writer } = this.decoder
    return this.reused.become(source, start, end, tag, sequence, writer, 0)
  }

  beginBatch(): void {}

  lookAgain(): boolean {
    return false
  }

  /** Over bytes there is nobody to acknowledge to. */
  ack(): void {}

  isAckDue(): boolean {
    return false
  }

  async wait(): Promise<boolean> {
    if (this.isClosed) return false
    if (this.has()) return true
    if (this.hasEnded) return this.finish()
    this.flow()
    this.socket.ref()
    await new Promise(resolve => {
      this.waiting = resolve
    })
    if (this.isClosed || this.isFound || !this.hasEnded) return !this.isClosed
    return this.finish()
  }

  stopWaiting(): void {
    this.wake()
  }

  close(): void {
    this.isClosed = true
    this.wake()
  }

  /** To the next frame; false: there is none yet. */
  private advance(): boolean {
    if (this.has()) {
      this.isFound = false
      return true
    }
    this.flow()
    return false
  }

  /** Whoever is killed loses what it has taken in: so not more than what comes at once. */
  private flow(): void {
    if (this.isFlowing || this.hasEnded) return
    this.isFlowing = true
    this.socket.resume()
  }

  private arrive(portion: Buffer): void {
    if (this.isClosed) return
    this.decoder.push(portion)
    if (this.has()) this.wake()
    if (this.isCheckDue) return
    this.isCheckDue = true
    // A loop that asks for the next one at once need not have it stopped and begun again.
    setImmediate(() => this.stopUnlessWanted())
  }

  private stopUnlessWanted(): void {
    this.isCheckDue = false
    if (this.waiting !== null || this.hasEnded || this.isClosed) return
    this.isFlowing = false
    this.socket.pause()
  }

  private endInput(error: Error | null): void {
    if (this.hasEnded) return
    this.hasEnded = true
    // Who sent is gone, however it went.
    if (error !== null && !gone.has(errnoOf(error))) this.failure = error
    this.wake()
  }

  /** Everything that came was taken. */
  private finish(): false {
    this.decoder.finish()
    this.tellTorn()
    if (this.failure !== null) throw this.failure
    return false
  }

  private wake(): void {
    const { waiting } = this
    if (waiting === null) return
    this.waiting = null
    this.socket.unref()
    waiting(true)
  }

  private tellTorn(): void {
    const more = this.decoder.torn - this.tornTold
    if (more === 0) return
    this.tornTold += more
    this.settings.onTorn(more)
  }
}

const gone = new Set(['EPIPE', 'ECONNRESET'])
