/**
 * The supervisor's half of a pipe, anonymous or named: one descriptor held for each side, never read or written.
 */
import { closeSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { IpcsupError } from '../errors.js'
import { countQueuedBytes, pollNow, readPipeCapacity, reopenPipe } from '../platform/index.js'
import type { FrameReader, FrameWriter } from './frames/ends.js'
import { isFramed } from './frames/options.js'
import type { ChildEnd, EndState, Hint, LinkFacts, LinkObject, Side, Traits } from './kind.js'
import type { LinkOptions } from './options.js'

export const pipeSides = {
  read: { reads: true, writes: false, listens: false, descriptor: true },
  write: { reads: false, writes: true, listens: false, descriptor: true },
} as const satisfies Record<string, Side>

type PipeSide = keyof typeof pipeSides

/** What is true of every pipe; only a name is a matter of the kind. */
export function pipeTraits(named: boolean): Traits {
  return {
    survivesRestart: true,
    // The hold is a writer (or reader) itself, so nobody can see that the others died. That is its purpose.
    showsPeerDeath: false,
    keepsBoundaries: false,
    duplex: false,
    manyReaders: true,
    manyWriters: true,
    named,
    showsEnd: true,
  }
}

export interface PipeToHold {
  /** Name of the link, for messages. */
  readonly link: string
  readonly read: number
  readonly write: number
  /** Where it is, for a FIFO. */
  readonly path: string | null
  /** Removes the name; may be called twice. */
  readonly removeName: () => void
}

/** The object owns both descriptors from now on. */
export function holdPipe(pipe: PipeToHold): LinkObject {
  const held: Record<PipeSide, number | null> = { read: pipe.read, write: pipe.write }
  const hint: Hint = pipe.path === null ? {} : { path: pipe.path }

  const close = (side: PipeSide): void => {
    if (held[side] !== null) closeSync(held[side])
    held[side] = null
  }

  return {
    sharesDescription: false,
    hint: () => hint,
    take: name => {
      const side = toSide(name)
      const descriptor = held[side]
      if (descriptor === null) throw sideClosed(pipe.link, side)
      return reopenPipe(descriptor, side, { named: pipe.path !== null })
    },
    release: (name, reason) => {
      const side = toSide(name)
      const descriptor = held[side]
      if (descriptor === null) return null
      const unread = side === 'read' && reason === 'over' ? countQueuedBytes(descriptor) : null
      close(side)
      return unread
    },
    state: name => (toSide(name) === 'read' ? inputState(held) : audienceState(held)),
    facts: () => ({ ...readFacts(held.read ?? held.write), ...hint }),
    destroy: () => {
      close('read')
      close('write')
      pipe.removeName()
    },
  }
}

function inputState(held: Record<PipeSide, number | null>): EndState {
  if (held.read === null) return 'unknown'
  if (held.write !== null) return 'open'
  const { hungUp, readable } = pollNow(held.read)
  if (!hungUp) return 'open'
  return readable ? 'unread' : 'ended'
}

function audienceState(held: Record<PipeSide, number | null>): EndState {
  if (held.write === null) return 'unknown'
  if (held.read !== null) return 'open'
  return pollNow(held.write).broken ? 'ended' : 'open'
}

function readFacts(descriptor: number | null): LinkFacts {
  if (descriptor === null) return { queuedBytes: null, capacityBytes: null }
  return { queuedBytes: countQueuedBytes(descriptor), capacityBytes: readPipeCapacity(descriptor) }
}

function toSide(name: string): PipeSide {
  return name === 'write' ? 'write' : 'read'
}

/** The brain never asks for an end it gave up; should it, a number that may be another file by now must not go out. */
export function sideClosed(link: string, side: string): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_SYSTEM', {
    what: `Handing out the ${side} side of link "${link}", which is closed,`,
    call: 'open',
    errno: 'EBADF',
  })
}

/**
 * The child's half: a stream with a description of its own, because Node makes it non-blocking and a program that this
 * process starts may have the inherited one too; or messages over it. Owns the descriptor.
 */
export async function openPipe(
  end: ChildEnd,
  options: LinkOptions,
): Promise<Readable | Writable | FrameReader | FrameWriter> {
  const { openIdleSocket } = await import('./idle-socket.js')
  const side = toSide(end.side)
  const fd = reopenPipe(end.descriptor, side, { named: end.hint.path !== undefined })
  closeSync(end.descriptor)
  if (!isFramed(options)) return openIdleSocket({ fd, readable: side === 'read', writable: side === 'write' })
  const { loadFraming, receiveFrames, sendFrames } = await import('./frames/open.js')
  const framing = await loadFraming(options, 'pipe', end.link)
  return side === 'read' ? receiveFrames(fd, framing) : sendFrames(fd, framing)
}
