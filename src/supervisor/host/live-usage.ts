/** CPU and memory of live processes, for status. Loaded when first asked for. */
import { setTimeout as delay } from 'node:timers/promises'
import pidusage from 'pidusage'

export interface LiveUsage {
  /** Over the last fifth of a second; 100 = one core. */
  readonly cpuPercent: number
  readonly residentBytes: number
}

// The kernel counts CPU time in hundredths of a second: this is a resolution of 5 %.
const windowMs = 200
// pidusage keeps the last figures of each pid, and a file open for each, and tells nobody how to close them: with a
// short life they are gone by themselves soon after. (With 0 it would never answer.)
const historyMs = 1_000

let running: Promise<unknown> = Promise.resolve()

/**
 * By pid; a process that is gone is missing. One measurement at a time: of two that look at one process at once, pidusage
 * would never close the file of the first.
 */
export function measureProcesses(pids: readonly number[]): Promise<ReadonlyMap<number, LiveUsage>> {
  const measured = running.then(() => measure(pids))
  running = measured.catch(() => {})
  return measured
}

async function measure(pids: readonly number[]): Promise<ReadonlyMap<number, LiveUsage>> {
  if (pids.length === 0) return new Map()
  // Its first answer for a pid is always 0 %.
  await measureOnce(pids)
  await delay(windowMs)
  const rows = await measureOnce(pids)
  return new Map(rows.map(row => [row.pid, { cpuPercent: row.cpu, residentBytes: row.memory }]))
}

async function measureOnce(pids: readonly number[]): Promise<readonly pidusage.Status[]> {
  try {
    const found: Readonly<Record<string, pidusage.Status | undefined>> = await pidusage([...pids], {
      maxage: historyMs,
    })
    return Object.values(found).filter(row => row !== undefined && row !== null)
  } catch {
    // All of them are gone.
    return []
  }
}
