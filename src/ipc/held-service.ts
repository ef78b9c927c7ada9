/**
 * The supervisor's half of a service: the meeting socket, and a listening socket for each process that serves, which
 * outlives its incarnations: who connects while it restarts waits for the next.
 */
import { closeSync, fchmodSync, rmSync } from 'node:fs'
import { IpcsupError } from '../errors.js'
import { bindUnixSocket, createUnixSocket, duplicateDescriptor, listenAt, makeBlocking } from '../platform/index.js'
import { sideClosed } from './held-pipe.js'
import type { LinkFacts, LinkObject, NamedObject, Where } from './kind.js'
import { identify, isStillThere, removeNamed } from './named-objects.js'
import type { LinkOptions } from './options.js'
import { errnoOf, type Refuse, refusalsOf } from './refusal.js'
import { type Guarantee, guarantees } from './service/wire.js'
import { holdMeeting } from './service-meeting.js'
import { Roll } from './service-roll.js'
import { fitPath } from './unix-path.js'

const servingSide = 'serve'

// The kernel takes at most net.core.somaxconn.
const backlog = 4096

/** Who serves without being a process of the config: the app, or a program outside. */
const outside = ''

/** @throws IPCSUP_ERR_LINK_CREATE; then nothing of it is left */
export function holdService(options: LinkOptions, where: Where): LinkObject {
  const { link, uses, findOwner } = where
  const refuse = refusalsOf(link)
  const placeOf = (name: string) => fitPath(where.runDirectory, `${link}.${name}`, refuse)
  const path = placeOf('service')
  const sockets = createSockets(process => placeOf(`${process}.sock`), refuse)
  const roll = new Roll({
    name: link,
    guarantee: guaranteeOf(options),
    store: typeof options['store'] === 'string' ? options['store'] : '',
    servers: uses.filter(({ side }) => side === servingSide).map(({ process }) => process),
    pathOf: sockets.pathOf,
    findOwner,
  })
  // Those of the processes are of nobody's business, and go with the directory of the run.
  where.record({ type: 'file', name: path, identity: null })
  const listener = listenIn(path, refuse, { nonBlocking: true })
  where.record(listener.object)
  const meeting = holdMeeting(listener.descriptor, roll)
  const released = new Set<string>()
  let isOpen = true

  const end = (): void => {
    roll.end()
    sockets.closeAll()
  }

  return {
    // Each process has a socket of its own.
    sharesDescription: false,
    hint: () => ({ path }),
    take: (side, taker = outside) => {
      if (side !== servingSide || released.has(side)) throw sideClosed(link, side)
      const descriptor = sockets.take(taker)
      roll.begin(taker)
      return descriptor
    },
    release: (side, reason) => {
      released.add(side)
      if (side === servingSide && reason === 'over') end()
      return null
    },
    // Callers may come at any time.
    state: side => (released.has(side) ? 'unknown' : 'open'),
    facts: (): LinkFacts => ({
      path,
      queuedBytes: null,
      capacityBytes: null,
      ...(isOpen && { service: roll.facts() }),
    }),
    mend: (side, process) => {
      if (side === servingSide && process !== undefined) roll.review(process)
    },
    leave: (side, process) => {
      if (side !== servingSide) return
      roll.finish(process)
      sockets.close(process)
    },
    destroy: () => {
      if (!isOpen) return
      isOpen = false
      released.add(servingSide)
      meeting.close()
      sockets.closeAll()
      closeSync(listener.descriptor)
      removeNamed(listener.object)
    },
  }
}

interface Sockets {
  /** A descriptor of the listening socket of a process, which is made when it is asked for the first time. */
  take(process: string): number
  /** null: it has none now. */
  pathOf(process: string): string | null
  close(process: string): void
  closeAll(): void
}

function createSockets(placeOf: (process: string) => string, refuse: Refuse): Sockets {
  const held = new Map<string, Listener>()
  const close = (process: string): void => {
    const listener = held.get(process)
    if (!listener) return
    held.delete(process)
    closeSync(listener.descriptor)
    removeNamed(listener.object)
  }
  return {
    take: process => {
      // Some servers remove the path when they end (asyncio of Python 3.13 does).
      if (held.has(process) && !isStillThere(held.get(process)!.object)) close(process)
      const listener = held.get(process) ?? listenIn(placeOf(process), refuse, { nonBlocking: false })
      held.set(process, listener)
      // Node made it non-blocking for all who share it.
      makeBlocking(listener.descriptor)
      return duplicateDescriptor(listener.descriptor)
    },
    pathOf: process => held.get(process)?.object.name ?? null,
    close,
    closeAll: () => {
      for (const process of [...held.keys()]) close(process)
    },
  }
}

interface Listener {
  readonly descriptor: number
  readonly object: NamedObject
}

/** In the directory of the run, where nobody else has anything: what is there already is left from before. */
function listenIn(path: string, refuse: Refuse, { nonBlocking }: { readonly nonBlocking: boolean }): Listener {
  let descriptor: number | null = null
  try {
    descriptor = createUnixSocket('stream', { nonBlocking })
    rmSync(path, { force: true })
    // Of a new file the kernel takes the mode of the socket.
    fchmodSync(descriptor, 0o600)
    bindUnixSocket(descriptor, { path })
    listenAt(descriptor, backlog)
    return { descriptor, object: identify('file', path)! }
  } catch (cause) {
    if (descriptor !== null) {
      closeSync(descriptor)
      rmSync(path, { force: true })
    }
    if (!(cause instanceof IpcsupError) && (cause as NodeJS.ErrnoException).code === undefined) throw cause
    throw refuse(`${path} cannot be made (${errnoOf(cause)})`, 'See what that directory is on.', cause)
  }
}

function guaranteeOf({ guarantee }: LinkOptions): Guarantee {
  return guarantees.find(name => name === guarantee) ?? 'at-most-once'
}
