/** Sends signals to instances: to the whole group, and of those that end a process also to its strays. */
import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { accessSync, constants } from 'node:fs'
import { readProcess } from './proc.js'
import { findDescendants, type Marked } from './strays.js'

/** They end whoever does nothing about them; a descendant that left the group is meant too. */
const ending = new Set(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGABRT', 'SIGKILL'])

export interface SignalTarget {
  readonly process: string
  /** Pid of the main process, which is its group's number also after its end. */
  readonly pid: number
  /** Live members known to be there; the main process, or what it left. */
  readonly members: readonly number[]
  /** Signal that the Plan uses to stop it. */
  readonly stopSignal: string
}

export interface Surroundings {
  readonly run: string
  /** Whoever of a process has the mark of this run in its environment. */
  readonly findMarked: (process: string) => readonly Marked[]
}

/**
 * A signal that ends (or is the process's own stop signal) reaches the group and all strays, and is followed by
 * SIGCONT so that a stopped process can obey. Any other (SIGSTOP, SIGCONT, SIGUSR1, …) is for the group alone: what
 * left the group left the job, and a user's signal may mean something else to it.
 *
 * Resolves when all were signalled.
 */
export async function signalInstance(target: SignalTarget, signal: string, around: Surroundings): Promise<void> {
  const hasGroup = target.members.length > 0
  if (!ending.has(signal) && signal !== target.stopSignal) {
    if (hasGroup) send(-target.pid, signal)
    return
  }
  // Looked for first: once a parent is dead its children cannot be found through it.
  const isFinal = signal === 'SIGKILL'
  const descendants = findDescendants(target.members, target.pid, around.run, isFinal)
  const marked = around.findMarked(target.process).filter(({ group }) => group !== target.pid)
  if (hasGroup) sendAndWake(-target.pid, signal)
  await signalStrays([...descendants, ...marked.map(({ pid }) => pid)], signal)
}

/** Signals each stray and everything below it, once. */
export async function signalStrays(strays: readonly number[], signal: string): Promise<void> {
  if (strays.length === 0) return
  const known = new Set(strays)
  if (!hasPs()) {
    for (const pid of known) sendAndWake(pid, signal)
    return
  }
  const tops = [...known].filter(pid => !known.has(readProcess(pid)?.parent ?? 0))
  // Whoever has no room for one more process has none for `ps` either: then those that are known must do.
  if (!(await killTrees(tops, signal))) for (const pid of known) send(pid, signal)
  if (signal !== 'SIGKILL') for (const pid of known) send(pid, 'SIGCONT')
}

/**
 * tree-kill does not listen for the error of the `ps` that it spawns, which at the limit of processes would end this
 * program. Node tells of each child that it makes.
 *
 * @returns false: a `ps` could not be spawned, so some of the trees are not known
 */
async function killTrees(tops: readonly number[], signal: string): Promise<boolean> {
  let areWhole = true
  const listen = (message: unknown): void => {
    const { process: child } = message as { process: ChildProcess }
    child.once('error', error => {
      if (child.spawnfile === 'ps') areWhole = false
      else if (child.listenerCount('error') === 0) throw error
    })
  }
  const { default: treeKill } = await import('tree-kill')
  subscribe('child_process', listen)
  await Promise.all(tops.map(pid => new Promise<void>(resolve => treeKill(pid, signal, () => resolve()))))
  unsubscribe('child_process', listen)
  return areWhole
}

/** A negative number is a group. Who is gone, or of another user, is not signalled. */
export function sendAndWake(pid: number, signal: string): void {
  send(pid, signal)
  if (signal !== 'SIGKILL') send(pid, 'SIGCONT')
}

function send(pid: number, signal: string): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}

/** tree-kill asks `ps`, and ends the whole program where there is none, as in a small container. */
function hasPs(): boolean {
  return (process.env['PATH'] ?? '').split(':').some(directory => {
    try {
      accessSync(`${directory}/ps`, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
