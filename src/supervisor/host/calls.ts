/** What each call to the host does, by its type. */
import { resourceUsage } from 'node:process'
import type { Plan } from '../../config/plan.js'
import { type ErrorData, IpcsupError } from '../../errors.js'
import type { Run } from '../run/run.js'
import { flushLinks } from './flush.js'
import type { HostCall, HostEvent } from './host.js'
import type { GivenEnd, Instances } from './instances.js'
import { addTaker, type Links } from './links.js'
import type { LogPipes } from './log-pipes.js'
import { readProcess } from './proc.js'
import { type SignalTarget, signalInstance } from './signals.js'
import { type Spawner, SpawnRefusal } from './spawner.js'
import type { Marked } from './strays.js'
import { samplePeak } from './usage.js'

export interface HandsOfHost {
  readonly plan: Plan
  readonly run: Run
  readonly links: Links
  readonly instances: Instances
  readonly logs: LogPipes
  readonly spawner: Spawner
  readonly findMarked: (process: string) => readonly Marked[]
  readonly warn: (message: string) => void
}

type CallOf<T extends HostCall['type']> = Extract<HostCall, { type: T }> & { readonly id: number }
type Answer = HostEvent | Promise<HostEvent> | null

/** null: the call has no answer. */
export type Handlers = { readonly [T in HostCall['type']]: (call: CallOf<T>) => Answer }

export function createHandlers(hands: HandsOfHost): Handlers {
  const { links, logs } = hands
  return {
    open: ({ id, link, generation }) => {
      try {
        return { type: 'opened', id, link, generation, facts: links.open(link, generation) }
      } catch (error) {
        return { type: 'openFailed', id, link, generation, error: describeOpenFailure(link, error) }
      }
    },
    release: ({ id, link, generation, side, reason }) => {
      const unreadBytes = links.release(link, generation, side, reason)
      return { type: 'released', id, link, generation, side, unreadBytes }
    },
    leave: ({ id, link, generation, side, process, incarnation }) => {
      links.leave(link, generation, side, process, incarnation)
      return { type: 'left', id, link, generation, side, process }
    },
    destroy: ({ id, link, generation }) => {
      const destroy = (): HostEvent => {
        const unreadBytes = links.destroy(link, generation)
        return { type: 'destroyed', id, link, generation, unreadBytes }
      }
      const flushed = flushLinks(links, [link], hands.warn)
      return flushed === null ? destroy() : flushed.then(destroy)
    },
    spawn: createSpawnHandler(hands),
    signal: async ({ id, process, generation, signal }) => {
      const target = findTarget(hands, process, generation)
      if (target) await signalInstance(target, signal, { run: hands.run.id, findMarked: hands.findMarked })
      return { type: 'signalled', id, process, generation }
    },
    closeLogs: ({ process }) => {
      logs.release(process)
      return null
    },
  }
}

type SpawnAnswer = Extract<HostEvent, { type: 'spawned' | 'spawnFailed' }>

/** A generation is spawned once; whoever asks again hears the same. */
function createSpawnHandler(hands: HandsOfHost): (call: CallOf<'spawn'>) => SpawnAnswer {
  const answers = new Map<string, SpawnAnswer>()
  const record = createRecorder(hands)
  return ({ id, process, generation }) => {
    const known = answers.get(process)
    if (known?.generation === generation) return { ...known, id }
    const answer = spawn(hands, record, id, process, generation)
    answers.set(process, answer)
    return answer
  }
}

type RecordProcess = Run['ledger']['recordProcess']

function spawn(
  hands: HandsOfHost,
  record: RecordProcess,
  id: number,
  process: string,
  generation: number,
): SpawnAnswer {
  try {
    const { pid, descriptors } = hands.spawner.spawn(process, generation)
    const ends = descriptors.ends.map(({ link, side }): GivenEnd => {
      const { reads, writes } = hands.plan.links[link]!.sides[side]!
      return { link, side, reads, writes, held: hands.links.get(link) }
    })
    // Of all calls that tell it the cheapest: reading /proc/self/status takes 80 µs, a tenth of a spawn.
    const supervisorPeakBytes = resourceUsage().maxRSS * 1024
    const startTime = readProcess(pid)!.startTime
    for (const { held, side } of ends) addTaker(held, side, process, generation)
    hands.instances.add({
      process,
      generation,
      pid,
      ends,
      shared: descriptors.shared,
      supervisorPeakBytes,
      peakBytes: null,
    })
    record(process, pid, startTime)
    return { type: 'spawned', id, process, generation, pid, startTime }
  } catch (refusal) {
    if (!(refusal instanceof SpawnRefusal)) throw refusal
    hands.instances.mend(process, findPrepared(hands, process))
    const { error, code } = refusal.fault
    return { type: 'spawnFailed', id, process, generation, error: error.toJSON(), code }
  }
}

/** Ends that were prepared for a process which then could not be started. */
function findPrepared({ plan, links }: HandsOfHost, process: string): GivenEnd[] {
  const { handles, redirections } = plan.processes[process]!
  const redirected = redirections.flatMap(({ to }) => (to.type === 'link' ? to : []))
  return [...handles, ...redirected].flatMap(({ link, side }) => {
    const held = links.find(link)
    const { reads, writes } = plan.links[link]!.sides[side]!
    return held === undefined ? [] : { link, side, reads, writes, held }
  })
}

/** A full disk is no reason to lose a child that runs already: the mark in its environment names it too. Told once. */
function createRecorder({ run, warn }: HandsOfHost): RecordProcess {
  let isTold = false
  return (process, pid, startTime) => {
    try {
      run.ledger.recordProcess(process, pid, startTime)
      isTold = false
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === undefined) throw error
      const risk = 'Should ipcsup be killed now, the next start may not find all that is left.'
      if (!isTold) warn(`The ledger in ${run.directory} cannot be written (${code}). ${risk}`)
      isTold = true
    }
  }
}

/** The instance, or what it left; when nothing is left of it, its strays may still be there. */
function findTarget({ plan, instances }: HandsOfHost, process: string, generation: number): SignalTarget | null {
  const { stopSignal } = plan.processes[process]!
  const live = instances.find(process)
  if (live?.generation === generation) {
    // The last chance to see how large it became.
    samplePeak(live)
    return { process, pid: live.pid, members: [live.pid], stopSignal }
  }
  const leftover = instances.findLeftover(process, generation)
  if (leftover) return { process, pid: leftover.pid, members: leftover.members, stopSignal }
  return live ? null : { process, pid: 0, members: [], stopSignal }
}

function describeOpenFailure(link: string, error: unknown): ErrorData {
  const isOurs = error instanceof IpcsupError
  if (isOurs && error.code !== 'IPCSUP_ERR_SYSTEM') return error.toJSON()
  const { code, syscall } = error as NodeJS.ErrnoException
  const errno = isOurs ? error.detail['errno'] : code
  if (errno === undefined) throw error
  const call = isOurs ? error.detail['call'] : syscall
  const advice = errno === 'EMFILE' || errno === 'ENFILE' ? 'Raise `ulimit -n`.' : 'See errno(3).'
  return new IpcsupError(
    'IPCSUP_ERR_LINK_CREATE',
    { link, why: `${call}: ${errno}`, advice },
    { cause: error },
  ).toJSON()
}
