/** The ways of receiving messages, over whatever takes them from where they come. */
import type { BatchOptions, Message, MessageReader, WaitOptions } from './messages.js'
import { nextTurn, Pace } from './pace.js'
import { WaitingReceivers } from './waiting-receivers.js'

/** Where messages come from. All of it may throw where the transport is found broken, and does once it is closed. */
export interface MessageSource<Value> {
  /** True when `take` would give a message now. */
  has(): boolean
  /** The next message, if there is one now: an object of its own. */
  take(): Message<Value> | null
  /** The next one of a batch; the object may be another message after the next call. null also when that is enough for a batch. */
  takeReused(): Message<Value> | null
  beginBatch(): void
  /** `has`, again and again for a few microseconds, where that is worth while. */
  lookAgain(): boolean
  /**
   * Resolves true when `has` may be true, false at the end or when it was closed. Keeps the program alive meanwhile. Asked
   * again only when it has resolved.
   *
   * @param hasCome - may be called before it resolves true: who is served then is served sooner
   */
  wait(hasCome: () => void): Promise<boolean>
  /** Nobody wants to know any more: the promise of `wait` resolves at once. */
  stopWaiting(): void
  /** Acknowledges everything up to `message`, by default up to the last one taken. */
  ack(message?: Message<Value>): void
  /** Somebody waits for an acknowledgement, or nothing more is there to be acknowledged with the last ones. */
  isAckDue(): boolean
  isOpen(): boolean
  /** What those are told who want something of it when it is not open. */
  closedError(): Error
}

type Receiving<Value> = Omit<MessageReader<Value>, 'close' | 'once' | 'missed'>

export function receiveFrom<Value>(source: MessageSource<Value>): Receiving<Value> {
  const line = new WaitingReceivers(source)
  const receive = (options?: WaitOptions): Promise<Message<Value> | null> => line.receive(options?.signal)
  const messages = (options: BatchOptions = {}): AsyncIterableIterator<Message<Value>> =>
    new MessageIterator(source, line, options)
  return {
    tryReceive: () => source.take(),
    receive,
    ack: message => source.ack(message),
    batches: (options = {}) => new BatchIterator(source, line, options),
    messages,
    [Symbol.asyncIterator]: () => messages(),
  }
}

/**
 * One message for each turn of the loop; those before are acknowledged, because the loop's body is through with them:
 * each at once, or a few together where the body is quick.
 */
class MessageIterator<Value> implements AsyncIterableIterator<Message<Value>> {
  private readonly isManual: boolean
  private readonly signal: AbortSignal | undefined
  private readonly pace = new Pace()
  private readonly group = new AckGroup()
  private given: Message<Value> | null = null
  /** The last of those that the body is through with, and that are not acknowledged. */
  private done: Message<Value> | null = null

  constructor(
    private readonly source: MessageSource<Value>,
    private readonly line: WaitingReceivers<Value>,
    { ack, signal }: BatchOptions,
  ) {
    this.isManual = ack === 'manual'
    this.signal = signal
  }

  next(): Promise<IteratorResult<Message<Value>>> {
    const isDue = this.pace.isDue()
    if (this.line.isEmpty && !isDue && this.signal?.aborted !== true && this.source.isOpen()) {
      try {
        this.finish()
        const value = this.source.take() ?? this.takeLater()
        if (value !== null) {
          this.given = value
          return Promise.resolve({ done: false, value })
        }
      } catch (error) {
        return Promise.reject(error)
      }
    }
    return this.wait(isDue)
  }

