/** The child's half of a message queue. */
import { IpcsupError } from '../errors.js'
import { closedEnd } from './closed-end.js'
import type { ChildEnd } from './kind.js'
import { checkBytes } from './message-bytes.js'
import { beginEnd, type ClosableEnd } from './open-end.js'
import { type QueueMessage, type ReceiveOptions, type SendOptions, systems, type Wait } from './queue-systems.js'

export type { QueueMessage, ReceiveOptions, SendOptions } from './queue-systems.js'

/** One end of a message queue. */
export interface Queue extends ClosableEnd, AsyncIterable<QueueMessage> {
  /** Resolves once the system has the message; waits while the queue is full. */
  send(bytes: Uint8Array, options?: SendOptions): Promise<void>
  /** Takes one message; waits while there is none. A queue has no end: it may wait for ever. */
  receive(options?: ReceiveOptions): Promise<QueueMessage>
}

/** The queue owns the descriptor of `end` from now on. */
export function openQueueEnd(end: ChildEnd, system: keyof typeof systems): Queue {
  const side = end.side === 'write' ? 'write' : 'read'
  const queue = systems[system](end, side)
  const life = beginEnd(() => queue.close())
  const inOrder = makeLine()

  async function send(bytes: Uint8Array, options: SendOptions = {}): Promise<void> {
    if (side === 'read') throw wrongSide(end, 'sent to', 'write')
    checkBytes(bytes)
    const act = (): true | null => queue.send(bytes, options) || null
    await inOrder(options.signal, () => repeat('write', options.signal, act))
  }

  async function receive(options: ReceiveOptions = {}): Promise<QueueMessage> {
    if (side === 'write') throw wrongSide(end, 'received from', 'read')
    const act = (): Promise<QueueMessage> => repeat('read', options.signal, () => queue.receive(options))
    return queue.hasTypes ? act() : inOrder(options.signal, act)
  }

  async function repeat<T>(way: 'read' | 'write', signal: AbortSignal | undefined, act: () => T | null): Promise<T> {
    for (let turn = 0; life.isOpen(); turn++) {
      signal?.throwIfAborted()
      const result = act()
      if (result !== null) return result
      await life.wait(orAborted(queue.wait(way, turn), signal), queue.descriptor)
    }
    throw closedEnd(end.link, 'queue')
  }

  async function* iterate(): AsyncGenerator<QueueMessage, void, undefined> {
    while (life.isOpen()) {
      const message = await receive().catch((error: unknown) => {
        if (life.isOpen()) throw error
      })
      if (message) yield message
    }
  }

  return { send, receive, [Symbol.asyncIterator]: iterate, close: life.close, once: life.once }
}

/** One after the other, in the order of the calls. */
function makeLine(): <T>(signal: AbortSignal | undefined, act: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return async (signal, act) => {
    const before = last
    let leave = (): void => {}
    const left = new Promise<void>(resolve => {
      leave = resolve
    })
    last = before.then(() => left)
    try {
      await untilAborted(before, signal)
      return await act()
    } finally {
      leave()
    }
  }
}

function untilAborted(before: Promise<unknown>, signal: AbortSignal | undefined): Promise<unknown> {
  if (!signal) return before
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason)
    signal.addEventListener('abort', giveUp, { once: true })
    void before.then(resolve).finally(() => signal.removeEventListener('abort', giveUp))
  })
}

/** The same, and ready as well when the caller gives up. */
function orAborted(wait: Wait, signal: AbortSignal | undefined): Wait {
  if (!signal) return wait
  return (descriptor, onReady) => {
    const stop = wait(descriptor, onReady)
    signal.addEventListener('abort', onReady, { once: true })
    const stopBoth = (): void => {
      signal.removeEventListener('abort', onReady)
      stop()
    }
    return Object.assign(stopBoth, { unref: () => stop.unref() })
  }
}

function wrongSide({ link = 'queue', side }: ChildEnd, what: string, needed: string): IpcsupError {
  const why = `this process has its side "${side}"`
  const advice = `Declare it at the side "${needed}" in the config, which may be that of another process.`
  return new IpcsupError('IPCSUP_ERR_LINK_USE', { link, what, why, advice })
}
