/** Sends frames into a stream of Node's: those of one turn of the program in one write. */
import type { Socket } from 'node:net'
import { IpcsupError } from '../../errors.js'
import { closedEnd } from '../closed-end.js'
import { LeavingLine } from '../leaving-line.js'
import type { WaitOptions } from '../messages.js'
import { Pace } from '../pace.js'
import { errnoOf } from '../refusal.js'
import { FrameBatch } from './batch.js'
import { forgetSender, isProgramEnding, rememberSender, sayLastWords } from './last-words.js'
import { header } from './layout.js'
import type { SenderSettings } from './sender-settings.js'
import { makeWriterNumber } from './writer-number.js'

/** Who is told once it is written. */
interface Delivery {
  readonly resolve: (isSent: boolean) => void
  readonly reject: (reason: unknown) => void
}

interface Waiter extends Delivery {
  readonly payload: string | Uint8Array
  readonly size: number
  /** It has its place now, and no signal takes it back. */
  readonly enter: () => void
}

/** What waits to be written, besides what is being written. */
const roomBytes = 128 * 1024

export class FrameSender<Value = unknown> {
  private building: FrameBatch
  private written: FrameBatch
  /** Those whose frames are in the batch of that name. */
  private buildingFor: Delivery[] = []
  private writtenFor: Delivery[] = []
  private readonly line = new LeavingLine<Waiter>()
  private readonly pace = new Pace()
  private isWriting = false
  /** The frames of `written`. */
  private output: Buffer = nothing
  private isFlushDue = false
  private isOpen = true
  private failure: Error | null = null
  private sequence = 0
  private readonly onIdle: (() => void)[] = []
  private writes = 0

  constructor(
    readonly socket: Socket,
    private readonly settings: SenderSettings,
  ) {
    const writer = makeWriterNumber()
    this.building = new FrameBatch(writer, settings.isChecked)
    this.written = new FrameBatch(writer, settings.isChecked)
    socket.on('error', error => this.fail(error))
    // The end of a connection, whoever closed it.
    socket.once('close', () => this.fail(this.noReader()))
    rememberSender(this)
  }

  get largestMessage(): number {
    return this.settings.largestFrame - header.bytes
  }

  trySend(value: Value): boolean {
    this.check()
    const payload = this.settings.codec.encode(value)
    const size = this.measure(payload)
    if (this.line.size > 0 || !this.hasRoom(size)) return false
    this.add(payload, size)
    this.soon()
    return true
  }

  async send(value: Value, { signal }: WaitOptions = {}): Promise<boolean> {
    signal?.throwIfAborted()
    this.check()
    const encoded = this.settings.codec.encode(value)
    const size = this.measure(encoded)
    if (this.line.size > 0 || this.isWriting || !this.hasRoom(size)) return this.stand(encoded, size, signal)
    return new Promise((resolve, reject) => {
      this.buildingFor.push({ resolve, reject })
      this.add(encoded, size)
      this.soon()
    })
  }

  flush(): void {
    this.isFlushDue = false
    while (!this.isWriting && this.failure === null) {
      this.letIn()
      if (this.building.size === 0) return
      this.write()
      if (this.line.size > 0 && this.pace.isDue()) return this.goOnLater()
    }
  }

  /** Who reads as fast as this writes would keep the event loop waiting for as long as somebody stands in the line. */
  private goOnLater(): void {
    this.isFlushDue = true
    setImmediate(() => this.flush())
  }

  /** @param then - called once what was sent is written, or cannot be any more */
  close(then: () => void): void {
    this.isOpen = false
    const reason = this.closedError()
    for (const { enter, reject } of this.line.takeAll()) {
      enter()
      reject(reason)
    }
    this.flush()
    this.onIdle.push(() => forgetSender(this), then)
    if (!this.isWriting || this.failure !== null) this.tellIdle()
  }

