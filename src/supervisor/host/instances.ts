/** The live instances of this host: from the spawn until nothing of them is left. */
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import { IpcsupError } from '../../errors.js'
import type { EndState } from '../../ipc/kind.js'
import {
  groupExists,
  openPidfd,
  type Reaped,
  reapProcess,
  type StopWatching,
  watchReadable,
} from '../../platform/index.js'
import type { Exit, Generation, HostEvent } from './host.js'
import { selectMembers, watchGroup } from './leftovers.js'
import { type HeldLink, removeTaker } from './links.js'
import { lookIfPossible, type ProcessFacts, readProcesses } from './proc.js'
import { tooManyOpen } from './strays.js'
import { type Measured, summarizeUsage } from './usage.js'

export interface Instance extends Measured {
  readonly process: string
  readonly generation: Generation
  /** Ends that it was given. */
  readonly ends: readonly GivenEnd[]
  /** Names of descriptions that it shares. */
  readonly shared: readonly string[]
}

export interface GivenEnd {
  readonly link: string
  readonly side: string
  readonly held: HeldLink
  readonly reads: boolean
  readonly writes: boolean
}

/** Live members of the group of an instance whose main process is gone. */
export interface Leftover {
  readonly process: string
  readonly generation: Generation
  readonly pid: number
  members: readonly number[]
}

export interface Instances {
  /** Watches a process that was spawned just now. */
  add(instance: Instance): void
  live(): Iterable<Instance>
  /** Of a process, when its main process is alive. */
  find(process: string): Instance | undefined
  /** By the pid of its main process. */
  findByPid(pid: number): Instance | undefined
  leftovers(): Iterable<Leftover>
  findLeftover(process: string, generation: Generation): Leftover | undefined
  isSharing(name: string): boolean
  /** Mends what the end of a process may have broken at these ends. */
  mend(process: string, ends: readonly GivenEnd[]): void
  /** Forgets everything; the processes go on. */
  close(): void
}

/**
 * @param beforeEnd - called before the end of an instance is told, and while it is still found
 * @param reportFault - told of a defect of ours, because of which an end is not told
 */
export function createInstances(
  emit: (event: HostEvent) => void,
  beforeEnd: () => void,
  reportFault: (error: unknown) => void,
): Instances {
  const live = new Map<string, Live>()
  const byPid = new Map<number, Instance>()
  const leftovers = new Map<string, Followed>()
  const sharers = createCounter()
  const warn = (message: string): void => emit({ type: 'warning', message })
  const lookForMembers = createMemberFinder(warn)

  /** The dead may have unlinked a path, or taken a permit along; so may what they left. */
  const mendEnds = ({ process, ends }: Pick<Instance, 'process' | 'ends'>): void => {
    for (const { link, held, side } of ends) {
      try {
        held.object.mend?.(side, process)
      } catch (error) {
        // Told and given up until the next end: what is broken there may be anything that a program can do to a file.
        if (!isOfSystem(error)) throw error
        warn(`Link "${link}" may not be whole after the end of a process: ${(error as Error).message}`)
      }
    }
  }

  const follow = ({ process, generation, pid, ends }: Instance, members: readonly number[]): void => {
    const key = `${process} ${generation}`
    const leftover = { process, generation, pid, members }
    const watch = watchGroup(pid, members, left => {
      leftover.members = left
      if (left.length > 0) return
      leftovers.delete(key)
      mendEnds({ process, ends })
      emit({ type: 'cleared', process, generation })
    })
    leftovers.set(key, { leftover, stop: watch.stop })
  }

  const finish = (instance: Instance): void => {
    const { pidfd, stop } = live.get(instance.process)!
    stop()
    beforeEnd()
    live.delete(instance.process)
    byPid.delete(instance.pid)
    const reaped = reapProcess(pidfd)
    closeSync(pidfd)
    if (!reaped) warn(`Another part of this program took the status of ${instance.process}.`)
    const event = describeExit(instance, reaped)
    for (const name of instance.shared) sharers.add(name, -1)
    for (const { held, side } of instance.ends) removeTaker(held, side)
    mendEnds(instance)
    // Nobody in the group is the usual case, and costs microseconds to find out.
    if (!groupExists(instance.pid)) emit({ ...event, leftovers: [] })
    else
      lookForMembers(instance.pid, members => {
        if (members.length > 0) follow(instance, members)
        emit({ ...event, leftovers: members })
      })
  }

  return {
    add: instance => {
      const pidfd = openPidfd(instance.pid)!
      const finishSafely = (): void => {
        try {
          finish(instance)
        } catch (error) {
          reportFault(error)
        }
      }
      live.set(instance.process, { instance, pidfd, stop: watchReadable(pidfd, finishSafely) })
      byPid.set(instance.pid, instance)
      for (const name of instance.shared) sharers.add(name, 1)
    },
    live: () => [...live.values()].map(({ instance }) => instance),
    find: process => live.get(process)?.instance,
    findByPid: pid => byPid.get(pid),
    leftovers: () => [...leftovers.values()].map(({ leftover }) => leftover),
    findLeftover: (process, generation) => leftovers.get(`${process} ${generation}`)?.leftover,
    isSharing: name => sharers.get(name) > 0,
    mend: (process, ends) => mendEnds({ process, ends }),
    close: () => {
      for (const { stop, pidfd } of live.values()) {
        stop()
        closeSync(pidfd)
      }
      for (const { stop } of leftovers.values()) stop()
      live.clear()
      byPid.clear()
      leftovers.clear()
    },
  }
}

