/**
 * The supervisor's half of a socket pair: a descriptor held for each end. Children get duplicates, so what is done to
 * a held one (shutdown) is done to theirs.
 */
import { closeSync } from 'node:fs'
import {
  countQueuedBytes,
  duplicateDescriptor,
  pollNow,
  readSendBuffer,
  type SocketType,
  shutdownSocket,
} from '../platform/index.js'
import { sideClosed } from './held-pipe.js'
import type { EndState, LinkFacts, LinkObject, Side } from './kind.js'

const end = { reads: true, writes: true, listens: false, descriptor: true } as const satisfies Side

export const pairSides = { a: end, b: end } as const satisfies Record<string, Side>

type PairSide = keyof typeof pairSides

const others = { a: 'b', b: 'a' } as const satisfies Record<PairSide, PairSide>

export interface PairToHold {
  readonly link: string
  readonly type: SocketType
  readonly a: number
  readonly b: number
}

/** The object owns both descriptors from now on. */
export function holdPair(pair: PairToHold): LinkObject {
  const held: Record<PairSide, number | null> = { a: pair.a, b: pair.b }
  const released = new Set<PairSide>()

  const close = (side: PairSide): void => {
    if (held[side] !== null) closeSync(held[side])
    held[side] = null
  }

  const release = (name: string, reason: 'over' | 'sealed'): number | null => {
    const side = toSide(name)
    released.add(side)
    if (reason === 'over') return endUse(side)
    // The kernel tells nobody that a datagram socket was closed: its end can only be made here, when the use is over.
    if (pair.type !== 'dgram') close(side)
    return null
  }

  const endUse = (side: PairSide): number | null => {
    const own = held[side]
    const peer = held[others[side]]
    if (own === null) return null
    const unread = countQueue(own, pair.type)
    if (pair.type !== 'dgram') shutdownSocket(own, 'write')
    else if (peer !== null) shutdownSocket(peer, 'read')
    close(side)
    return unread
  }

  return {
    sharesDescription: true,
    hint: () => ({}),
    take: name => {
      const side = toSide(name)
      const descriptor = held[side]
      if (descriptor === null || released.has(side)) throw sideClosed(pair.link, side)
      return duplicateDescriptor(descriptor)
    },
    release,
    state: name => {
      const side = toSide(name)
      return released.has(side) ? 'unknown' : readState(held[side], released.has(others[side]), pair.type)
    },
    facts: () => readFacts(held, pair.type),
    destroy: () => {
      close('a')
      close('b')
    },
  }
}

function readState(own: number | null, peerReleased: boolean, type: SocketType): EndState {
  if (own === null) return 'unknown'
  if (!peerReleased || !pollNow(own).hungUp) return 'open'
  return countQueue(own, type) === 0 ? 'ended' : 'unread'
}

function readFacts(held: Readonly<Record<PairSide, number | null>>, type: SocketType): LinkFacts {
  const some = held.a ?? held.b
  if (some === null) return { queuedBytes: null, capacityBytes: null }
  const queues = [held.a, held.b].map(descriptor => (descriptor === null ? null : countQueue(descriptor, type)))
  const isKnown = queues.every(bytes => bytes !== null)
  return {
    queuedBytes: isKnown ? queues.reduce((sum, bytes) => sum + bytes, 0) : null,
    capacityBytes: readSendBuffer(some),
  }
}

/** Of datagrams the kernel counts the first only: how many bytes wait is known when there is none. */
function countQueue(descriptor: number, type: SocketType): number | null {
  const bytes = countQueuedBytes(descriptor)
  if (type !== 'dgram') return bytes
  const { readable, hungUp } = pollNow(descriptor)
  return bytes === 0 && (!readable || hungUp) ? 0 : null
}

function toSide(name: string): PairSide {
  return name === 'b' ? 'b' : 'a'
}