  *takeRest(unwrittenBytes: number): Generator<Buffer> {
    if (this.isWriting) yield this.output.subarray(this.output.length - unwrittenBytes)
    for (;;) {
      this.written.clear()
      this.letIn()
      if (this.building.size === 0 || this.failure !== null) break
      yield this.beginOutput()
    }
    this.isWriting = false
  }

  private check(): void {
    if (!this.isOpen) throw this.closedError()
    if (this.failure !== null) throw this.failure
  }

  private closedError(): IpcsupError {
    return closedEnd(this.settings.link, this.settings.what)
  }

  private measure(payload: string | Uint8Array): number {
    const size = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length
    if (size <= this.largestMessage) return size
    throw new IpcsupError('IPCSUP_ERR_MESSAGE_SIZE', {
      bytes: size,
      largest: this.largestMessage,
      advice: this.settings.advice,
    })
  }

  private hasRoom(size: number): boolean {
    if (this.building.size === 0) return true
    return !this.settings.isAtomic && this.building.size + header.bytes + size <= roomBytes
  }

  private add(payload: string | Uint8Array, size: number): void {
    this.building.add(payload, size, this.settings.codec.tagOf(payload), ++this.sequence)
  }

  /** At the end of this turn, when all that it has to say is there. */
  private soon(): void {
    if (isProgramEnding()) return sayLastWords()
    if (this.settings.isAtomic || this.building.size >= roomBytes / 2) return this.flush()
    if (this.isFlushDue || this.isWriting) return
    this.isFlushDue = true
    process.nextTick(() => this.flush())
  }

  private stand(payload: string | Uint8Array, size: number, signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.line.delete(waiter)
        reject(signal!.reason)
      }
      const enter = (): void => signal?.removeEventListener('abort', leave)
      const waiter: Waiter = { payload, size, resolve, reject, enter }
      this.line.add(waiter)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  /** Those who waited for room and have it now. */
  private letIn(): void {
    for (let waiter = this.line.first(); waiter && this.hasRoom(waiter.size); waiter = this.line.first()) {
      this.line.delete(waiter)
      waiter.enter()
      this.buildingFor.push(waiter)
      this.add(waiter.payload, waiter.size)
    }
  }

  private write(): void {
    const number = ++this.writes
    this.socket.write(this.beginOutput(), error => {
      if (this.isWriting && this.writes === number) this.finishLate(error ?? null)
    })
    // The kernel took it at once: to wait for the callback would cost a turn.
    if (this.socket.writableLength === 0 && !this.socket.errored) this.settle()
  }

  /** What was built is to be written now, and the next is built elsewhere. */
  private beginOutput(): Buffer {
    ;[this.building, this.written] = [this.written, this.building]
    ;[this.buildingFor, this.writtenFor] = [this.writtenFor, this.buildingFor]
    this.isWriting = true
    this.output = this.written.finish()
    return this.output
  }

  private settle(): void {
    this.isWriting = false
    this.written.clear()
    for (const { resolve } of this.writtenFor) resolve(true)
    this.writtenFor.length = 0
  }

  private finishLate(error: Error | null): void {
    if (error !== null) return this.fail(error)
    this.settle()
    this.flush()
    if (!this.isWriting) this.tellIdle()
  }

  private fail(error: Error): void {
    forgetSender(this)
    this.failure ??= gone.has(errnoOf(error)) ? this.noReader() : error
    const reason = this.failure
    const waiters = this.line.takeAll()
    const all = [...this.writtenFor, ...this.buildingFor, ...waiters]
    for (const waiter of waiters) waiter.enter()
    this.writtenFor.length = this.buildingFor.length = 0
    for (const { reject } of all) reject(reason)
    this.tellIdle()
  }

  private tellIdle(): void {
    for (const then of this.onIdle.splice(0)) then()
  }

  private noReader(): IpcsupError {
    return new IpcsupError('IPCSUP_ERR_NO_READER', { what: this.settings.what })
  }
}

const gone = new Set(['EPIPE', 'ECONNRESET'])
const nothing: Buffer = Buffer.alloc(0)
