/** What the parts of the brain share: the records, what is asked of the whole graph, and who is told. */
import type { Plan } from '../../config/plan.js'
import type { ErrorData } from '../../errors.js'
import type { ProcessState } from '../controls.js'
import type { HostCall } from '../host/host.js'
import type { Clock } from './clock.js'
import type { Drain } from './drain.js'
import type { Links } from './links.js'
import { type LinkRecord, newProcessRecord, type ProcessRecord } from './records.js'
import type { Resets } from './resets.js'
import type { Routes } from './routes.js'
import { isFinished, isUp } from './transitions.js'

export interface EngineListener {
  stateChanged(record: ProcessRecord, from: ProcessState, to: ProcessState): void
  linkChanged(link: LinkRecord, side: string, change: 'closed' | 'reset', unreadBytes: number | null): void
  warning(message: string): void
  /** An instance ended, or could not be spawned. */
  ended(record: ProcessRecord): void
  gaveUp(record: ProcessRecord): void
  /** The links could not be made; nothing was started and nothing is left. */
  startFailed(error: ErrorData): void
  /** A defect of ours: nothing is decided any more, so whoever listens must end what there is. Once. */
  broke(error: unknown): void
  /** Every link exists; processes start now. */
  linksOpen(): void
  /** Every process is finished and every link destroyed: the host can be closed. */
  over(): void
}

export type Phase = 'new' | 'opening' | 'running' | 'draining' | 'closing' | 'over'

/** How everything shall stop: in the direction of the data; all at once; by SIGKILL. */
export type StopManner = 'drain' | 'now' | 'kill'

export class Brain {
  readonly plan: Plan
  readonly clock: Clock
  readonly listener: EngineListener
  /** Gives the call to the host; returns the id that its answer will have. */
  readonly send: (call: HostCall) => number
  /** Runs a job after those already queued, and draws its consequences. */
  readonly run: (job: () => void) => void
  readonly processes: ReadonlyMap<string, ProcessRecord>
  /** Set once, by the engine that makes all parts. */
  links!: Links
  resets!: Resets
  routes!: Routes
  phase: Phase = 'new'
  stopAsked: StopManner | null = null
  drain: Drain | null = null
  /** Processes that were asked to run and are not finished. */
  unfinished = 0
  /** Processes and links whose circumstances changed in the current job. */
  readonly toReview = new Set<ProcessRecord>()
  readonly linksToReview = new Set<LinkRecord>()
  readonly #dependants = new Map<string, ProcessRecord[]>()

  constructor(
    plan: Plan,
    clock: Clock,
    listener: EngineListener,
    send: (call: HostCall) => number,
    run: (job: () => void) => void,
  ) {
    this.plan = plan
    this.clock = clock
    this.listener = listener
    this.send = send
    this.run = run
    this.processes = new Map(Object.values(plan.processes).map(process => [process.name, newProcessRecord(process)]))
    for (const record of this.processes.values())
      for (const need of Object.keys(record.plan.needs)) this.dependantsOf(need).push(record)
  }

  record(name: string): ProcessRecord {
    const record = this.processes.get(name)
    if (!record) throw new Error(`no process "${name}"`)
    return record
  }

  dependantsOf(name: string): ProcessRecord[] {
    const dependants = this.#dependants.get(name) ?? []
    this.#dependants.set(name, dependants)
    return dependants
  }

  isOver(record: ProcessRecord): boolean {
    return isFinished(record.state) || (record.state === 'idle' && (this.drain !== null || this.stopAsked !== null))
  }

  isStopping(link: LinkRecord): boolean {
    if (this.drain === null) return false
    return link.plan.uses.length === 0 || link.plan.uses.some(use => this.record(use.process).turned)
  }

  readersOf(record: ProcessRecord): readonly ProcessRecord[] {
    return this.links.flowing(record.name, 'writes').flatMap(link => this.#partners(link, record, 'reads'))
  }

  writersOf(record: ProcessRecord): readonly ProcessRecord[] {
    return this.links.flowing(record.name, 'reads').flatMap(link => this.#partners(link, record, 'writes'))
  }

  #partners(link: LinkRecord, record: ProcessRecord, direction: 'reads' | 'writes'): readonly ProcessRecord[] {
    return this.links.partners(link, record.name, direction).map(name => this.record(name))
  }

  /** The instance that has got its ends of the links is the last one to get them. */
  isSealed({ plan, state }: ProcessRecord): boolean {
    // Who is being stopped, or waits, may run again by hand.
    return plan.restart.policy === 'never' && isUp(state)
  }
}
