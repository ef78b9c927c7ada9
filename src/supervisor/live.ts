/** The supervisor itself: the brain wired to a host, hooks and whoever listens. */
import { EventEmitter } from 'node:events'
import type { Plan } from '../config/plan.js'
import { IpcsupError } from '../errors.js'
import { AppEnds, type NearHost } from './app-ends.js'
import { type Clock, realClock } from './brain/clock.js'
import { Engine } from './brain/engine.js'
import type { ProcessRecord } from './brain/records.js'
import { findCallable } from './callable.js'
import { closeHost, longestStopTimeoutMs } from './close-host.js'
import { Conditions, keepAlive } from './conditions.js'
import type { LogFile, Report, Status } from './controls.js'
import { Hooks } from './hooks.js'
import type { Host, HostEvent } from './host/host.js'
import {
  chooseNames,
  findLink,
  findProcess,
  refuseClosedSide,
  refuseSecondStart,
  refuseUnknownSignal,
  refuseUnusedSides,
} from './lookup.js'
import { makeNews } from './news.js'
import { Outcome } from './outcome.js'
import { createOutsideEnds, type OutsideEnds } from './outside-ends.js'
import { makeProcessHandle } from './process-handle.js'
import { runReport } from './report.js'
import { isUnderWay, watchRestart, watchStop } from './standing.js'
import { readStatus } from './status.js'
import type { ProcessHandle, Supervisor, SupervisorEvents } from './supervisor.js'

export class LiveSupervisor extends EventEmitter<SupervisorEvents> implements Supervisor {
  readonly name: string
  readonly outsideEnds: OutsideEnds
  readonly #plan: Plan
  readonly #openHost: () => Promise<NearHost>
  readonly #engine: Engine
  readonly #hooks: Hooks
  readonly #outcome = new Outcome()
  readonly #conditions = new Conditions(() => this.#outcome.fault)
  readonly #appEnds: AppEnds
  /** Null before the start. */
  #opening: Promise<NearHost> | null = null
  /** Null until it is open. */
  #host: NearHost | null = null
  #receive: (event: HostEvent) => void = () => {}
  #startError: Error | null = null
  #letDie = () => {}
  #linksOpen = false
  #logsComplete = true
  #closed: Promise<void> | null = null
  #started = false
  #ended = false

