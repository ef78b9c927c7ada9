/**
 * Which processes of a dead run are still alive. Pure: decides over a snapshot of /proc.
 */
import type { ProcessFacts } from '../host/proc.js'
import type { LedgerContent } from './ledger.js'

/** One live process (no zombie). */
export interface ProcessEntry extends ProcessFacts {
  /** What its first environment says; null: nothing, or it is not ours to read. */
  readonly owner: { readonly run: string | null; readonly process: string | null }
}

export interface Survivor {
  readonly pid: number
  readonly startTime: number
  readonly group: number
  /** Of the process in the config that it is, or descends from; `?` where nothing tells. */
  readonly name: string
}

/**
 * A process belongs to a dead run when
 * - the ledger has it (pid and start time: a pid alone may be somebody else's by now), or
 * - its environment carries the id of the run, also when it left its group, or
 * - it is in the session of such a process, or descends from one: for those that cleared their environment.
 *
 * A process that carries the id of another run belongs to that one (a supervisor in a supervisor).
 *
 * @param self - this process and its ancestors are never survivors: somebody may start ipcsup from inside a dead run
 */
export function findSurvivors(ledger: LedgerContent, processes: readonly ProcessEntry[], self: number): Survivor[] {
  const byPid = new Map(processes.map(entry => [entry.pid, entry]))
  const names = new Map(ledger.processes.map(row => [identify(row), row.process]))
  const spared = listAncestors(byPid, self)
  const found = new Set<number>()
  const belongs = (entry: ProcessEntry) =>
    names.has(identify(entry)) ||
    entry.owner.run === ledger.header.id ||
    (entry.owner.run === null && (found.has(entry.session) || found.has(entry.parent)))
  let before = -1
  while (before !== found.size) {
    before = found.size
    for (const entry of processes) if (!spared.has(entry.pid) && belongs(entry)) found.add(entry.pid)
  }
  return processes
    .filter(entry => found.has(entry.pid))
    .map(entry => ({ ...pickIdentity(entry), name: names.get(identify(entry)) ?? entry.owner.process ?? '?' }))
}

function pickIdentity({ pid, startTime, group }: ProcessEntry) {
  return { pid, startTime, group }
}

function identify({ pid, startTime }: { readonly pid: number; readonly startTime: number }): string {
  return `${pid}@${startTime}`
}

function listAncestors(byPid: ReadonlyMap<number, ProcessEntry>, self: number): ReadonlySet<number> {
  const spared = new Set<number>()
  for (let pid = self; pid > 0 && !spared.has(pid); pid = byPid.get(pid)?.parent ?? 0) spared.add(pid)
  return spared
}
