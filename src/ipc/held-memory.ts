/**
 * The supervisor's half of memory: one descriptor held for all sides, never mapped and never read. Each child gets a
 * description of its own, open for what its side may do.
 */
import { closeSync, constants, fstatSync, fsync, openSync } from 'node:fs'
import { promisify } from 'node:util'
import { duplicateDescriptor } from '../platform/index.js'
import { sideClosed } from './held-pipe.js'
import type { Hint, LinkObject, Side, Traits } from './kind.js'
import type { LinkOptions, OptionProblem } from './options.js'

const map = { reads: false, writes: false, listens: false, descriptor: true, optional: true } as const satisfies Side

export const memorySides = { map, 'map-ro': map } as const satisfies Record<string, Side>

/** What is true of all memory; only a name is a matter of the options. */
export function memoryTraits(named: boolean): Traits {
  return {
    survivesRestart: true,
    showsPeerDeath: false,
    keepsBoundaries: false,
    // One side only looks.
    duplex: false,
    manyReaders: true,
    manyWriters: true,
    named,
    showsEnd: false,
  }
}

/** Whoever only reads gets a description of its own, and for that the mode is asked. */
export function checkMode({ mode }: LinkOptions): OptionProblem[] {
  if (typeof mode !== 'number' || (mode & 0o400) !== 0) return []
  return [{ option: 'mode', message: 'must let the owner read: 0400 and more, because ipcsup is the owner.' }]
}

export interface MemoryToHold {
  /** Name of the link, for messages. */
  readonly link: string
  /** Open for reading and writing. */
  readonly descriptor: number
  readonly hint: Hint
  /** Removes the name if that is ours to do; may be called twice. */
  readonly removeName: () => void
  /** What is written goes to a disk. */
  readonly isOnDisk: boolean
}

/** The object owns the descriptor from now on. */
export function holdMemory(memory: MemoryToHold): LinkObject {
  const { link, hint, isOnDisk } = memory
  const released = new Set<string>()
  let held: number | null = memory.descriptor

  const close = (): void => {
    if (held !== null) closeSync(held)
    held = null
  }

  return {
    sharesDescription: false,
    hint: () => hint,
    take: side => {
      if (held === null || released.has(side)) throw sideClosed(link, side)
      return reopen(held, side)
    },
    release: side => {
      released.add(side)
      // What is on a disk is flushed through the descriptor, when all who wrote are gone.
      if (!isOnDisk && Object.keys(memorySides).every(name => released.has(name))) close()
      return null
    },
    state: side => (held === null || released.has(side) ? 'unknown' : 'open'),
    facts: () => ({ queuedBytes: null, capacityBytes: held === null ? null : fstatSync(held).size, ...hint }),
    ...(isOnDisk && { flush: () => flush(held) }),
    destroy: () => {
      close()
      memory.removeName()
    },
  }
}

/** A mapping of a description that is open for reading only cannot be made writable. */
function reopen(held: number, side: string): number {
  const path = `/proc/self/fd/${held}`
  if (side === 'map-ro') return openSync(path, constants.O_RDONLY)
  try {
    return openSync(path, constants.O_RDWR)
  } catch (error) {
    // Its mode is asked anew, and may not let even us write; the held one was open before the mode was set.
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error
    return duplicateDescriptor(held)
  }
}

async function flush(held: number | null): Promise<void> {
  if (held !== null) await promisify(fsync)(held)
}
