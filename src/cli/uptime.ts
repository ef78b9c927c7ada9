import { readFileSync } from 'node:fs'
import { readStartTime } from '../supervisor/run/processes.js'

/** USER_HZ: what the kernel counts start times in for every architecture that Node runs on (proc(5), time(7)). */
const ticksPerSecond = 100

/** How long processes of this machine have been running, in ms, by pid; those that are gone are left out. */
export function readUptimes(pids: readonly number[]): ReadonlyMap<number, number> {
  const nowSeconds = Number.parseFloat(readFileSync('/proc/uptime', 'utf8'))
  return new Map(
    pids.flatMap(pid => {
      const startTime = readStartTime(pid)
      return startTime === null ? [] : [[pid, Math.max(0, nowSeconds - startTime / ticksPerSecond) * 1000] as const]
    }),
  )
}
