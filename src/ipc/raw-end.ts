/** The child's half of a raw socket, which Node has nothing for. */
import { closeSync } from 'node:fs'
import {
  type ReceivedDatagram,
  receiveDatagram,
  sendDatagram,
  watchReadable,
  watchWritable,
} from '../platform/index.js'
import { closedEnd } from './closed-end.js'
import { checkBytes } from './message-bytes.js'
import { beginEnd, type ClosableEnd } from './open-end.js'

export interface RawSocket extends ClosableEnd {
  /** Resolves once the kernel has the packet, to which it adds the header of IP. Rejects when there is no way to `host`. */
  send(bytes: Uint8Array, host: string): Promise<void>
  /**
   * Packets as they come, whoever they are meant for, until the socket is closed. Those of IPv4 begin with their header of IP,
   * those of IPv6 have none. One reader at a time.
   */
  receive(): AsyncGenerator<ReceivedPacket, void, undefined>
}

export interface ReceivedPacket {
  readonly bytes: Uint8Array
  /** Address of the sender. */
  readonly host: string
}

/** @param descriptor - belongs to the socket from now on */
export function openRawSocket(descriptor: number, link?: string): RawSocket {
  const { isOpen, wait, close, once } = beginEnd(() => closeSync(descriptor))

  async function send(bytes: Uint8Array, host: string): Promise<void> {
    checkBytes(bytes)
    while (isOpen()) {
      if (sendDatagram(descriptor, bytes, { host, port: 0 })) return
      await wait(watchWritable, descriptor)
    }
    throw closedEnd(link, 'socket')
  }

  async function* receive(): AsyncGenerator<ReceivedPacket, void, undefined> {
    while (isOpen()) {
      const received: ReceivedDatagram | null = receiveDatagram(descriptor)
      if (received) yield { bytes: received.bytes, host: received.from.host }
      else await wait(watchReadable, descriptor)
    }
  }

  return { send, receive, close, once }
}
