/** Ends what is still alive of a run when its host closes. */
import type { Instances } from './instances.js'
import { watchDeaths } from './leftovers.js'
import { lookIfPossible, readProcess } from './proc.js'
import { sendAndWake, signalStrays } from './signals.js'
import { findMarked } from './strays.js'

// A process that does not even obey SIGKILL hangs in the kernel, and may do so for ever.
const killTimeoutMs = 5_000

/** Pids by process. */
type Found = Record<string, number[]>

/**
 * SIGTERM (and SIGCONT), after `timeoutMs` SIGKILL, to everything of the run. Resolves when none is left.
 *
 * @returns what there was to end
 */
export async function endLeftovers(instances: Instances, run: string, timeoutMs: number): Promise<Found> {
  const found = findAlive(instances, run)
  if (Object.keys(found).length === 0) return found
  await signalAll(instances, found, 'SIGTERM')
  if (await waitForDeaths(Object.values(found).flat(), timeoutMs)) return found
  const left = findAlive(instances, run)
  await signalAll(instances, left, 'SIGKILL')
  await waitForDeaths(Object.values(left).flat(), killTimeoutMs)
  return found
}

/** Members of known groups, and whoever has the mark of this run in its environment. */
function findAlive(instances: Instances, run: string): Found {
  const found: Record<string, Set<number>> = {}
  const add = (process: string, pid: number): void => {
    found[process] ??= new Set()
    found[process].add(pid)
  }
  for (const { process, pid } of instances.live()) add(process, pid)
  for (const { process, members } of instances.leftovers()) for (const pid of members) add(process, pid)
  for (const { process, pid } of lookIfPossible(() => findMarked(run)) ?? []) add(process ?? 'unknown', pid)
  return Object.fromEntries(Object.entries(found).map(([process, pids]) => [process, [...pids]]))
}

async function signalAll(instances: Instances, found: Found, signal: string): Promise<void> {
  const groups = new Set([...instances.live(), ...instances.leftovers()].map(({ pid }) => pid))
  for (const group of groups) sendAndWake(-group, signal)
  const isOutside = (pid: number): boolean => !groups.has(readProcess(pid)?.group ?? 0)
  await signalStrays(Object.values(found).flat().filter(isOutside), signal)
}

/** False when the time was over before all of them were dead. */
function waitForDeaths(pids: readonly number[], timeoutMs: number): Promise<boolean> {
  return new Promise(resolve => {
    const watch = watchDeaths(pids, () => {
      clearTimeout(timer)
      // The exits of instances are reaped in this turn of the loop.
      setImmediate(() => resolve(true))
    })
    const timer = setTimeout(() => {
      watch.stop()
      resolve(false)
    }, timeoutMs)
  })
}
