/**
 * What a program sends and receives messages with, whatever carries them: a ring, or frames over a pipe or a socket. A
 * program changes its transport in the config, not in its code.
 */
import type { ClosableEnd } from './open-end.js'

/** What payloads are. `bytes`: a string goes as text, anything else as the bytes that it is. */
export type Codec = 'bytes' | 'json' | 'msgpack'

export interface WaitOptions {
  /** Ends the waiting; what was waited for did not happen. Rejects with its reason. */
  readonly signal?: AbortSignal | undefined
}

/** A message that was received, and is to be acknowledged. */
export interface Message<Value = unknown> {
  /**
   * From 1, one more for each message of that writer, over all its restarts: with `writer` it names the message, so a
   * reader that is given it again can tell.
   */
  readonly sequence: number
  /** Which of the writers of this link, from 0. */
  readonly writer: number
  /** It was sent as a string. */
  readonly isText: boolean
  /**
   * The payload where it lies, without a copy: valid until the message is acknowledged. Not to be written to. In a ring whose
   * writers are not to be trusted take `text` or `value`, which are made from a copy: what lies there may change.
   */
  readonly bytes: Buffer
  /** The payload as UTF-8. */
  readonly text: string
  /** What was sent, decoded as the link's `codec` says; of `bytes` a string for text, else a copy of the bytes. */
  readonly value: Value
}

export interface MessageWriter<Value = unknown> extends ClosableEnd {
  /** Bytes of the largest message. */
  readonly largestMessage: number
  /**
   * Sends without waiting; false: there is no room now. What was sent in one turn of the program is published together,
   * at its end at the latest.
   */
  trySend(value: Value): boolean
  /**
   * Resolves once the message is published: true; false when it was dropped because the link says `full: 'drop-new'`.
   * Waits while there is no room.
   */
  send(value: Value, options?: WaitOptions): Promise<boolean>
  /** Publishes what was sent so far, now. */
  flush(): void
}

/** One that lets a program write a message where it will lie. Only one reservation at a time, and no `send` meanwhile. */
export interface ReservingWriter<Value = unknown> extends MessageWriter<Value> {
  /** Room for a message of `bytes` bytes, to be filled; null: there is none now. Its content is undefined. */
  tryReserve(bytes: number): Buffer | null
  /** The same, waiting for room; null: it is to be dropped, because the link says `full: 'drop-new'`. */
  reserve(bytes: number, options?: WaitOptions): Promise<Buffer | null>
  /** Sends what was reserved, or the first `bytes` of it. */
  commit(bytes?: number): void
}

export interface MessageReader<Value = unknown> extends ClosableEnd, AsyncIterable<Message<Value>> {
  /** Messages that were gone before this reader came to them, where the link lets that happen. */
  readonly missed: number
  /** The next message if there is one now. */
  tryReceive(): Message<Value> | null
  /** Waits for the next message; null: every writer is finished and there is none left. */
  receive(options?: WaitOptions): Promise<Message<Value> | null>
  /**
   * Acknowledges everything up to `message`, by default up to the last one received: none of it will come again. What
   * is not acknowledged when this process dies is received again by its next incarnation.
   */
  ack(message?: Message<Value>): void
  /**
   * What there is at the time, again and again, until every writer is finished: `for await (const batch of
   * reader.batches()) for (const message of batch)`. The fastest way. A message of a batch is valid until the next
   * one. A batch is acknowledged after the loop's body unless `ack` is `manual`.
   */
  batches(options?: BatchOptions): AsyncIterable<Iterable<Message<Value>>>
  /**
   * As `for await` over the reader, which acknowledges each message after the loop's body (up to 16 together where that
   * takes less than 4 µs for each); with options.
   */
  messages(options?: BatchOptions): AsyncIterable<Message<Value>>
}

export interface BatchOptions extends WaitOptions {
  readonly ack?: 'auto' | 'manual'
}
