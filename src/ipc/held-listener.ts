/**
 * The supervisor's half of a listening or bound socket: one descriptor held, so that clients are let in whoever of the
 * servers is there. Children get duplicates.
 */
import { closeSync } from 'node:fs'
import { duplicateDescriptor, makeNonBlocking } from '../platform/index.js'
import { sideClosed } from './held-pipe.js'
import type { Hint, LinkFacts, LinkObject, Side } from './kind.js'

/** Bytes flow in its connections, not in the socket itself. */
const listenSide = { reads: false, writes: false, listens: true, descriptor: true } as const satisfies Side
/** A client makes its connection itself: the address is all that it needs. */
export const connectSide = { reads: false, writes: false, listens: false, descriptor: false } as const satisfies Side
/** Datagrams come out of the socket itself. */
export const bindSide = { reads: true, writes: false, listens: true, descriptor: true } as const satisfies Side

export const listenerSides = { listen: listenSide, connect: connectSide } as const satisfies Record<string, Side>

export interface ListenerToHold {
  /** Name of the link, for messages. */
  readonly link: string
  /** Side that has the descriptor: `listen` or `bind`. */
  readonly side: string
  /** null: the socket is somebody else's, and only its address is known. */
  readonly descriptor: number | null
  readonly hint: Hint
  /** Servers get it with O_NONBLOCK set. Default: false. */
  readonly nonBlocking?: boolean
  /** Asked while the descriptor is open. */
  readonly readFacts: (descriptor: number) => Partial<LinkFacts>
  /** Makes whole what the end of a server broke. */
  readonly mend?: () => void
  /** Removes the name; may be called twice. */
  readonly removeName: () => void
}

/** The object owns the descriptor from now on. */
export function holdListener(listener: ListenerToHold): LinkObject {
  let held = listener.descriptor
  const released = new Set<string>()
  const unknown: LinkFacts = { queuedBytes: null, capacityBytes: null, ...listener.hint }
  const facts = (): LinkFacts => (held === null ? unknown : { ...unknown, ...listener.readFacts(held) })

  const close = (): void => {
    if (held !== null) closeSync(held)
    held = null
  }

  return {
    // The host clears O_NONBLOCK on what is shared.
    sharesDescription: listener.nonBlocking !== true,
    hint: () => listener.hint,
    take: side => {
      if (held === null || side !== listener.side) throw sideClosed(listener.link, side)
      // Also when a server cleared it for all who share it.
      if (listener.nonBlocking === true) makeNonBlocking(held)
      return duplicateDescriptor(held)
    },
    // Nothing is shut down: what a server left behind goes on serving, and else the kernel refuses who waits.
    release: side => {
      released.add(side)
      if (side !== listener.side) return null
      const unread = facts().queuedBytes
      close()
      return unread
    },
    // Strangers may come at any time.
    state: side => (released.has(side) ? 'unknown' : 'open'),
    facts,
    ...(listener.mend && { mend: side => void (side === listener.side && held !== null && listener.mend?.()) }),
    destroy: () => {
      close()
      listener.removeName()
    },
  }
}
