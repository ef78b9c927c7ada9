/**
 * The lock of a run directory, held for the life of the supervisor. The kernel frees it however the supervisor ends, so
 * a directory whose lock is free belongs to a run that is over.
 */
import { closeSync, constants, fstatSync, ftruncateSync, lstatSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { tryLock } from '../../platform/index.js'

export const lockFile = 'lock'

export interface Lock {
  /** False once somebody removed the directory: what is there now, if anything, is another run's. */
  isThere(): boolean
  /** Frees it. The directory is removed before, so that nobody can lock what is about to vanish. */
  release(): void
}

/**
 * @returns the lock; null when a live process has it; 'gone' when the directory was removed meanwhile (make it again)
 */
export function lockRunDirectory(directory: string): Lock | null | 'gone' {
  const path = join(directory, lockFile)
  const descriptor = openLockFile(path)
  if (descriptor === null) return 'gone'
  const locked = tryLock(descriptor)
  // The owner before us may have removed the directory between our open and its unlock: then we hold the lock of a
  // file that nobody else can find.
  if (locked && isSameFile(descriptor, path)) {
    notePid(descriptor)
    return { isThere: () => isSameFile(descriptor, path), release: () => closeSync(descriptor) }
  }
  closeSync(descriptor)
  return locked ? 'gone' : null
}

/** Only for the message to whoever comes second: on a full disk it is missing there. */
function notePid(descriptor: number): void {
  try {
    ftruncateSync(descriptor)
    writeSync(descriptor, `${process.pid}\n`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
  }
}

/** Pid of who has, or last had, the lock; null: unknown. */
export function readLockOwner(directory: string): number | null {
  try {
    return Number.parseInt(readFileSync(join(directory, lockFile), 'utf8'), 10) || null
  } catch {
    // Removed meanwhile, or not written yet.
    return null
  }
}

function openLockFile(path: string): number | null {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function isSameFile(descriptor: number, path: string): boolean {
  const ours = fstatSync(descriptor)
  const there = lstatSync(path, { throwIfNoEntry: false })
  return there !== undefined && there.dev === ours.dev && there.ino === ours.ino
}
