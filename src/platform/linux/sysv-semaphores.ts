/** Sets of semaphores of System V. They have no descriptor: nothing can wait for them but a thread inside of semop. */
import { check, declare, lastErrno, systemError } from './native.js'
import {
  IPC_CREAT,
  IPC_EXCL,
  IPC_NOWAIT,
  IPC_RMID,
  IPC_STAT,
  isGone,
  permissionsSize,
  readPermissions,
  type SysvPermissions,
  unlessMissing,
} from './sysv.js'

// linux/sem.h
const GETPID = 11
const GETALL = 13
const GETNCNT = 14
const GETZCNT = 15
const SETALL = 17
const SEM_UNDO = 0x1000

const semget = declare<(key: number, members: number, flags: number) => number>(
  'int semget(int key, int members, int flags)',
)
const semctl = declare<(id: number, member: number, command: number, value: Buffer | Uint16Array | null) => number>(
  'int semctl(int id, int member, int command, void *value)',
)
const semop = declare<(id: number, operations: Int16Array, count: number) => number>(
  'int semop(int id, void *operations, size_t count)',
)

// struct semid_ds: after the permissions the times of the last semop and of the last change, then the number of members;
// x86 has a spare word after each time (asm/sembuf.h).
const wordsPerTime = process.arch === 'x64' ? 2 : 1
const offsets = { changed: permissionsSize + 8 * wordsPerTime, members: permissionsSize + 16 * wordsPerTime } as const
const statusSize = permissionsSize + 64

export interface SysvSemaphoreStatus extends SysvPermissions {
  /** When it was made or set, s since 1970. */
  readonly changedSeconds: number
  readonly members: number
}

/** Number of the set; null: there is none with that key. */
export function findSysvSemaphore(key: number): number | null {
  return unlessMissing(semget(key | 0, 0, 0), `Finding the semaphores with key ${key}`, 'semget')
}

/** Makes a set that must not exist, and returns its number. Throws EEXIST, EINVAL (too many members), ENOSPC. */
export function createSysvSemaphore(key: number, members: number, mode: number): number {
  const what = `Creating semaphores with key ${key}`
  return check(semget(key | 0, members, IPC_CREAT | IPC_EXCL | mode), what, 'semget')
}

/** null: it is gone. */
export function readSysvSemaphore(id: number): SysvSemaphoreStatus | null {
  const status = Buffer.alloc(statusSize)
  if (semctl(id, 0, IPC_STAT, status) < 0) return refuseUnlessGone(id)
  const read = (offset: number): number => Number(status.readBigUInt64LE(offset))
  return { ...readPermissions(status), changedSeconds: read(offsets.changed), members: read(offsets.members) }
}

/** Free permits of each member; null: the set is gone. */
export function readSysvSemaphoreValues(id: number): readonly number[] | null {
  const status = readSysvSemaphore(id)
  if (status === null) return null
  const values = new Uint16Array(status.members)
  return semctl(id, 0, GETALL, values) < 0 ? refuseUnlessGone(id) : [...values]
}

/** What the kernel tells of one member of a set. */
export interface SysvSemaphoreUse {
  /** Processes that wait inside of semop, for a permit or for zero. */
  readonly waiting: number
  /** Who did the last operation that changed it, or set it; 0: nobody, or somebody of another namespace of pids. */
  readonly lastPid: number
}

/** Of each member; null: the set is gone. */
export function readSysvSemaphoreUses(id: number): readonly SysvSemaphoreUse[] | null {
  const status = readSysvSemaphore(id)
  if (status === null) return null
  const uses: SysvSemaphoreUse[] = []
  for (let member = 0; member < status.members; member++) {
    const [lastPid, forPermit, forZero] = [GETPID, GETNCNT, GETZCNT].map(command => semctl(id, member, command, null))
    if (lastPid! < 0 || forPermit! < 0 || forZero! < 0) return refuseUnlessGone(id)
    uses.push({ waiting: forPermit! + forZero!, lastPid: lastPid! })
  }
  return uses
}

/** Throws ERANGE above 32,767. */
export function setSysvSemaphoreValues(id: number, values: readonly number[]): void {
  check(semctl(id, 0, SETALL, Uint16Array.from(values)), `Setting the values of semaphores ${id}`, 'semctl')
}

/** Whoever waits for one is woken with EIDRM. */
export function removeSysvSemaphore(id: number): void {
  check(semctl(id, 0, IPC_RMID, null), `Removing semaphores ${id}`, 'semctl')
}

/**
 * Takes (-1) or gives back (1) a permit of a member without waiting; false when none is free. With `undo` the kernel
 * does the opposite when this process ends.
 *
 * Throws ERANGE (more than 32,767), EFBIG (no such member), EIDRM or EINVAL (the set is gone).
 */
export function changeSysvSemaphore(id: number, member: number, change: 1 | -1, options: { undo: boolean }): boolean {
  const flags = IPC_NOWAIT | (options.undo ? SEM_UNDO : 0)
  if (semop(id, new Int16Array([member, change, flags]), 1) === 0) return true
  const errno = lastErrno()
  if (errno === 'EAGAIN') return false
  throw systemError(`Using member ${member} of semaphores ${id}`, 'semop', errno)
}

function refuseUnlessGone(id: number): null {
  const errno = lastErrno()
  if (isGone(errno)) return null
  throw systemError(`Reading semaphores ${id}`, 'semctl', errno)
}
