/**
 * The brain: decides what should run. It sends calls to a host and is told events; it touches no descriptor and knows
 * no time but the clock it is given. All of its work is synchronous, one event after the other.
 */
import type { Plan } from '../../config/plan.js'
import { IpcsupError } from '../../errors.js'
import type { Host, HostCall, HostEvent } from '../host/host.js'
import { Brain, type EngineListener, type Phase, type StopManner } from './brain.js'
import type { Clock } from './clock.js'
import { Consequences } from './consequences.js'
import { Graph } from './graph.js'
import { Instances } from './instances.js'
import { Jobs } from './jobs.js'
import { Links } from './links.js'
import { Machine } from './machine.js'
import { withNeeds } from './order.js'
import type { LinkRecord, ProcessRecord } from './records.js'
import { refuseClosedLinks } from './refusals.js'
import { Resets } from './resets.js'
import { Routes } from './routes.js'
import { Signals } from './signals.js'
import { isFinished } from './transitions.js'

export class Engine {
  readonly #brain: Brain
  readonly #machine: Machine
  readonly #instances: Instances
  readonly #consequences: Consequences
  readonly #graph: Graph
  readonly #signals: Signals
  readonly #jobs = new Jobs(
    () => this.#settle(),
    error => this.#break(error),
  )
  #calls = 0

  constructor(plan: Plan, host: Pick<Host, 'send' | 'onEvent'>, clock: Clock, listener: EngineListener) {
    const send = (call: HostCall) => {
      this.#calls += 1
      host.send({ ...call, id: this.#calls })
      return this.#calls
    }
    const brain = new Brain(plan, clock, listener, send, job => this.#jobs.run(job))
    this.#brain = brain
    this.#machine = new Machine(brain)
    this.#instances = new Instances(brain, this.#machine)
    this.#consequences = new Consequences(brain, this.#machine)
    this.#graph = new Graph(brain, this.#machine, this.#consequences)
    this.#signals = new Signals(brain)
    brain.routes = new Routes(brain, this.#signals)
    brain.links = new Links(plan, {
      send,
      isOver: name => brain.isOver(brain.record(name)),
      incarnationOf: name => brain.record(name).generation,
      isSealed: name => brain.isSealed(brain.record(name)),
      isStopping: link => brain.isStopping(link),
      changed: (link, side, change, unreadBytes) => this.#consequences.linkChanged(link, side, change, unreadBytes),
      called: link => brain.routes.called(link),
      settled: link => this.#graph.linkSettled(link),
    })
    brain.resets = new Resets({
      plan,
      links: brain.links,
      record: name => brain.record(name),
      dispatchReset: record => this.#machine.joinReset(record),
      release: (culprit, members) => this.#machine.releaseReset(culprit, members),
    })
    host.onEvent(event => this.#jobs.run(() => this.#receive(event)))
  }

  get processes(): ReadonlyMap<string, ProcessRecord> {
    return this.#brain.processes
  }

  get links(): Links {
    return this.#brain.links
  }

  get phase(): Phase {
    return this.#brain.phase
  }

  /** Makes all links, then starts the named processes and their needs; none named: all. Once. */
  start(names: readonly string[]): void {
    this.#jobs.run(() => {
      if (this.#brain.phase !== 'new') return
      this.#graph.open(names.length === 0 ? [...this.#brain.processes.keys()] : withNeeds(this.#brain.plan, names))
    })
  }

  /** Starts processes by hand, with those of their needs that never ran. Throws IPCSUP_ERR_LINK_CLOSED. */
  startProcesses(names: readonly string[]): void {
    this.#startByHand(names, 'start')
  }

  /** Ends what runs of these and starts them all anew. Throws IPCSUP_ERR_LINK_CLOSED. */
  restartProcesses(names: readonly string[]): void {
    this.#startByHand(names, 'restart')
  }

  #startByHand(names: readonly string[], event: 'start' | 'restart'): void {
    const records = names.map(name => this.#brain.record(name))
    this.#refuseBeforeStart(names)
    if (this.#brain.phase !== 'running' && this.#brain.phase !== 'opening')
      throw new IpcsupError('IPCSUP_ERR_STOPPING', { names: names.join(', ') })
    refuseClosedLinks(this.#brain, records, event)
    this.#graph.whenOpen(() => {
      if (this.#brain.phase !== 'running') return
      const idle = withNeeds(this.#brain.plan, names).map(name => this.#brain.record(name))
      for (const record of idle)
        if (record.state === 'idle' && !records.includes(record)) this.#machine.dispatch(record, 'start')
      for (const record of records) this.#machine.dispatch(record, event)
    })
  }

  /** Parks processes; with `end` their uses are over. */
  stopProcesses(names: readonly string[], end: boolean): void {
    this.#refuseBeforeStart(names)
    this.#graph.whenOpen(() => {
      if (this.#brain.phase === 'closing' || this.#brain.phase === 'over') return
      for (const name of names) {
        const record = this.#brain.record(name)
        // Who is being ended already stays so, as one that has ended does.
        const isForGood = end || record.aim === 'finish' || this.#brain.phase !== 'running'
        if (isForGood && !isFinished(record.state)) record.endedByHand = true
        this.#machine.dispatch(record, isForGood ? 'end' : 'park')
      }
    })
  }

  /** To the groups of the named processes that have an instance; `done` once the host has sent them all. */
  signalProcesses(names: readonly string[], signal: string, done: () => void): void {
    const records = names.map(name => this.#brain.record(name))
    this.#jobs.run(() => this.#signals.send(records, signal, done))
  }

  /** Raises the signal of a route by hand; `done` with those that got it, once the host has sent them all. */
  callLink(link: LinkRecord, done: (names: readonly string[]) => void): void {
    this.#refuseBeforeStart([link.plan.name])
    this.#graph.whenOpen(() => {
      const names = this.#brain.routes.raise(link, () => queueMicrotask(() => done(names)))
    })
  }

  /** `drain`: in the direction of the data. `now`: everyone gets the stop signal. `kill`: everyone gets SIGKILL. */
  stop(how: StopManner): void {
    this.#jobs.run(() => {
      if (this.#brain.phase === 'new') {
        this.#brain.phase = 'over'
        this.#brain.listener.over()
        return
      }
      if (severity[how] > severity[this.#brain.stopAsked ?? how] || this.#brain.stopAsked === null)
        this.#brain.stopAsked = how
      else return
      if (this.#brain.phase === 'running') this.#graph.beginDrain()
      if (this.#brain.phase === 'draining') this.#graph.hasten()
    })
  }

  /** The app uses a side (a stream of it was opened), or stopped using it. */
  useByApp(linkName: string, side: string, change: 1 | -1): void {
    this.#jobs.run(() => {
      const link = this.#brain.links.records.get(linkName)!
      link.appUses.set(side, (link.appUses.get(side) ?? 0) + change)
      this.#brain.linksToReview.add(link)
    })
  }

  /** A defect of ours: nothing is decided any more. */
  fail(error: unknown): void {
    this.#jobs.stop(error)
  }

  #break(error: unknown): void {
    if (this.#brain.phase !== 'over') this.#brain.phase = 'closing'
    for (const record of this.#brain.processes.values()) this.#machine.cancelTimer(record)
    this.#brain.listener.broke(error)
  }

  /** Draws all consequences of a job. */
  #settle(): void {
    while (this.#brain.phase === 'running' || this.#brain.phase === 'draining') {
      for (const record of this.#brain.toReview) {
        this.#brain.toReview.delete(record)
        this.#consequences.review(record)
      }
      for (const link of this.#brain.linksToReview) {
        this.#brain.linksToReview.delete(link)
        this.#brain.links.review(link)
      }
      this.#brain.resets.advance()
      this.#brain.drain?.advance()
      if (this.#brain.toReview.size > 0 || this.#brain.linksToReview.size > 0) continue
      if (this.#brain.unfinished === 0) this.#graph.beginClosing()
      return
    }
  }

  #receive(event: HostEvent): void {
    if (event.type === 'warning') return this.#brain.listener.warning(event.message)
    if (event.type === 'broken') return this.fail(Object.assign(new Error(event.message), { stack: event.stack }))
    if ('link' in event) return this.#brain.links.receive(event)
    const record = this.#brain.record(event.process)
    switch (event.type) {
      case 'spawned':
        return this.#instances.spawned(record, event.generation, event.pid)
      case 'spawnFailed':
        return this.#instances.spawnFailed(record, event)
      case 'exited':
        return this.#instances.exited(record, event)
      case 'cleared':
        return this.#instances.cleared(record, event.generation)
      case 'notified':
        return this.#instances.notified(record, event)
      case 'signalled':
        return this.#signals.answered(event.id)
    }
  }

  #refuseBeforeStart(names: readonly string[]): void {
    if (this.#brain.phase === 'new') throw new IpcsupError('IPCSUP_ERR_NOT_STARTED', { names: names.join(', ') })
  }
}

const severity = { drain: 0, now: 1, kill: 2 } as const satisfies Record<StopManner, number>
