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
import type { LogFile, ProcessState, Report, Status } from './controls.js'
import { Hooks } from './hooks.js'
import type { Host, HostEvent } from './host/host.js'
import { findLink, findProcess, refuseClosedSide, refuseUnknownSignal, refuseUnusedSides } from './lookup.js'
import { createOutsideEnds, type OutsideEnds } from './outside-ends.js'
import { makeProcessHandle } from './process-handle.js'
import { linkStatus, processStatus, runReport, statusPhase } from './report.js'
import { isDown, isUnderWay, isUpAgain } from './standing.js'
import type { ProcessHandle, Supervisor, SupervisorEvents } from './supervisor.js'

export class LiveSupervisor extends EventEmitter<SupervisorEvents> implements Supervisor {
  readonly name: string
  readonly finished: Promise<Report>
  readonly outsideEnds: OutsideEnds
  readonly #plan: Plan
  readonly #openHost: () => Promise<NearHost>
  readonly #engine: Engine
  readonly #hooks: Hooks
  readonly #conditions = new Conditions()
  readonly #appEnds: AppEnds
  /** Null before the start. */
  #opening: Promise<NearHost> | null = null
  /** Null until it is open. */
  #host: NearHost | null = null
  #receive: (event: HostEvent) => void = () => {}
  #resolveFinished!: (report: Report) => void
  #startError: Error | null = null
  #letDie = () => {}
  #linksOpen = false
  #logsComplete = true
  #started = false
  #ended = false

  /** @param openHost - called once, at the start */
  constructor(plan: Plan, openHost: () => Promise<NearHost>, clock: Clock = realClock) {
    super()
    this.name = plan.name
    this.#plan = plan
    this.#openHost = openHost
    this.#hooks = new Hooks(plan, message => this.#tell('warning', message))
    this.finished = new Promise(resolve => {
      this.#resolveFinished = resolve
    })
    const relay: Pick<Host, 'send' | 'onEvent'> = {
      send: request => this.#host!.send(request),
      onEvent: receive => {
        this.#receive = receive
      },
    }
    this.#appEnds = new AppEnds((link, side, change) => this.#engine.useByApp(link, side, change))
    this.#engine = new Engine(plan, relay, clock, {
      stateChanged: (record, from, to) => this.#stateChanged(record, from, to),
      linkChanged: (link, side, change, unreadBytes) =>
        this.#tell('link', { link: link.plan.name, generation: link.generation, side, change, unreadBytes }),
      warning: message => this.#tell('warning', message),
      ended: record => this.#hooks.run('onExit', record),
      gaveUp: record => this.#hooks.run('onGiveUp', record),
      startFailed: error => {
        this.#startError = IpcsupError.from(error)
        void this.#close()
      },
      linksOpen: () => {
        this.#linksOpen = true
        this.#conditions.look()
      },
      over: () => void this.#close(),
    })
    this.outsideEnds = createOutsideEnds(this.#engine.links.records, () => (this.#ended ? null : this.#host))
  }

  async start(names: readonly string[] = []): Promise<void> {
    this.#orAll(names)
    refuseUnusedSides(this.#engine.links.records.values())
    this.#refuseSecondStart()
    this.#started = true
    const host = await this.#open()
    // A stop came meanwhile.
    if (this.#engine.phase !== 'new') return void (await this.finished)
    this.#letDie = keepAlive()
    host.onEvent(this.#receive)
    this.#engine.start(names)
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
    this.#engine.startProcesses(this.#orAll(names))
  }

  async stopProcesses(names: readonly string[], { end }: { readonly end: boolean }): Promise<void> {
    const all = this.#orAll(names)
    this.#engine.stopProcesses(all, end)
    await this.#conditions.until(() => all.every(name => isDown(this.#record(name))))
  }

  async restartProcesses(names: readonly string[]): Promise<void> {
    const all = this.#orAll(names)
    const before = new Map(all.map(name => [name, this.#record(name).generation]))
    this.#engine.restartProcesses(all)
    await this.#conditions.until(() => all.every(name => isUpAgain(this.#record(name), before.get(name)!)))
  }

  async signalProcesses(names: readonly string[], signal: string): Promise<void> {
    const all = this.#orAll(names)
    refuseUnknownSignal(signal)
    await new Promise<void>(resolve => this.#engine.signalProcesses(all, signal, resolve))
  }

  async callLink(name: string): Promise<readonly string[]> {
    const link = findCallable(this.#engine.links.records, name)
    return new Promise(resolve => this.#engine.callLink(link, resolve))
  }

  signalAll(signal: string): Promise<void> {
    return this.signalProcesses([], signal)
  }

  async status(): Promise<Status> {
    const host = this.#ended ? null : this.#host
    const blocked = host?.blockedLogs() ?? []
    const [facts = {}, uses = {}] = await Promise.all([host?.inspectLinks(), host?.inspectProcesses()])
    return {
      name: this.#plan.name,
      pid: process.pid,
      phase: statusPhase[this.#engine.phase],
      ok: this.report().ok,
      processes: [...this.#engine.processes.values()].map(record => processStatus(record, uses[record.name], blocked)),
      links: [...this.#engine.links.records.values()].map(record => linkStatus(record, facts[record.plan.name])),
    }
  }

  async plan(): Promise<Plan> {
    return this.#plan
  }

  async logFiles(): Promise<readonly LogFile[]> {
    return this.#host?.logFiles() ?? []
  }

  report(): Report {
    const isWhole = this.#logsComplete && this.#startError === null
    return runReport(this.#engine.processes.values(), this.#plan.strict, isWhole)
  }

  process(name: string): ProcessHandle {
    this.#record(name)
    return makeProcessHandle(this, name)
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

  #stateChanged(record: ProcessRecord, from: ProcessState, to: ProcessState): void {
    if (to === 'running') this.#hooks.run('onStart', record)
    const { name, generation, exit, note, instance } = record
    this.#tell('state', { process: name, generation, from, to, pid: instance?.pid ?? null, exit, note })
    this.#conditions.look()
  }

  /** After the current job of the brain: a listener that throws must not stop it half-way. */
  #tell<E extends keyof SupervisorEvents>(event: E, ...args: SupervisorEvents[E]): void {
    queueMicrotask(() => (this as EventEmitter).emit(event, ...args))
  }

  /** The graph is over: what is left of the host goes, then those who wait are told. */
  async #close(): Promise<void> {
    const { areLogsComplete, warnings } = await closeHost(this.#plan, this.#opening)
    this.#logsComplete = areLogsComplete
    for (const message of warnings) this.warn(message)
    await this.#hooks.close(longestStopTimeoutMs(this.#plan))
    this.#letDie()
    this.#ended = true
    this.#linksOpen = true
    const report = this.report()
    this.#tell('finished', report)
    this.#resolveFinished(report)
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

  #refuseSecondStart(): void {
    if (!this.#started && this.#engine.phase === 'new') return
    const done = this.#started ? 'started' : 'stopped'
    throw new IpcsupError('IPCSUP_ERR_STARTED_TWICE', { name: this.name, done })
  }

  #record(name: string): ProcessRecord {
    return findProcess(this.#engine.processes, name)
  }

  /** The named processes, which must exist; none named: all. */
  #orAll(names: readonly string[]): readonly string[] {
    for (const name of names) this.#record(name)
    return names.length === 0 ? [...this.#engine.processes.keys()] : names
  }
}
