/** What a program has of a link with `frame`: the same as of a ring, and what is a matter of bytes. */
import type { MessageReader, MessageWriter } from '../messages.js'
import type { ConnectionServer } from '../packet-server.js'

export interface FrameReader<Value = unknown> extends MessageReader<Value> {
  /**
   * Frames that were begun and not finished, as by a writer that was killed, or whose bytes are not those that were sent.
   * None of them is received.
   */
  readonly torn: number
  /** Bytes of no whole frame, all of them together. */
  readonly skippedBytes: number
}

export interface FrameWriter<Value = unknown> extends MessageWriter<Value> {
  /** Bytes of the largest frame: those of its header and of the largest message. */
  readonly largestFrame: number
}

/** One end of a connection or of a socket pair: it sends and receives. */
export interface FrameConnection<Value = unknown> extends FrameReader<Value>, FrameWriter<Value> {
  /** Sends what was sent so far, then nothing any more: the other side receives the end, and may still answer. */
  end(): void
}

/** A listening socket whose connections carry frames. */
export type FrameServer<Value = unknown> = ConnectionServer<FrameConnection<Value>>

export type FrameEnd = FrameReader | FrameWriter | FrameConnection | FrameServer
