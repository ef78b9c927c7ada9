/**
 * The ledger of a run: what it made, one JSON object a line, so that whoever comes after a crash can clean up.
 *
 * Each row is written with one `write` before the thing is used. No fsync: a process that is killed loses nothing that
 * the kernel has taken, and after a crash of the whole machine no process of the run is left either (the boot id says
 * so), while named objects on a disk are then found by their own kind (it refuses what it did not make).
 */
import { closeSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { IpcsupError } from '../../errors.js'
import type { NamedObject } from '../../ipc/kind.js'
import type { Ledger } from './run.js'

/** First row. */
export interface LedgerHeader {
  readonly id: string
  readonly pid: number
  /** Of the supervisor, in clock ticks since boot. */
  readonly startTime: number
  readonly bootId: string
  readonly configPath: string | null
  readonly name: string
  readonly version: string
}

export interface LedgerObject extends NamedObject {
  readonly link: string
  /** ms since 1970. */
  readonly recordedMs: number
}

export interface LedgerProcess {
  readonly process: string
  readonly pid: number
  /** In clock ticks since boot. */
  readonly startTime: number
}

/** What a ledger says. */
export interface LedgerContent {
  readonly header: LedgerHeader
  readonly objects: readonly LedgerObject[]
  readonly processes: readonly LedgerProcess[]
}

type Row = { readonly run: LedgerHeader } | { readonly object: LedgerObject } | { readonly started: LedgerProcess }

export const ledgerFile = 'ledger.jsonl'

/**
 * Starts the ledger of a run; one that a dead run left is replaced in one step, so that there is always a whole one.
 *
 * @param inherited - objects of the dead run that are still there: ours to take over, and still to be removed if this
 * run dies before it did
 * @returns the ledger; `close` it last
 */
export function createLedger(
  directory: string,
  header: LedgerHeader,
  inherited: readonly LedgerObject[],
): Ledger & { close(): void } {
  const path = join(directory, ledgerFile)
  const descriptor = openSync(`${path}.new`, 'w', 0o600)
  let isTorn = false
  const append = (row: Row) => {
    const text = `${isTorn ? '\n' : ''}${JSON.stringify(row)}\n`
    // On a disk that is just full a part may be written; the next row must not be glued to it.
    isTorn = true
    writeFileSync(descriptor, text)
    isTorn = false
  }
  append({ run: header })
  for (const object of inherited) append({ object })
  renameSync(`${path}.new`, path)
  return {
    recordObject: (link, { type, name, identity }) => {
      try {
        append({ object: { link, type, name, identity, recordedMs: Date.now() } })
      } catch (cause) {
        // Else it would be taken for an error of what the link is about to make.
        const detail = { directory, why: (cause as Error).message, advice: 'Make room there, and start again.' }
        throw new IpcsupError('IPCSUP_ERR_RUN_DIRECTORY', detail, { cause })
      }
    },
    recordProcess: (process, pid, startTime) => append({ started: { process, pid, startTime } }),
    wasOurs: object => inherited.some(known => isSameObject(known, object)),
    close: () => closeSync(descriptor),
  }
}

/** Reads a ledger; null when there is none, or not even a whole first row. A row torn by a crash is no row. */
export function readLedger(directory: string): LedgerContent | null {
  const rows = readRows(join(directory, ledgerFile))
  const first = rows[0]
  if (!first || !('run' in first)) return null
  return {
    header: first.run,
    objects: listObjects(rows),
    processes: rows.flatMap(row => ('started' in row ? [row.started] : [])),
  }
}

/** By name the last one that was made, and what was about to be made after it. */
function listObjects(rows: readonly Row[]): readonly LedgerObject[] {
  const made = new Map<string, LedgerObject>()
  const intended = new Map<string, LedgerObject>()
  for (const row of rows) {
    if (!('object' in row)) continue
    const key = `${row.object.link} ${row.object.type} ${row.object.name}`
    if (row.object.identity === null) intended.set(key, row.object)
    else {
      intended.delete(key)
      made.set(key, row.object)
    }
  }
  return [...made.values(), ...intended.values()]
}

export function isSameObject(a: NamedObject, b: NamedObject): boolean {
  return a.type === b.type && a.name === b.name && a.identity === b.identity
}

function readRows(path: string): readonly Row[] {
  try {
    return readFileSync(path, 'utf8').split('\n').flatMap(parseRow)
  } catch (error) {
    // The directory of a run that is just being made or removed.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function parseRow(line: string): readonly Row[] {
  try {
    return [JSON.parse(line) as Row]
  } catch {
    // The end of the file, or a row that was cut when the disk was full: what it named was never used.
    return []
  }
}
