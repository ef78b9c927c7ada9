/**
 * The child's half of Node's own channel. Node has opened it before the program began, so nothing is opened here: it
 * is `process`, without what else `process` is.
 */
import { IpcsupError } from '../errors.js'
import type { ClosableEnd } from './open-end.js'

/** `process.send` and `process.on('message')`. A listener for messages keeps the program alive, as Node has it. */
export interface NodeChannel extends ClosableEnd {
  /**
   * Resolves once the kernel has the message; rejects when the channel is closed. What is not awaited waits in the memory
   * of this program, without a bound.
   */
  send(message: unknown): Promise<void>
  /** What comes before the first listener waits for it. */
  on(event: 'message', listener: (message: unknown) => void): void
  off(event: 'message', listener: (message: unknown) => void): void
}

/** What Node has at `process.channel`, further than its documentation goes. */
interface Channel {
  readonly fd?: number
  unrefCounted?(): void
}

/**
 * @param descriptor - what NODE_CHANNEL_FD said
 * @throws IPCSUP_ERR_SYSTEM when that is not this program's channel: it was closed already, or it is the end of an app
 *   that embeds ipcsup, or this is a worker thread
 */
export function openNodeChannel(descriptor: number): NodeChannel {
  if (getChannel()?.fd !== descriptor) throw closedChannel()
  return {
    send: message =>
      new Promise((resolve, reject) => {
        if (typeof process.send !== 'function' || !process.connected) return reject(closedChannel())
        process.send(message, undefined, undefined, failure => (failure ? reject(failure) : resolve()))
      }),
    on: (event, listener) => void process.on(event, listener),
    off: (event, listener) => void process.off(event, listener),
    // Not within the listener of a message that came before it: Node goes on with a channel that is no longer there.
    close: () =>
      queueMicrotask(() => {
        if (process.connected) process.disconnect()
      }),
    once: (_close, listener) => {
      if (!process.connected) return queueMicrotask(listener)
      process.once('disconnect', listener)
      // Node counts such a listener as a reason to stay alive, which the end by itself must not be.
      getChannel()?.unrefCounted?.()
    },
  }
}

const getChannel = (): Channel | undefined => process.channel as Channel | undefined

function closedChannel(): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_SYSTEM', {
    what: "Using Node's channel, which this program does not have (any more),",
    call: 'send',
    errno: 'EPIPE',
  })
}