interface Live {
  readonly instance: Instance
  readonly pidfd: number
  readonly stop: StopWatching
}

interface Followed {
  readonly leftover: Leftover
  readonly stop: () => void
}

/** How often, and how many times in all, it is tried to look while there is no descriptor for it. */
const blindDelayMs = 100
const blindTries = 20

/**
 * One look at /proc for all groups that are asked about in one turn of the loop; it comes after all their leaders were
 * reaped. Without descriptors for it none is found in the end: an exit must be told.
 */
function createMemberFinder(
  warn: (message: string) => void,
): (leader: number, onFound: (members: readonly number[]) => void) => void {
  let waiting: (readonly [leader: number, onFound: (members: readonly number[]) => void])[] = []
  const report = (processes: readonly ProcessFacts[]): void => {
    const batch = waiting
    waiting = []
    for (const [group, tell] of batch) tell(selectMembers(group, processes))
  }
  const look = (triesLeft: number): void => {
    const processes = lookIfPossible(readProcesses)
    if (processes !== null) return report(processes)
    if (triesLeft > 0) return void setTimeout(look, blindDelayMs, triesLeft - 1)
    warn(`What ended processes left behind is not followed: ${tooManyOpen}`)
    report([])
  }
  return (leader, onFound) => {
    waiting.push([leader, onFound])
    if (waiting.length === 1) setImmediate(look, blindTries)
  }
}

/** Of a system call, ours or of node:fs; anything else is a fault of this program. */
function isOfSystem(error: unknown): boolean {
  return error instanceof IpcsupError || (error as NodeJS.ErrnoException).code !== undefined
}

function createCounter(): { add(name: string, change: 1 | -1): void; get(name: string): number } {
  const counts = new Map<string, number>()
  const get = (name: string): number => counts.get(name) ?? 0
  return { get, add: (name, change) => counts.set(name, get(name) + change) }
}

function describeExit(
  instance: Instance,
  reaped: Reaped | null,
): Omit<Extract<HostEvent, { type: 'exited' }>, 'leftovers'> {
  return {
    type: 'exited',
    process: instance.process,
    generation: instance.generation,
    exit: nameExit(reaped),
    usage: summarizeUsage(instance, reaped),
    inputs: readStates(instance, ({ reads }) => reads),
    outputs: readStates(instance, ({ writes }) => writes),
  }
}

function readStates({ process, ends }: Instance, isMeant: (end: GivenEnd) => boolean): Record<string, EndState> {
  return Object.fromEntries(
    ends.filter(isMeant).map(({ link, side, held }) => [link, held.object.state(side, process)]),
  )
}

/** 255 where the status was lost: no program that we know of ends well with it. */
function nameExit(reaped: Reaped | null): Exit {
  if (reaped?.signalNumber) return { signal: nameSignal(reaped.signalNumber) }
  return { code: reaped?.code ?? 255 }
}

/** Some numbers have two names; the first is the usual one. Real-time signals have none. */
function nameSignal(number: number): string {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `SIG${number}`
}
