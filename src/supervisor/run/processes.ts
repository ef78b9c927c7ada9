/**
 * Live processes that are no children of ours.
 */
import { closeSync, readFileSync } from 'node:fs'
import { openPidfd, watchReadable } from '../../platform/index.js'
import { isAlive, readOwner, readProcess, readProcesses } from '../host/proc.js'
import type { ProcessEntry } from './survivors.js'

/** Every process that is no zombie, in the order of /proc. */
export function readLiveProcesses(): ProcessEntry[] {
  return readProcesses()
    .filter(isAlive)
    .map(facts => ({ ...facts, owner: readOwner(facts.pid) }))
}

/** When the process started, in clock ticks since boot; null: there is no such process, or it is a zombie. */
export function readStartTime(pid: number): number | null {
  const facts = readProcess(pid)
  return isAlive(facts) ? facts.startTime : null
}

/** Differs after each boot. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

/**
 * Resolves when none of the processes is alive any more, or after `timeoutMs`. They need not be children.
 */
export function waitForExits(pids: readonly number[], timeoutMs: number): Promise<void> {
  return new Promise(resolve => {
    const watched = new Map<number, () => void>()
    const finish = () => {
      clearTimeout(deadline)
      for (const stop of watched.values()) stop()
      resolve()
    }
    const deadline = setTimeout(finish, timeoutMs)
    for (const pid of pids) {
      const stop = watchExit(pid, () => {
        watched.delete(pid)
        if (watched.size === 0) finish()
      })
      if (stop) watched.set(pid, stop)
    }
    if (watched.size === 0) finish()
  })
}

/**
 * A pidfd is readable from the moment the process is a zombie, reaped or not (pidfd_open(2)).
 *
 * @returns what ends the watching before; null when there is no such process
 */
function watchExit(pid: number, onExit: () => void): (() => void) | null {
  const descriptor = openPidfd(pid)
  if (descriptor === null) return null
  const stop = () => {
    stopWatching()
    closeSync(descriptor)
  }
  const stopWatching = watchReadable(descriptor, () => {
    stop()
    onExit()
  })
  return stop
}
