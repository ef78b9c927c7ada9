/**
 * Named objects: who they are, whether they are still there, how they are removed. For the kinds that make them, and
 * for the janitor that comes after a crash.
 *
 * A kind records an object twice: before it makes it (a supervisor that is killed in between leaves an object that a
 * later start still recognises: it is ours, and not older than the record), and once it has its identity.
 */
import { closeSync, fstatSync, lstatSync, readFileSync, type Stats, statSync, unlinkSync } from 'node:fs'
import { geteuid } from 'node:process'
import { IpcsupError } from '../errors.js'
import {
  findSysvQueue,
  findSysvSemaphore,
  openQueue,
  readSysvQueue,
  readSysvSemaphore,
  removeQueue,
  removeSysvQueue,
  removeSysvSemaphore,
} from '../platform/index.js'
import type { NamedObject } from './kind.js'

/** What is there by a name now. */
export interface Found {
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
    find: path => unlessForeign(() => findFile(path)),
    remove: unlinkSync,
  },
  queue: { find: name => unlessForeign(() => findQueue(name)), remove: removeQueue },
  'sysv-queue': {
    find: key => unlessForeign(() => findSysv(findSysvQueue(Number(key)), readSysvQueue)),
    remove: key => {
      const id = findSysvQueue(Number(key))
      if (id !== null) removeSysvQueue(id)
    },
  },
  'sysv-semaphore': {
    find: key => unlessForeign(() => findSysv(findSysvSemaphore(Number(key)), readSysvSemaphore)),
    remove: key => {
      const id = findSysvSemaphore(Number(key))
      if (id !== null) removeSysvSemaphore(id)
    },
  },
} as const satisfies Record<NamedObject['type'], Type>

function findFile(path: string): Found | null {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats ? { identity: identifyFile(stats), owner: stats.uid, madeMs: stats.birthtimeMs } : null
}

/** Device and inode. A number is given again once its file is gone, so the time of its making belongs to it. */
export function identifyFile(stats: Stats): string {
  return `${stats.dev}:${stats.ino}:${Math.trunc(stats.birthtimeMs)}`
}

/** null: there is none. Its inode is one of a file system that each namespace has for itself, and that has no birth time. */
function findQueue(name: string): Found | null {
  const queue = openQueue(name, 'read')
  try {
    return identifyQueue(queue)
  } finally {
    closeSync(queue)
  }
}

/** Of an open POSIX queue. `madeMs` is when it was made or last used. */
export function identifyQueue(descriptor: number): Found {
  const { dev, ino, uid, mtimeMs } = fstatSync(descriptor)
  return { identity: `${readBoot()}:${dev}:${ino}`, owner: uid, madeMs: endOfSecond(mtimeMs / 1000) }
}

/** The times of queues are in whole seconds: the last moment that may be meant. */
function endOfSecond(seconds: number): number {
  return Math.floor(seconds) * 1000 + 999
}

/**
 * An object of System V. The kernel counts its numbers up, so that one is not given again soon, but from 0 after a boot
 * and in each namespace.
 *
 * @param id - null: there is none with that key
 */
function findSysv(
  id: number | null,
  read: (id: number) => { readonly creator: number; readonly changedSeconds: number } | null,
): Found | null {
  const status = id === null ? null : read(id)
  if (status === null) return null
  const { creator, changedSeconds } = status
  return { identity: `${readBoot()}:${readNamespace()}:${id}`, owner: creator, madeMs: endOfSecond(changedSeconds) }
}

let boot: string | undefined

/** Which start of the machine this is. Read once: later there may be no descriptor left to read it with. */
function readBoot(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8)
  return boot
}

/** In which the names and numbers of queues and of System V are. */
function readNamespace(): number {
  return statSync('/proc/self/ns/ipc').ino
}

/** What we may not even look at is not ours. */
function unlessForeign(find: () => Found | null): Found | null {
  try {
    return find()
  } catch (error) {
    const errno = error instanceof IpcsupError ? error.detail['errno'] : (error as NodeJS.ErrnoException).code
    if (errno === 'ENOENT' || errno === 'ENOSYS') return null
    if (errno === 'EACCES') return { identity: 'of somebody else', owner: -1, madeMs: 0 }
    throw error
  }
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
  try {
    if (!isStillThere(object, recordedMs)) return false
    types[object.type].remove(object.name)
    return true
  } catch {
    // A directory that became read-only, say: it stays in the ledger, and the kind that wants the name says why it cannot.
    return false
  }
}
