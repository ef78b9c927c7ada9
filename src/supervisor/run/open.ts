/**
 * Opens a run: its directory, lock and ledger. Cleans up first when a supervisor of the same key was killed.
 */
import { rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { IpcsupError } from '../../errors.js'
import { isStillThere } from '../../ipc/named-objects.js'
import { makePrivateDirectory, openBaseDirectory } from './base.js'
import { createLedger, type LedgerObject, ledgerFile, readLedger } from './ledger.js'
import { type Lock, lockFile, lockRunDirectory, readLockOwner } from './lock.js'
import { makeRunId, nameRunDirectory, type RunKey } from './name.js'
import { readBootId, readStartTime } from './processes.js'
import { emptyRunDirectory, type Reclaimed, reclaimRun, refuseLeft, removeObjects } from './reclaim.js'
import type { Run } from './run.js'

export interface OpenRunOptions {
  readonly key: RunKey
  /** Of the project. */
  readonly name: string
  /** Of ipcsup. */
  readonly version: string
  /** Paths at which this run will make named objects: those of a dead run stay there for it to take over. */
  readonly keepPaths?: readonly string[]
  /** What survivors of a dead run get between SIGTERM and SIGKILL. */
  readonly stopTimeoutMs?: number
  readonly environment?: NodeJS.ProcessEnv
  /** Parent of the short directory; `/tmp` but in tests. */
  readonly temporary?: string
}

export interface OpenedRun extends Run {
  /** What a dead run of the same key had left; null: there was none. */
  readonly reclaimed: Reclaimed | null
  /**
   * Removes the directory and frees the lock. Everything else of the run is over by then.
   *
   * @returns what of it is still there, so that the directory is there for `ipcsup clean`; null: nothing
   */
  close(): IpcsupError | null
}

/**
 * @throws IPCSUP_ERR_ALREADY_RUNNING when a supervisor of this config lives
 * @throws IPCSUP_ERR_RUN_DIRECTORY when no private directory can be made
 * @throws IPCSUP_ERR_SURVIVORS when processes of a dead run cannot be ended
 */
export async function openRun(options: OpenRunOptions): Promise<OpenedRun> {
  const { directory, lock } = lockDirectory(options)
  try {
    const dead = readLedger(directory)
    const { stopTimeoutMs = 5_000, keepPaths = [] } = options
    const reclaimed = dead && (await reclaimRun(dead, { keepPaths: new Set(keepPaths), stopTimeoutMs }))
    emptyRunDirectory(directory, [lockFile, ledgerFile])
    return startRun(options, directory, lock, reclaimed)
  } catch (error) {
    // Without a ledger there is nothing that a later start could clean up.
    if (readLedger(directory) === null) rmSync(directory, { recursive: true, force: true })
    lock.release()
    throw explain(directory, error)
  }
}

/** A full disk, say, or too many open files. */
function explain(directory: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (error instanceof IpcsupError || code === undefined) return error
  const advice = 'Correct that, or set XDG_RUNTIME_DIR to another directory that only you can enter.'
  return new IpcsupError('IPCSUP_ERR_RUN_DIRECTORY', { directory, why: message, advice }, { cause: error })
}

function startRun(options: OpenRunOptions, directory: string, lock: Lock, reclaimed: Reclaimed | null): OpenedRun {
  const { key, name, version } = options
  const id = makeRunId()
  const inherited = reclaimed?.kept ?? []
  const header = {
    id,
    pid: process.pid,
    startTime: readStartTime(process.pid) ?? 0,
    bootId: readBootId(),
    configPath: 'configPath' in key ? key.configPath : null,
    name,
    version,
  }
  const ledger = createLedger(directory, header, inherited)
  return {
    id,
    directory,
    ledger,
    reclaimed,
    close() {
      // Those that this run took over are gone by now; the rest belongs to a link that the config no longer has.
      removeObjects(inherited)
      ledger.close()
      const left = lock.isThere() ? clear(directory) : []
      lock.release()
      return left.length > 0 ? refuseLeft(name, process.pid, left) : null
    },
  }
}

/** @returns names of what is still there */
function clear(directory: string): readonly string[] {
  let left: readonly string[] = []
  try {
    left = listMade(directory)
      .filter(object => isStillThere(object))
      .map(object => object.name)
    if (left.length > 0) emptyRunDirectory(directory, [lockFile, ledgerFile])
    else rmSync(directory, { recursive: true, force: true })
    return left
  } catch (error) {
    // A file system that became read-only, say. What else of it is there nobody can tell then.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
    return [...left, directory]
  }
}

/** What was only about to be made may be somebody else's, who was faster. */
function listMade(directory: string): readonly LedgerObject[] {
  return (readLedger(directory)?.objects ?? []).filter(({ identity }) => identity !== null)
}

function lockDirectory(options: OpenRunOptions): { directory: string; lock: Lock } {
  const { key, environment = process.env, temporary } = options
  const uid = process.getuid!()
  const base = openBaseDirectory({ environment, uid, ...(temporary === undefined ? {} : { temporary }) })
  const first = join(base, nameRunDirectory(key))
  // Two supervisors of one process have the same pid but are two runs.
  for (let number = 1; ; ) {
    const directory = number === 1 ? first : `${first}-${number}`
    makePrivateDirectory(directory, uid)
    const lock = lockOrLeave(directory)
    if (lock === null && 'configPath' in key) throw refuse(directory, key.configPath)
    if (lock === null) number++
    else if (lock !== 'gone') return { directory, lock }
  }
}

/** When the lock file cannot even be made, the directory is left as it was: empty is gone. */
function lockOrLeave(directory: string): ReturnType<typeof lockRunDirectory> {
  try {
    return lockRunDirectory(directory)
  } catch (error) {
    removeIfEmpty(directory)
    throw explain(directory, error)
  }
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory)
  } catch {
    // A dead run has left something in it.
  }
}

function refuse(directory: string, configPath: string): IpcsupError {
  const pid = readLockOwner(directory) ?? 'unknown'
  return new IpcsupError('IPCSUP_ERR_ALREADY_RUNNING', { configPath, pid })
}
