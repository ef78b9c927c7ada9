/**
 * What an instance left behind: live members of its process group after its main process is gone.
 *
 * A group of zombies is empty for us: they hold no descriptor, and where nobody reaps them they stay for ever.
 */
import { closeSync } from 'node:fs'
import { openPidfd, type StopWatching, watchReadable } from '../../platform/index.js'
import { isAlive, lookIfPossible, type ProcessFacts, readProcess, readProcesses } from './proc.js'

/** How often it is looked again while there is no descriptor left to watch with. */
const blindDelayMs = 100

/** Live members of the session and group that `leader` led, out of a look at /proc. */
export function selectMembers(leader: number, processes: readonly ProcessFacts[]): number[] {
  return processes
    .filter(facts => facts.group === leader && facts.session === leader && facts.pid !== leader && isAlive(facts))
    .map(({ pid }) => pid)
}

export interface DeathWatch {
  stop(): void
}

/**
 * Calls back once, when none of the processes is alive. They need not be children. Those for which there is no descriptor
 * left are asked after by pid, now and then.
 */
export function watchDeaths(pids: readonly number[], onLast: () => void): DeathWatch {
  const open = new Map<number, StopWatching>()
  const unseen = new Set<number>()
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  const finish = (descriptor: number): void => {
    open.get(descriptor)?.()
    open.delete(descriptor)
    closeSync(descriptor)
  }
  const stop = (): void => {
    isOver = true
    clearTimeout(timer)
    for (const descriptor of [...open.keys()]) finish(descriptor)
  }
  const report = (): void => {
    if (isOver || open.size > 0 || unseen.size > 0) return
    isOver = true
    onLast()
  }
  const watch = (pid: number): void => {
    const descriptor = lookIfPossible(() => openPidfd(pid) ?? 'gone')
    if (descriptor === 'gone') return
    if (descriptor === null) return void unseen.add(pid)
    open.set(
      descriptor,
      watchReadable(descriptor, () => {
        finish(descriptor)
        report()
      }),
    )
  }
  const askAfterUnseen = (): void => {
    for (const pid of unseen) if (isGone(pid)) unseen.delete(pid)
    if (unseen.size > 0) timer = setTimeout(askAfterUnseen, blindDelayMs)
    report()
  }
  for (const pid of pids) watch(pid)
  if (unseen.size > 0) timer = setTimeout(askAfterUnseen, blindDelayMs)
  if (open.size === 0) setImmediate(report)
  return { stop }
}

/** Without a descriptor, if need be: then a zombie is not gone. */
function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
  const facts = readProcess(pid)
  return facts !== null && !isAlive(facts)
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
    const processes = lookIfPossible(readProcesses)
    if (processes === null) {
      const timer = setTimeout(look, blindDelayMs)
      current = { stop: () => clearTimeout(timer) }
      return
    }
    const left = selectMembers(leader, processes)
    if (left.length > 0) current = watchDeaths(left, look)
    onChange(left)
  }
  return { stop: () => current.stop() }
}