  /** A body that was left in the middle, or threw, may not be through with its message: that is not acknowledged. */
  return(): Promise<IteratorResult<Message<Value>>> {
    this.given = null
    if (this.source.isOpen()) this.acknowledge()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  private finish(): void {
    if (this.given === null || this.isManual) return
    this.done = this.given
    this.given = null
    if (this.group.isWhole() || this.source.isAckDue()) this.acknowledge()
  }

  private acknowledge(): void {
    if (this.done === null) return
    this.source.ack(this.done)
    this.done = null
    this.group.begin()
  }

  /** There was nothing just now. */
  private takeLater(): Message<Value> | null {
    this.acknowledge()
    this.pace.noteWait()
    return this.source.lookAgain() ? this.source.take() : null
  }

  private async wait(isDue: boolean): Promise<IteratorResult<Message<Value>>> {
    if (!this.source.isOpen()) return this.return()
    this.finish()
    this.acknowledge()
    if (isDue) await nextTurn()
    const value = await this.line.receive(this.signal).catch(reason => endIfClosed(this.source, reason))
    this.given = value
    return value === null ? this.return() : { done: false, value }
  }
}

/** An acknowledgement costs a tenth of what a quick body does; what would be done twice after a crash must stay little. */
const mostTogether = 16
const quickMs = 0.004

/** How many messages are acknowledged together: more while the body is quick with each, one where it is not. */
class AckGroup {
  private size = 1
  private left = 1
  private begunAt = performance.now()

  /** Asked once for each message. */
  isWhole(): boolean {
    return --this.left <= 0
  }

  begin(): void {
    const now = performance.now()
    const isQuick = now - this.begunAt < quickMs * this.size
    this.size = isQuick ? Math.min(mostTogether, this.size * 2) : 1
    this.left = this.size
    this.begunAt = now
  }
}

/** What there is at the time, for each turn of the loop; what was taken of the one before is acknowledged. */
class BatchIterator<Value> implements AsyncIterableIterator<Iterable<Message<Value>>> {
  private readonly isManual: boolean
  private readonly signal: AbortSignal | undefined
  private readonly batch: Batch<Value>
  private isGiven = false

  constructor(
    private readonly source: MessageSource<Value>,
    private readonly line: WaitingReceivers<Value>,
    { ack, signal }: BatchOptions,
  ) {
    this.isManual = ack === 'manual'
    this.signal = signal
    this.batch = new Batch(source)
  }

  async next(): Promise<IteratorResult<Iterable<Message<Value>>>> {
    if (!this.source.isOpen()) return this.return()
    if (this.isGiven && !this.isManual && this.batch.took) this.source.ack()
    this.isGiven = false
    await this.batch.giveTurn()
    this.signal?.throwIfAborted()
    while (!(this.line.isEmpty && (this.source.has() || this.lookAgain()))) {
      const isThere = await this.line.arrival(this.signal).catch(reason => endIfClosed(this.source, reason))
      if (!isThere) return this.return()
    }
    this.isGiven = true
    return { done: false, value: this.batch.begin() }
  }

  private lookAgain(): boolean {
    this.batch.pace.noteWait()
    return this.source.lookAgain()
  }

  return(): Promise<IteratorResult<Iterable<Message<Value>>>> {
    this.isGiven = false
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

/** Ends when nothing is left, when its messages are enough, or when the event loop should have a turn. */
class Batch<Value> implements IterableIterator<Message<Value>> {
  readonly pace = new Pace()
  took = false
  private owesTurn = false
  private readonly result: IteratorYieldResult<Message<Value>> = { done: false, value: null! }

  constructor(private readonly source: MessageSource<Value>) {}

  begin(): this {
    this.took = false
    this.source.beginBatch()
    return this
  }

  async giveTurn(): Promise<void> {
    if (!this.owesTurn && !this.pace.isDue()) return
    await nextTurn()
  }

  next(): IteratorResult<Message<Value>> {
    this.owesTurn = this.took && this.pace.isDue()
    const value = this.owesTurn ? null : this.source.takeReused()
    if (value === null) return { done: true, value: undefined }
    this.took = true
    this.result.value = value
    return this.result
  }

  [Symbol.iterator](): this {
    return this
  }
}

/** To close an end is one way of ending a loop. */
function endIfClosed(source: { isOpen(): boolean }, reason: unknown): null {
  if (source.isOpen()) throw reason
  return null
}
