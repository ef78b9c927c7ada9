/**
 * All runs of this user, and the cleaning of those whose supervisor is dead.
 */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { IpcsupError } from '../../errors.js'
import type { NamedObject } from '../../ipc/kind.js'
import { isStillThere } from '../../ipc/named-objects.js'
import { type BaseOptions, isPrivateDirectory, listBaseDirectories } from './base.js'
import { type LedgerHeader, readLedger } from './ledger.js'
import { lockRunDirectory } from './lock.js'
import { readBootId, readStartTime } from './processes.js'
import { type Reclaimed, reclaimRun, refuseLeft } from './reclaim.js'

export interface RunEntry {
  /** As its processes have it in IPCSUP_RUN. */
  readonly id: string
  readonly name: string
  /** Of the supervisor. */
  readonly pid: number
  /** False: it was killed; the next start of its config, or `ipcsup clean`, cleans up. */
  readonly alive: boolean
  /** Null: `ipcsup run`, or a supervisor inside an app. */
  readonly configPath: string | null
  readonly directory: string
}

/** An object with a name that a link of some run has. */
export interface ObjectEntry {
  /** Name of the project. */
  readonly run: string
  /** Of its supervisor. */
  readonly pid: number
  /** False: its supervisor was killed and left it. */
  readonly alive: boolean
  readonly link: string
  readonly type: NamedObject['type']
  readonly name: string
}

type Where = Partial<Pick<BaseOptions, 'environment' | 'temporary'>>

/** By name, then pid. A run that is just being made or removed may be missing. */
export function listRuns(where: Where = {}): RunEntry[] {
  const bootId = readBootId()
  return listRunDirectories(where)
    .flatMap(directory => {
      const header = readLedger(directory)?.header
      return header ? [describeRun(header, directory, bootId)] : []
    })
    .sort((a, b) => (a.name === b.name ? a.pid - b.pid : a.name < b.name ? -1 : 1))
}

/** Those that are still the very ones of the ledger, by run as `listRuns` has them. */
export function listObjects(where: Where = {}): ObjectEntry[] {
  return listRuns(where).flatMap(({ name: run, pid, alive, directory }) =>
    (readLedger(directory)?.objects ?? [])
      .filter(object => isStillThere(object, object.recordedMs))
      .map(({ link, type, name }) => ({ run, pid, alive, link, type, name })),
  )
}

/**
 * Ends what killed supervisors left, and removes their directories. One that cannot be cleaned does not stop the others.
 *
 * @returns what was done, one row for each killed supervisor, and the errors
 */
export async function cleanRuns(
  options: Where & { readonly stopTimeoutMs?: number } = {},
): Promise<{ reclaimed: readonly Reclaimed[]; errors: readonly unknown[] }> {
  const reclaimed: Reclaimed[] = []
  const errors: unknown[] = []
  for (const directory of listRunDirectories(options)) {
    try {
      const row = await cleanRun(directory, options.stopTimeoutMs ?? 5_000)
      if (row && isAnythingDone(row)) reclaimed.push(row)
      if (row && row.kept.length > 0) errors.push(refuseLeft(row.name, row.pid, namesOf(row.kept)))
    } catch (error) {
      errors.push(explain(directory, error))
    }
  }
  return { reclaimed, errors }
}

/**
 * What a run that is over has left, as `IPCSUP_ERR_NOT_REMOVED`: its supervisor could not remove it, or was killed.
 *
 * @returns null: nothing, or it is not over
 */
export function findLeft({ id, directory }: Pick<RunEntry, 'id' | 'directory'>): IpcsupError | null {
  const ledger = readLedger(directory)
  if (ledger === null || ledger.header.id !== id) return null
  const { name, pid, alive } = describeRun(ledger.header, directory, readBootId())
  if (alive) return null
  const left = ledger.objects.filter(object => isStillThere(object, object.recordedMs))
  return refuseLeft(name, pid, [...namesOf(left), directory])
}

const namesOf = (objects: readonly NamedObject[]): string[] => objects.map(({ name }) => name)

/** A file system that is read-only, say. */
function explain(directory: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (error instanceof IpcsupError || code === undefined) return error
  const advice = 'Correct that, then say `ipcsup clean` again.'
  return new IpcsupError('IPCSUP_ERR_RUN_DIRECTORY', { directory, why: message, advice }, { cause: error })
}

function isAnythingDone({ ended, removed, kept }: Reclaimed): boolean {
  return ended.length > 0 || removed.length > 0 || kept.length === 0
}

async function cleanRun(directory: string, stopTimeoutMs: number): Promise<Reclaimed | null> {
  const lock = lockRunDirectory(directory)
  if (lock === null || lock === 'gone') return null
  try {
    const dead = readLedger(directory)
    const reclaimed = dead && (await reclaimRun(dead, { keepPaths: new Set(), stopTimeoutMs }))
    // Without its ledger nobody would know whose it is.
    if (!reclaimed || reclaimed.kept.length === 0) rmSync(directory, { recursive: true, force: true })
    return reclaimed
  } finally {
    lock.release()
  }
}

/** By pid and start time: trying the lock would make a start that comes at this moment believe that it is taken. */
function describeRun(
  { id, name, pid, startTime, bootId, configPath }: LedgerHeader,
  directory: string,
  now: string,
): RunEntry {
  return { id, name, pid, alive: bootId === now && readStartTime(pid) === startTime, configPath, directory }
}

/** A directory in `/tmp` that somebody else made says nothing that may be believed: what it lists would be killed. */
function listRunDirectories({ environment = process.env, temporary }: Where): string[] {
  const uid = process.getuid!()
  const isOurs = (directory: string) => isPrivateDirectory(directory, uid)
  return listBaseDirectories({ environment, uid, ...(temporary === undefined ? {} : { temporary }) })
    .filter(isOurs)
    .flatMap(base => readdirSync(base).map(name => join(base, name)))
    .filter(isOurs)
}
