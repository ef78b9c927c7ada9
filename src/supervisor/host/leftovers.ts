/**
 * What an instance left behind: live members of its process group after its main process is gone.
 *
 * A group of zombies is empty for us: they hold no descriptor, and where nobody reaps them they stay for ever.
 */
import { closeSync } from 'node:fs'
import { openPidfd, type StopWatching, watchReadable } from '../../platform/index.js'
import { isAlive, type ProcessFacts, readProcesses } from './proc.js'

/** Live members of the session and group that `leader` led, out of a look at /proc. */
export function selectMembers(leader: number, processes: readonly ProcessFacts[]): number[] {
  return processes
    .filter(facts => facts.group === leader && facts.session === leader && facts.pid !== leader && isAlive(facts))
    .map(({ pid }) => pid)
}

export interface DeathWatch {
  stop(): void
}

/** Calls back once, when none of the processes is alive. They need not be children. */
export function watchDeaths(pids: readonly number[], onLast: () => void): DeathWatch {
  const open = new Map<number, StopWatching>()
  let isOver = false
  const finish = (descriptor: number): void => {
    open.get(descriptor)?.()
    open.delete(descriptor)
    closeSync(descriptor)
  }
  const stop = (): void => {
    isOver = true
    for (const descriptor of [...open.keys()]) finish(descriptor)
  }
  const report = (): void => {
    if (isOver || open.size > 0) return
    isOver = true
    onLast()
  }
  for (const pid of pids) {
    const descriptor = openPidfd(pid)
    if (descriptor === null) continue
    open.set(
      descriptor,
      watchReadable(descriptor, () => {
        finish(descriptor)
        report()
      }),
    )
  }
  if (open.size === 0) setImmediate(report)
  return { stop }
}

/**
 * Follows a group until it is empty: members may have children of their own before they end.
 *
 * @param members - as found just now
 * @param onChange - told who is left, whenever all that were known have ended; nobody: it is over
 */
export function watchGroup(
  leader: number,
  members: readonly number[],
  onChange: (left: readonly number[]) => void,
): DeathWatch {
  let current = watchDeaths(members, look)
  function look(): void {
    const left = selectMembers(leader, readProcesses())
    if (left.length > 0) current = watchDeaths(left, look)
    onChange(left)
  }
  return { stop: () => current.stop() }
}
