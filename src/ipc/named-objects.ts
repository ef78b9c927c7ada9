/**
 * Named objects: who they are, whether they are still there, how they are removed. For the kinds that make them, and
 * for the janitor that comes after a crash.
 *
 * A kind records an object twice: before it makes it (a supervisor that is killed in between leaves an object that a
 * later start still recognises: it is ours, and not older than the record), and once it has its identity.
 */
import { lstatSync, type Stats, unlinkSync } from 'node:fs'
import { geteuid } from 'node:process'
import type { NamedObject } from './kind.js'

/** What is there by a name now. */
interface Found {
  readonly identity: string
  readonly owner: number
  /** When it was made, ms since 1970. */
  readonly madeMs: number
}

interface Type {
  /** null: nothing is there. */
  find(name: string): Found | null
  remove(name: string): void
}

const types = {
  file: {
    find: path => {
      const stats = lstatSync(path, { throwIfNoEntry: false })
      return stats ? { identity: identifyFile(stats), owner: stats.uid, madeMs: stats.birthtimeMs } : null
    },
    remove: unlinkSync,
  },
} as const satisfies Record<NamedObject['type'], Type>

/** Device and inode. A number is given again once its file is gone, so the time of its making belongs to it. */
export function identifyFile(stats: Stats): string {
  return `${stats.dev}:${stats.ino}:${Math.trunc(stats.birthtimeMs)}`
}

/** As it is there now; null: there is nothing by that name. */
export function identify(type: NamedObject['type'], name: string): NamedObject | null {
  const found = types[type].find(name)
  return found && { type, name, identity: found.identity }
}

// File systems stamp with the time of the last tick of the kernel, up to 10 ms ago.
const clockLagMs = 20

/**
 * Whether the very object of a record is still there.
 *
 * @param recordedMs - when it was recorded, for one that was only about to be made
 */
export function isStillThere(object: NamedObject, recordedMs = 0): boolean {
  const found = types[object.type].find(object.name)
  if (found === null) return false
  if (object.identity !== null) return found.identity === object.identity
  return found.owner === geteuid?.() && found.madeMs >= recordedMs - clockLagMs
}

/** Removes an object that is still the very one; false: it is no longer there, or must not be removed by us. */
export function removeNamed(object: NamedObject, recordedMs?: number): boolean {
  if (!isStillThere(object, recordedMs)) return false
  try {
    types[object.type].remove(object.name)
    return true
  } catch {
    // A directory that became read-only, say: it stays in the ledger, and the kind that wants the name says why it cannot.
    return false
  }
}
