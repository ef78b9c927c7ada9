/** What the host says of instances: spawned, not spawned, ended, and all of it gone. */
import type { HostEvent } from '../host/host.js'
import type { Brain } from './brain.js'
import { endedAsAsked, isClean, meaningOf, type ProcessExit } from './endings.js'
import type { ProcessEvent } from './events.js'
import { formatDelay } from './format.js'
import type { Machine } from './machine.js'
import type { ProcessRecord } from './records.js'
import { nextRestart } from './restart.js'

export class Instances {
  readonly #brain: Brain
  readonly #machine: Machine

  constructor(brain: Brain, machine: Machine) {
    this.#brain = brain
    this.#machine = machine
  }

  spawned(record: ProcessRecord, generation: number, pid: number | null): void {
    const { instance } = record
    if (instance?.generation !== generation) return
    instance.pid ??= pid
    if (instance.spawned) return
    instance.spawned = true
    record.started = true
    record.startedAtMs ??= this.#brain.clock.wallClock()
    this.#machine.dispatch(record, 'spawned')
    for (const link of this.#brain.links.of(record.name)) this.#brain.linksToReview.add(link)
  }

  /** What an instance says of itself may overtake the answer to its spawn. */
  notified(record: ProcessRecord, event: Extract<HostEvent, { type: 'notified' }>): void {
    const { instance } = record
    if (instance?.generation !== event.generation) return
    if (!instance.spawned) this.spawned(record, event.generation, null)
    record.statusText = event.status ?? record.statusText
    if (!event.ready) return
    record.saidReady = true
    const before = record.state
    this.#machine.dispatch(record, 'ready')
    if (record.state !== before) this.#brain.routes.ready(record)
  }

  spawnFailed(record: ProcessRecord, event: Extract<HostEvent, { type: 'spawnFailed' }>): void {
    const { instance } = record
    if (instance?.generation !== event.generation || instance.spawned) return
    record.instance = null
    this.#noteEnd(record, { code: event.code, error: event.error.message }, false)
    record.note = event.error.message
    this.#cancelTimerUnlessStopping(record)
    if (record.state === 'stopping') return this.#machine.dispatch(record, 'cleared')
    const again = record.plan.restart.policy !== 'never' && this.#planRestart(record, 0)
    this.#machine.dispatch(record, again ? 'crashed' : 'broke')
  }

  exited(record: ProcessRecord, event: Extract<HostEvent, { type: 'exited' }>): void {
    const { instance } = record
    if (instance?.generation !== event.generation) return
    // The exit may overtake the answer to the spawn.
    if (!instance.spawned) this.spawned(record, event.generation, null)
    record.instance = null
    record.leftovers = event.leftovers
    this.#brain.routes.exited(record)
    addUsage(record, event.usage)
    this.#cancelTimerUnlessStopping(record)
    if (record.state === 'stopping') {
      this.#noteEnd(record, event.exit, instance.asked && endedAsAsked(event.exit, record.plan))
      if (event.leftovers.length === 0) return this.#machine.dispatch(record, 'cleared')
      // The last signal may have come before they were found.
      if (record.cancelTimer === null) this.#machine.kill(record)
      return
    }
    this.#machine.dispatch(record, this.#judge(record, event, this.#brain.clock.now() - instance.askedAtMs))
  }

  /** An end that nobody asked for: what it means, and with it what follows. */
  #judge(record: ProcessRecord, event: Extract<HostEvent, { type: 'exited' }>, upMs: number): ProcessEvent {
    const listens = this.#brain.links
      .of(record.name)
      .some(link => this.#brain.links.sides(link, record.name).some(side => link.plan.sides[side]!.listens))
    const meaning = meaningOf({ ...event, listens }, record.plan)
    const clean = isClean(event.exit, record.plan)
    if (meaning === 'unheard') {
      record.unheard = true
      this.#noteEnd(record, event.exit, !this.#brain.readersOf(record).some(reader => reader.state === 'failed'))
      return record.exitWell ? 'succeeded' : 'broke'
    }
    this.#noteEnd(record, event.exit, meaning === 'succeeded' || clean)
    if (meaning !== 'again') return meaning
    if (!this.#planRestart(record, upMs)) return record.exitWell ? 'succeeded' : 'broke'
    return event.leftovers.length > 0 ? 'crashedLeaving' : 'crashed'
  }

  /** Takes the next restart from the row; false when there is none, with the reason as the note. */
  #planRestart(record: ProcessRecord, upMs: number): boolean {
    if (record.turned) return false
    const nowMs = this.#brain.clock.now()
    const { restart } = record.plan
    const decision = nextRestart(record.row, restart, upMs, nowMs, this.#brain.clock.random())
    if (decision === 'give-up') {
      record.exitWell = false
      record.gaveUp = true
      record.note = `gave up: ${restart.limit} restarts within ${formatDelay(restart.withinMs)}`
      this.#brain.listener.gaveUp(record)
      return false
    }
    record.row = decision.row
    record.dueAtMs = nowMs + decision.delayMs
    return true
  }

  #noteEnd(record: ProcessRecord, exit: ProcessExit, well: boolean): void {
    record.exit = exit
    record.exitWell = well
    record.endedAtMs = this.#brain.clock.wallClock()
    this.#brain.listener.ended(record)
  }

  /** A drain timeout is void once the process has ended; a stop timeout goes on for what it left behind. */
  #cancelTimerUnlessStopping(record: ProcessRecord): void {
    if (record.state !== 'stopping') this.#machine.cancelTimer(record)
  }

  cleared(record: ProcessRecord, generation: number): void {
    if (record.generation !== generation || record.instance !== null) return
    const had = record.leftovers.length > 0
    record.leftovers = []
    if (record.state === 'stopping') return this.#machine.dispatch(record, 'cleared')
    if (!had) return
    // The timer was the one for these leftovers: nothing else is timed while there are any.
    this.#machine.cancelTimer(record)
    this.#brain.toReview.add(record)
  }
}

function addUsage(
  record: ProcessRecord,
  usage: { userMs: number | null; systemMs: number | null; maxRssBytes: number | null },
): void {
  record.userMs = sum(record.userMs, usage.userMs)
  record.systemMs = sum(record.systemMs, usage.systemMs)
  if (usage.maxRssBytes !== null) record.maxRssBytes = Math.max(record.maxRssBytes ?? 0, usage.maxRssBytes)
}

function sum(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : a + b
}
