/**
 * Cleans up after a run whose supervisor was killed: ends its processes, removes its objects.
 */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { IpcsupError } from '../../errors.js'
import { identify, isStillThere, removeNamed } from '../../ipc/named-objects.js'
import { endSurvivors } from './end.js'
import type { LedgerContent, LedgerObject } from './ledger.js'
import { readBootId } from './processes.js'
import type { Survivor } from './survivors.js'

const mostListed = 12

/** What was found and done. */
export interface Reclaimed {
  readonly name: string
  /** Of the dead supervisor. */
  readonly pid: number
  readonly ended: readonly Survivor[]
  /** Names: paths, or what the system calls them. */
  readonly removed: readonly string[]
  /** Objects that are still there: the new run takes them over, or they could not be removed. */
  readonly kept: readonly LedgerObject[]
}

export interface ReclaimOptions {
  /** Paths at which the next run makes objects again: left for it to take over, so that strangers stay connected. */
  readonly keepPaths: ReadonlySet<string>
  readonly stopTimeoutMs: number
}

/**
 * The caller holds the lock of the run.
 *
 * @throws IPCSUP_ERR_SURVIVORS naming processes that cannot be ended: a start would double them.
 */
export async function reclaimRun(ledger: LedgerContent, options: ReclaimOptions): Promise<Reclaimed> {
  const { name, pid, bootId } = ledger.header
  // After a reboot every pid is somebody else's.
  const { ended, left } =
    bootId === readBootId() ? await endSurvivors(ledger, options.stopTimeoutMs) : { ended: [], left: [] }
  if (left.length > 0)
    throw new IpcsupError('IPCSUP_ERR_SURVIVORS', { name, pid, processes: left.map(nameSurvivor).join(', ') })
  const present = ledger.objects.filter(isPresent)
  const removed = present.filter(object => !options.keepPaths.has(object.name) && remove(object))
  return {
    name,
    pid,
    ended,
    removed: removed.map(nameObject),
    kept: present.filter(object => !removed.includes(object)).map(identifyNow),
  }
}

/** The sentence for a person. */
export function describeReclaimed({ name, pid, ended, removed, kept }: Reclaimed): string {
  const done = [
    ...(ended.length > 0 ? [`ended ${ended.length} of its processes: ${list(ended.map(nameSurvivor))}`] : []),
    ...(removed.length > 0 ? [`removed ${list(removed)}`] : []),
    ...(kept.length > 0 ? [`left ${list(kept.map(({ name }) => name))}`] : []),
  ]
  return `A supervisor of "${name}" (pid ${pid}) died without cleaning up; ${done.join('; ') || 'nothing of it was left'}.`
}

/** Of what is still there although it should be gone. */
export function refuseLeft(name: string, pid: number, names: readonly string[]): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_NOT_REMOVED', { name, pid, objects: names.join(', ') })
}

/** Empties the directory of a run; the caller holds its lock, and the lock file stays. */
export function emptyRunDirectory(directory: string, keep: readonly string[]): void {
  for (const entry of readdirSync(directory)) {
    if (!keep.includes(entry)) rmSync(join(directory, entry), { recursive: true, force: true })
  }
}

/** Removes the objects that are still the very ones of the ledger. */
export function removeObjects(objects: readonly LedgerObject[]): void {
  for (const object of objects) remove(object)
}

/** Keys of System V are numbers, which tell nobody what they are. */
function nameObject({ type, name }: LedgerObject): string {
  return type.startsWith('sysv') ? `${type.replace('-', ' ')} with key ${name}` : name
}

const remove = (object: LedgerObject): boolean => removeNamed(object, object.recordedMs)
const isPresent = (object: LedgerObject): boolean => isStillThere(object, object.recordedMs)

/** What was only about to be made has been made all the same: a link that takes it over knows it by what it is. */
function identifyNow(object: LedgerObject): LedgerObject {
  return object.identity === null ? { ...object, ...identify(object.type, object.name) } : object
}

const nameSurvivor = ({ name, pid }: Survivor): string => `${name} (${pid})`

/** Thousands would bury what is said next; `clean --json` has all. */
function list(names: readonly string[]): string {
  const more = names.length - mostListed
  return `${names.slice(0, mostListed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
