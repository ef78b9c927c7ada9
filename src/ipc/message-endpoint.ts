/** The child's half of a socket that carries messages, which Node's own sockets cannot be. */
import { closeSync } from 'node:fs'
import {
  countQueuedBytes,
  pollNow,
  receiveMessage,
  type StopWatching,
  sendMessage,
  watchReadable,
  watchWritable,
} from '../platform/index.js'

/** One end of a link whose messages keep their boundaries. */
export interface MessageEndpoint {
  /** Resolves once the kernel has the message; waits while the link is full. Rejects when the peer is gone. */
  send(message: Uint8Array): Promise<void>
  /**
   * Messages in order, until the peer's end. An empty message that comes last cannot be told from the end. One reader
   * at a time.
   */
  receive(): AsyncGenerator<Uint8Array, void, undefined>
  /** Gives up the descriptor; whoever waits is woken. May be called twice. */
  close(): void
  /** Calls `listener` when it is closed, as streams do. */
  once(event: 'close', listener: () => void): void
}

/** @param descriptor - belongs to the endpoint from now on */
export function openMessageEndpoint(descriptor: number): MessageEndpoint {
  let isOpen = true
  const wakers = new Set<() => void>()
  const listeners: (() => void)[] = []

  const wait = (watch: (descriptor: number, onReady: () => void) => StopWatching): Promise<void> =>
    new Promise(resolve => {
      const wake = (): void => {
        wakers.delete(wake)
        stop()
        resolve()
      }
      const stop = watch(descriptor, wake)
      wakers.add(wake)
    })

  async function send(message: Uint8Array): Promise<void> {
    while (isOpen) {
      if (sendMessage(descriptor, message)) return
      await wait(watchWritable)
    }
    throw new Error('The endpoint is closed')
  }

  async function* receive(): AsyncGenerator<Uint8Array, void, undefined> {
    while (isOpen) {
      // Asked before the message is taken: what comes between the two is then found by the next turn.
      const { hungUp } = pollNow(descriptor)
      const message = receiveMessage(descriptor)
      if (hungUp && !message?.length && countQueuedBytes(descriptor) === 0) return
      if (message) yield message
      else await wait(watchReadable)
    }
  }

  const close = (): void => {
    if (!isOpen) return
    isOpen = false
    for (const wake of [...wakers]) wake()
    closeSync(descriptor)
    for (const listener of listeners.splice(0)) listener()
  }
  return { send, receive, close, once: (_close, listener) => void listeners.push(listener) }
}
