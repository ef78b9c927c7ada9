/** The child's half of a socket that carries messages, which Node's own sockets cannot be. */
import { closeSync } from 'node:fs'
import {
  countQueuedBytes,
  pollNow,
  receiveMessage,
  sendMessage,
  watchReadable,
  watchWritable,
} from '../platform/index.js'
import { closedEnd } from './closed-end.js'
import { checkBytes } from './message-bytes.js'
import { beginEnd, type ClosableEnd } from './open-end.js'

/** One end of a link whose messages keep their boundaries. */
export interface MessageEndpoint extends ClosableEnd {
  /** Resolves once the kernel has the message; waits while the link is full. Rejects when the peer is gone. */
  send(message: Uint8Array): Promise<void>
  /**
   * Messages in order, until the peer's end. An empty message that comes last cannot be told from the end. One reader
   * at a time.
   */
  receive(): AsyncGenerator<Uint8Array, void, undefined>
}

/** @param descriptor - belongs to the endpoint from now on */
export function openMessageEndpoint(descriptor: number, link?: string): MessageEndpoint {
  const { isOpen, wait, close, once } = beginEnd(() => closeSync(descriptor))

  async function send(message: Uint8Array): Promise<void> {
    checkBytes(message)
    while (isOpen()) {
      if (sendMessage(descriptor, message)) return
      await wait(watchWritable, descriptor)
    }
    throw closedEnd(link, 'socket')
  }

  async function* receive(): AsyncGenerator<Uint8Array, void, undefined> {
    while (isOpen()) {
      const message = receiveMessage(descriptor)
      // Asked afterwards: a peer that left just before looks like an empty message. What it said last is still queued.
      if (!message?.length && pollNow(descriptor).hungUp && countQueuedBytes(descriptor) === 0) return
      if (message) yield message
      else await wait(watchReadable, descriptor)
    }
  }

  return { send, receive, close, once }
}
