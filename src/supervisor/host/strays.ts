/**
 * Strays: descendants of an instance that left its process group (`setsid`, daemons), so that a signal to the group
 * misses them. Found by a walk from parent to child, and by what is in their environment where the parent is gone.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { isAlive, listPids, readChildren, readOwner, readProcess } from './proc.js'

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

/** `findMarked`, shared by all who ask in one turn of the event loop: a stop signals hundreds of groups at once. */
export function createMarkedFinder(run: string): () => readonly Marked[] {
  let found: readonly Marked[] | null = null
  return () => {
    if (!found) {
      found = findMarked(run)
      void turn().then(() => {
        found = null
      })
    }
    return found
  }
}
