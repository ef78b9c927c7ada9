/**
 * Ends the processes that a dead run left.
 */

import type { LedgerContent } from './ledger.js'
import { readLiveProcesses, waitForExits } from './processes.js'
import { findSurvivors, type Survivor } from './survivors.js'

/** How long the kernel may take for a process that got SIGKILL; one in an uninterruptible sleep takes longer. */
const killTimeoutMs = 5_000

export interface Ended {
  readonly ended: readonly Survivor[]
  /** Could not be ended: of another user by now, or stuck in the kernel. */
  readonly left: readonly Survivor[]
}

/**
 * SIGTERM and SIGCONT, after `stopTimeoutMs` SIGKILL, to the groups of all survivors. Looks again before each signal: what was
 * forked meanwhile is found too; and SIGKILL comes twice, for what was forked between the look and the signal.
 */
export async function endSurvivors(ledger: LedgerContent, stopTimeoutMs: number): Promise<Ended> {
  const steps = [
    { signals: ['SIGTERM', 'SIGCONT'], timeoutMs: stopTimeoutMs },
    { signals: ['SIGKILL'], timeoutMs: killTimeoutMs },
    { signals: ['SIGKILL'], timeoutMs: killTimeoutMs },
  ] as const
  const look = () => findSurvivors(ledger, readLiveProcesses(), process.pid)
  const seen = new Map<number, Survivor>()
  let alive = look()
  for (const { signals, timeoutMs } of steps) {
    if (alive.length === 0) break
    for (const survivor of alive) seen.set(survivor.pid, survivor)
    for (const survivor of alive) for (const signal of signals) sendSignal(survivor, signal)
    await waitForExits(
      alive.map(({ pid }) => pid),
      timeoutMs,
    )
    alive = look()
  }
  const left = new Set(alive.map(({ pid }) => pid))
  return { ended: [...seen.values()].filter(({ pid }) => !left.has(pid)), left: alive }
}

/** To its whole group where it leads one: that catches what forks meanwhile. */
function sendSignal({ pid, group }: Survivor, signal: NodeJS.Signals): void {
  try {
    process.kill(group === pid ? -pid : pid, signal)
  } catch {
    // Gone already, or not ours to signal: the next look tells which.
  }
}
