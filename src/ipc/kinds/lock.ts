import { closeSync, constants, openSync } from 'node:fs'
import { isRangeLocked } from '../../platform/index.js'
import { claimPath } from '../claims.js'
import { sideClosed } from '../held-pipe.js'
import type { Kind, LinkFacts, LinkObject, Side, Where } from '../kind.js'
import { lockFileOptions, openLockFile } from '../lock-file.js'
import { findLockHolders } from '../lock-holders.js'
import type { LinkOptions } from '../options.js'

const sides = {
  use: { reads: false, writes: false, listens: false, descriptor: true },
} as const satisfies Record<string, Side>

/** A lock file, locked by open file description: free again when its holder is gone, however it went. */
export default {
  name: 'lock',
  summary: 'One holder at a time; free again when the holder dies.',
  systems: ['linux'],
  options: lockFileOptions,
  variants: { default: {}, mode: { mode: '0660' } },
  form: () => 'permits',
  sides: () => sides,
  parts: () => ['natural', 'path'],
  traits: () => ({
    // The file stays; whoever died holding it has it no more.
    survivesRestart: true,
    showsPeerDeath: true,
    // To free it twice is to free it once.
    keepsBoundaries: false,
    duplex: true,
    manyReaders: true,
    manyWriters: true,
    named: true,
    showsEnd: false,
  }),
  claim: ({ path, existing }) => (existing === true ? null : claimPath(path)),
  create: (options, where) => holdLockFile(options, where),
  open: async end => {
    const { openLock } = await import('../lock-end.js')
    // A description of its own: what this process inherited it shares with those who inherited it too.
    const descriptor = reopen(end.descriptor)
    closeSync(end.descriptor)
    return openLock(descriptor, end.link)
  },
} satisfies Kind

function holdLockFile(options: LinkOptions, where: Where): LinkObject {
  const { path, descriptor, removeName } = openLockFile(options, where)
  let held: number | null = descriptor
  let isReleased = false
  const close = (): void => {
    isReleased = true
    if (held !== null) closeSync(held)
    held = null
  }
  return {
    sharesDescription: false,
    hint: () => ({ path }),
    take: name => {
      if (held === null) throw sideClosed(where.link, name)
      return reopen(held)
    },
    release: () => {
      close()
      return null
    },
    state: () => (isReleased ? 'unknown' : 'open'),
    facts: () => ({ path, queuedBytes: null, capacityBytes: null, ...(held === null ? unknown : look(held)) }),
    destroy: () => {
      close()
      removeName()
    },
  }
}

const unknown = { value: null, holders: null }

/** Whether it is free, and if not, who has it. */
function look(descriptor: number): Pick<LinkFacts, 'value' | 'holders'> {
  return isRangeLocked(descriptor) ? { value: 0, holders: findLockHolders(descriptor) } : { value: 1, holders: [] }
}

/** A lock belongs to a description: a duplicate of one would have it at the same time as the other. */
function reopen(descriptor: number): number {
  return openSync(`/proc/self/fd/${descriptor}`, constants.O_RDWR)
}
