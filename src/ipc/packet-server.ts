/** The child's half of unix sockets that carry messages, which Node's own sockets cannot be. */
import { closeSync } from 'node:fs'
import { acceptConnection, receiveMessage, watchReadable } from '../platform/index.js'
import { closedEnd } from './closed-end.js'
import { type MessageEndpoint, openMessageEndpoint } from './message-endpoint.js'
import { beginEnd, type ClosableEnd } from './open-end.js'

/** A listening socket, whatever its connections carry. */
export interface ConnectionServer<Connection> extends ClosableEnd, AsyncIterable<Connection> {
  /** The next connection; the caller closes it. Rejects when the server is closed. */
  accept(): Promise<Connection>
}

/** A listening socket whose connections carry messages. */
export type PacketServer = ConnectionServer<MessageEndpoint>

/** A bound socket that messages of many senders come to. */
export interface DatagramReceiver extends ClosableEnd {
  /** Messages in order, until it is closed. One reader at a time. */
  receive(): AsyncGenerator<Uint8Array, void, undefined>
}

/** @param descriptor - of a listening socket; belongs to the server from now on */
export function servePackets(descriptor: number, link?: string): PacketServer {
  return serveConnections(descriptor, accepted => openMessageEndpoint(accepted, link), link)
}

/**
 * A connection that nobody has asked for waits in the kernel, for whoever serves next.
 *
 * @param descriptor - of a listening socket; belongs to the server from now on
 * @param open - makes its end of the descriptor of a connection
 */
export function serveConnections<Connection>(
  descriptor: number,
  open: (descriptor: number) => Connection,
  link?: string,
): ConnectionServer<Connection> {
  const { isOpen, wait, close, once } = beginEnd(() => closeSync(descriptor))

  /** null: it was closed. */
  async function takeNext(): Promise<Connection | null> {
    while (isOpen()) {
      // Other processes accept from it too, and one may have made it blocking again: it is asked only when ready.
      await wait(watchReadable, descriptor)
      const accepted = isOpen() ? acceptConnection(descriptor) : null
      if (accepted !== null) return open(accepted)
    }
    return null
  }

  // A descriptor can be watched once at a time: those who ask at the same time wait for each other.
  let last: Promise<unknown> = Promise.resolve()
  const next = (): Promise<Connection | null> => {
    const turn = last.then(takeNext)
    last = turn.catch(() => {})
    return turn
  }

  return {
    close,
    once,
    accept: async () => {
      const connection = await next()
      if (connection) return connection
      throw closedEnd(link, 'server')
    },
    async *[Symbol.asyncIterator]() {
      for (let connection = await next(); connection; connection = await next()) yield connection
    },
  }
}

/** @param descriptor - of a bound datagram socket; belongs to the receiver from now on */
export function openDatagrams(descriptor: number): DatagramReceiver {
  const { isOpen, wait, close, once } = beginEnd(() => closeSync(descriptor))
  async function* receive(): AsyncGenerator<Uint8Array, void, undefined> {
    while (isOpen()) {
      const message = receiveMessage(descriptor)
      if (message) yield message
      else await wait(watchReadable, descriptor)
    }
  }
  return { receive, close, once }
}