  /** @param openHost - called once, at the start */
  constructor(plan: Plan, openHost: () => Promise<NearHost>, clock: Clock = realClock) {
    super()
    this.name = plan.name
    this.#plan = plan
    this.#openHost = openHost
    this.#hooks = new Hooks(plan, message => this.#tell('warning', message))
    const relay: Pick<Host, 'send' | 'onEvent'> = {
      send: request => this.#host!.send(request),
      onEvent: receive => {
        this.#receive = receive
      },
    }
    this.#appEnds = new AppEnds((link, side, change) => this.#engine.useByApp(link, side, change))
    this.#engine = new Engine(plan, relay, clock, {
      ...makeNews(
        (event, ...args) => this.#tell(event, ...args),
        this.#hooks,
        () => this.#conditions.look(),
      ),
      startFailed: error => {
        this.#startError = IpcsupError.from(error)
        void this.#close()
      },
      broke: error => this.fail(error),
      linksOpen: () => {
        this.#linksOpen = true
        this.#conditions.look()
      },
      over: () => void this.#close(),
    })
    this.outsideEnds = createOutsideEnds(this.#engine.links.records, () => (this.#ended ? null : this.#host))
  }

  get finished(): Promise<Report> {
    return this.#outcome.finished
  }

  async start(names: readonly string[] = []): Promise<void> {
    const wanted = this.#choose(names)
    refuseUnusedSides(this.#engine.links.records.values())
    refuseSecondStart(this.name, this.#started, this.#engine.phase)
    this.#started = true
    const host = await this.#open()
    // A stop came meanwhile.
    if (this.#engine.phase !== 'new') return void (await this.finished)
    this.#letDie = keepAlive()
    host.onEvent(this.#receive)
    this.#engine.start(wanted)
    const first = [...this.#engine.processes.values()].filter(record => Object.keys(record.plan.needs).length === 0)
    await this.#conditions.until(() => this.#linksOpen && first.every(isUnderWay))
    if (this.#startError) {
      await this.finished
      throw this.#startError
    }
  }

  async stop({ now = false, kill = false }: { readonly now?: boolean; readonly kill?: boolean } = {}): Promise<Report> {
    this.#engine.stop(kill ? 'kill' : now ? 'now' : 'drain')
    return this.finished
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#appEnds.closeAll()
    await this.stop()
  }

  async startProcesses(names: readonly string[]): Promise<void> {
    this.#engine.startProcesses(this.#choose(names))
  }

  async stopProcesses(names: readonly string[], { end }: { readonly end: boolean }): Promise<void> {
    const all = this.#choose(names)
    const haveStopped = watchStop(all.map(name => this.#record(name)))
    this.#engine.stopProcesses(all, end)
    await this.#conditions.until(haveStopped)
  }

  async restartProcesses(names: readonly string[]): Promise<void> {
    const all = this.#choose(names)
    const areUpAgain = watchRestart(all.map(name => this.#record(name)))
    this.#engine.restartProcesses(all)
    await this.#conditions.until(areUpAgain)
  }

  async signalProcesses(names: readonly string[], signal: string): Promise<void> {
    const all = this.#choose(names)
    refuseUnknownSignal(signal)
    await this.#conditions.answer<void>(answer => this.#engine.signalProcesses(all, signal, answer))
  }

  async callLink(name: string): Promise<readonly string[]> {
    const link = findCallable(this.#engine.links.records, name)
    const names = await this.#conditions.answer<readonly string[]>(answer => this.#engine.callLink(link, answer))
    return names ?? []
  }

  signalAll(signal: string): Promise<void> {
    return this.signalProcesses([], signal)
  }

  status(): Promise<Status> {
    return readStatus(this, this.#engine, () => (this.#ended ? 'ended' : this.#host))
  }

  async plan(): Promise<Plan> {
    return this.#plan
  }

  async logFiles(): Promise<readonly LogFile[]> {
    return this.#host?.logFiles() ?? []
  }

  report(): Report {
    const isWhole = this.#logsComplete && this.#startError === null && this.#outcome.fault === null
    return runReport(this.#engine.processes.values(), this.#plan.strict, isWhole)
  }

  process(name: string): ProcessHandle {
    return makeProcessHandle(this, this.#record(name).name)
  }

  async link(name: string, side: string): Promise<unknown> {
    const record = findLink(this.#engine.links.records, name, side)
    const refuseIfClosed = () =>
      refuseClosedSide(record, side, this.#ended || (this.#started && this.#engine.phase !== 'opening'))
    refuseIfClosed()
    return this.#appEnds.open(name, side, async () => {
      await this.#conditions.until(() => this.#linksOpen)
      if (this.#startError) throw this.#startError
      refuseIfClosed()
      return this.#host!
    })
  }

  /** Tells a warning that came from around the supervisor, such as from the logs. */
  warn(message: string): void {
    this.#tell('warning', message)
  }

  /** Ends everything at once, in whatever state it is: a defect of ours has shown itself. */
  fail(error: unknown): void {
    if (this.#outcome.fault === null) this.warn('A defect of ipcsup has shown itself. Everything is being ended.')
    this.#outcome.fail(this.name, error)
    this.#engine.fail(error)
    void this.#close()
  }

  /** After the current job of the brain: a listener that throws must not stop it half-way. */
  #tell<E extends keyof SupervisorEvents>(event: E, ...args: SupervisorEvents[E]): void {
    queueMicrotask(() => (this as EventEmitter).emit(event, ...args))
  }

  /** The graph is over: what is left of the host goes, then those who wait are told. */
  #close(): Promise<void> {
    this.#closed ??= this.#closeOnce()
    return this.#closed
  }

  async #closeOnce(): Promise<void> {
    const { areLogsComplete, warnings } = await closeHost(this.#plan, this.#opening)
    this.#logsComplete = areLogsComplete
    for (const message of warnings) this.warn(message)
    await this.#hooks.close(longestStopTimeoutMs(this.#plan))
    this.#letDie()
    this.#ended = true
    this.#linksOpen = true
    const report = this.report()
    this.#tell('finished', report)
    this.#outcome.end(report)
    this.#conditions.end()
  }

  /** The host; where there is none, the run is over before it began. */
  async #open(): Promise<NearHost> {
    try {
      this.#opening = this.#openHost()
      this.#host = await this.#opening
      return this.#host
    } catch (error) {
      this.#startError = error as Error
      await this.stop({ kill: true })
      throw error
    }
  }

  #record(name: string): ProcessRecord {
    return findProcess(this.#engine.processes, name)
  }

  #choose(names: readonly string[]): readonly string[] {
    return chooseNames(names, [...this.#engine.processes.keys()])
  }
}
