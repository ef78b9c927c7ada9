/**
 * Strays: descendants of an instance that left its process group (`setsid`, daemons), so that a signal to the group
 * misses them. Found by a walk from parent to child, and by what is in their environment where the parent is gone.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { isAlive, listPids, lookIfPossible, readChildren, readOwner, readProcess } from './proc.js'

export interface Stray {
  readonly pid: number
  /** By name, where its environment tells. */
  readonly process: string | null
}

/**
 * Descendants of `roots` outside of `group`, parents before children. Those of another supervisor below ours are left
 * out (their supervisor ends them in order), unless `nested`.
 */
export function findDescendants(roots: readonly number[], group: number, run: string, nested: boolean): number[] {
  const strays: number[] = []
  const seen = new Set<number>(roots)
  const queue = [...roots]
  for (let pid = queue.shift(); pid !== undefined; pid = queue.shift()) {
    for (const child of readChildren(pid)) {
      if (seen.has(child)) continue
      seen.add(child)
      queue.push(child)
      const facts = readProcess(child)
      if (isAlive(facts) && facts.group !== group && (nested || !isOfAnotherRun(child, run))) strays.push(child)
    }
  }
  return strays
}

function isOfAnotherRun(pid: number, run: string): boolean {
  const owner = readOwner(pid).run
  return owner !== null && owner !== run
}

/** Every live process of a run with the group it is in, by what is in its environment. */
export interface Marked extends Stray {
  readonly group: number
}

/** One look at all of /proc; costs about 20 µs for each process of the system. */
export function findMarked(run: string): Marked[] {
  return listPids().flatMap(pid => {
    if (pid === process.pid) return []
    const owner = readOwner(pid)
    if (owner.run !== run) return []
    const facts = readProcess(pid)
    return isAlive(facts) ? [{ pid, process: owner.process, group: facts.group }] : []
  })
}

/**
 * `findMarked`, shared by all who ask before the calls that are waiting now are done: a stop signals a thousand groups at
 * once, and a look for each of them would take longer than their stop timeouts. Who was found is looked at again
 * when it is asked for, since by then its pid may be somebody else's.
 *
 * @param idle - resolves when no call is waiting
 * @param warn - told when there is no descriptor left to look with; then nobody is found
 */
export function createMarkedFinder(
  run: string,
  idle: () => Promise<void>,
  warn: (message: string) => void,
): (process: string) => readonly Marked[] {
  let found: Map<string | null, Marked[]> | null = null
  const look = (): Map<string | null, Marked[]> => {
    // A turn more: timers that come due together send their calls one by one.
    void idle()
      .then(() => turn())
      .then(() => {
        found = null
      })
    const marked = lookIfPossible(() => findMarked(run))
    if (marked === null) warn(`Only process groups are signalled now: ${tooManyOpen}`)
    return groupByProcess(marked ?? [])
  }
  return process => {
    found ??= look()
    return (found.get(process) ?? []).filter(({ pid }) => readOwner(pid).run === run)
  }
}

/** Why nothing can be looked up, and what to do. */
export const tooManyOpen = 'there are too many open files to look for more. Raise `ulimit -n`.'

function groupByProcess(marked: readonly Marked[]): Map<string | null, Marked[]> {
  const groups = new Map<string | null, Marked[]>()
  for (const one of marked) {
    const group = groups.get(one.process)
    if (group) group.push(one)
    else groups.set(one.process, [one])
  }
  return groups
}
