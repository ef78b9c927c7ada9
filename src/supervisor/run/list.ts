/**
 * All runs of this user, and the cleaning of those whose supervisor is dead.
 */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type BaseOptions, isPrivateDirectory, listBaseDirectories } from './base.js'
import { type LedgerHeader, readLedger } from './ledger.js'
import { lockRunDirectory } from './lock.js'
import { readBootId, readStartTime } from './processes.js'
import { type Reclaimed, reclaimRun } from './reclaim.js'

export interface RunEntry {
  readonly name: string
  /** Of the supervisor. */
  readonly pid: number
  /** False: it was killed; the next start of its config, or `ipcsup clean`, cleans up. */
  readonly alive: boolean
  /** Null: `ipcsup run`, or a supervisor inside an app. */
  readonly configPath: string | null
  readonly directory: string
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
      if (row) reclaimed.push(row)
    } catch (error) {
      errors.push(error)
    }
  }
  return { reclaimed, errors }
}

async function cleanRun(directory: string, stopTimeoutMs: number): Promise<Reclaimed | null> {
  const lock = lockRunDirectory(directory)
  if (lock === null || lock === 'gone') return null
  try {
    const dead = readLedger(directory)
    const reclaimed = dead && (await reclaimRun(dead, { keepPaths: new Set(), stopTimeoutMs }))
    rmSync(directory, { recursive: true, force: true })
    return reclaimed
  } finally {
    lock.release()
  }
}

/** By pid and start time: trying the lock would make a start that comes at this moment believe that it is taken. */
function describeRun(
  { name, pid, startTime, bootId, configPath }: LedgerHeader,
  directory: string,
  now: string,
): RunEntry {
  return { name, pid, alive: bootId === now && readStartTime(pid) === startTime, configPath, directory }
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
