/**
 * A model of the world for the brain: a virtual clock and a host that answers late, in any order between processes,
 * fails what it is told to fail, and reports an exit before the answer to its spawn. It checks, at every call, what a
 * real host could not survive; `checkWorld` checks the rest after every step.
 */
// Not `expect`, which takes longer than what it looks at: here millions of things are looked at.
import assert from 'node:assert/strict'
import type { Need, Plan, PlannedLink, PlannedProcess } from '../../../src/config/plan.js'
import { pipeTraits } from '../../../src/ipc/held-pipe.js'
import type { EndState, Route } from '../../../src/ipc/kind.js'
import { Engine } from '../../../src/supervisor/brain/engine.js'
import type { ProcessState } from '../../../src/supervisor/controls.js'
import type { Exit, HostEvent, HostRequest } from '../../../src/supervisor/host/host.js'
import { checkRecord, checkRest, type Wish } from './rules.js'

export type Policy = 'always' | 'on-failure' | 'never'

export interface Shape {
  readonly policies: readonly Policy[]
  /** Which of them say when they are ready; the rest: none. */
  readonly tell?: readonly boolean[]
  /** Restarts until they give up. */
  readonly limit?: number
  readonly links: readonly {
    readonly lifetime: 'auto' | 'hold' | 'reset'
    readonly writers: readonly number[]
    readonly readers: readonly number[]
    readonly tracksUses?: boolean
    /** Both sides read and write. */
    readonly duplex?: boolean
  }[]
  /** A need for readiness of one that says nothing is one for its start. */
  readonly needs: readonly { readonly of: number; readonly on: number; readonly need: Need }[]
  /** What of some becomes a signal to others. */
  readonly routes?: readonly {
    readonly on: Route['on']
    readonly signal: string
    readonly from: readonly number[]
    readonly to: readonly number[]
  }[]
}

/** Of routes in random graphs: nothing else sends it. */
export const routeSignal = 'SIGUSR1'

export const processName = (index: number) => `p${index}`

export function planOf(shape: Shape): Plan {
  const count = shape.policies.length
  const links: Record<string, PlannedLink> = {}
  shape.links.forEach((link, index) => {
    const pick = (side: string, whom: readonly number[]) =>
      [...new Set(whom.map(who => who % count))].map(who => ({ process: processName(who), side }))
    links[`l${index}`] = {
      name: `l${index}`,
      kind: 'pipe',
      form: 'stream',
      route: null,
      options: {},
      sides: {
        read: { reads: true, writes: link.duplex ?? false, listens: false, descriptor: true },
        write: { reads: link.duplex ?? false, writes: true, listens: false, descriptor: true },
      },
      traits: pipeTraits(false),
      lifetime: link.lifetime,
      uses: [...pick('write', link.writers), ...pick('read', link.readers)],
      tracksUses: link.tracksUses ?? false,
    }
  })
  shape.routes?.forEach(({ on, signal, from, to }, index) => {
    const name = `r${index}`
    const side = { reads: false, writes: false, listens: false }
    const pick = (at: string, whom: readonly number[]) =>
      [...new Set(whom.map(who => who % count))].map(who => ({ process: processName(who), side: at }))
    links[name] = {
      name,
      kind: 'signal',
      form: 'route',
      route: { from: 'from', to: 'to', on, signal },
      options: {},
      sides: { from: { ...side, descriptor: on === 'call' }, to: { ...side, descriptor: false } },
      traits: { ...pipeTraits(false), survivesRestart: false, showsEnd: false },
      lifetime: 'auto',
      uses: [...pick('from', from), ...pick('to', to)],
      tracksUses: false,
    }
  })
  const processes: Record<string, PlannedProcess> = {}
  shape.policies.forEach((policy, index) => {
    const needs: Record<string, Need> = {}
    // A need only on an earlier process: no cycles.
    for (const need of shape.needs)
      if (need.of % count === index && index > 0) {
        const isSilent = need.need === 'ready' && !shape.tell?.[need.on % index]
        needs[processName(need.on % index)] = isSilent ? 'started' : need.need
      }
    const name = processName(index)
    const ready = shape.tell?.[index] ? 'notify' : null
    const planned = plannedProcess(name, policy, needs)
    const restart = { ...planned.restart, limit: shape.limit ?? planned.restart.limit }
    processes[name] = { ...planned, ready, restart }
  })
  return {
    name: 'model',
    directory: '/',
    configPath: null,
    links,
    processes,
    drainTimeoutMs: 10_000,
    logs: { directory: null, maxBytes: 1, files: 1 },
    strict: false,
  }
}

export function plannedProcess(name: string, policy: Policy, needs: Record<string, Need> = {}): PlannedProcess {
  return {
    name,
    argv: [['true']],
    cwd: '/',
    env: {},
    envFile: null,
    umask: null,
    redirections: [],
    handles: [],
    needs,
    ready: null,
    restart: {
      policy,
      initialMs: 100,
      factor: 2,
      maxMs: 30_000,
      jitter: true,
      stableAfterMs: 10_000,
      limit: 8,
      withinMs: 60_000,
    },
    cleanExits: [0],
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 5000,
    hooks: { onStart: null, onExit: null, onGiveUp: null },
  }
}

/** Time stands still until somebody moves it. */
export class VirtualClock {
  #now = 0
  #timers: { at: number; act: () => void }[] = []
  #random: () => number
  constructor(random: () => number = () => 0.5) {
    this.#random = random
  }
  now() {
    return this.#now
  }
  wallClock() {
    return this.#now
  }
  random() {
    return this.#random()
  }
  after(delayMs: number, act: () => void) {
    const timer = { at: this.#now + delayMs, act }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer)
    }
  }
  get pending() {
    return this.#timers.length
  }
  /** Moves to the next timer and lets it act; false when there is none. */
  step(): boolean {
    const next = this.#timers.reduce<{ at: number; act: () => void } | null>(
      (a, b) => (a && a.at <= b.at ? a : b),
      null,
    )
    if (!next) return false
    this.#timers = this.#timers.filter(other => other !== next)
    this.#now = Math.max(this.#now, next.at)
    next.act()
    return true
  }
  advance(ms: number): void {
    const until = this.#now + ms
    while (this.#timers.some(timer => timer.at <= until)) this.step()
    this.#now = until
  }
}

interface Live {
  readonly generation: number
  alive: boolean
  leftovers: boolean
  /** The host has found what it left, and told; until then a signal reaches nobody. */
  told: boolean
  /** What it left was asked to end. */
  asked: boolean
  /** Generations of the links it has ends of. */
  readonly ends: ReadonlyMap<string, number>
}

interface HeldLink {
  generation: number
  exists: boolean
  held: Set<string>
  /** Uses that are over, such as `p0 write`: those of which it was told. */
  left: Set<string>
  /** Those of them whose process was asked to run again since. */
  rejoined: Set<string>
}

export class World {
  readonly plan: Plan
  readonly clock: VirtualClock
  readonly engine: Engine
  readonly log: string[] = []
  readonly warnings: string[] = []
  /** Every call, oldest first. */
  readonly calls: HostRequest[] = []
  over = false
  startFailed = false
  /** Processes that do nothing at the signal of a route. */
  readonly deaf = new Set<string>()
  /** Processes that ignore everything but SIGKILL. */
  readonly stubborn = new Set<string>()
  failSpawns = false
  failOpens = false
  leaveLeftovers = false

  readonly #links = new Map<string, HeldLink>()
  readonly #live = new Map<string, Live>()
  /** Answers and events on their way, one queue for each process and link: the order within one is kept. */
  readonly #queues = new Map<string, HostEvent[]>()
  /** Spawn calls on their way. */
  readonly #exitsReported = new Map<string, number>()
  readonly #endsSeen = new Map<string, number>()
  /** Incarnation of each process of which the brain was last told that it is ready, while it lived. */
  readonly #toldReady = new Map<string, number>()
  /** What was asked of each process last, by hand. */
  readonly #wishes = new Map<string, Wish>()
  /** Generations of `reset` links of which each culprit must get a later one. */
  readonly #toBeReset = new Map<string, ReadonlyMap<string, number>>()
  #mayWaitForLinks = false
  #stopped: 'drain' | 'now' | 'kill' | null = null
  #receive: (event: HostEvent) => void = () => {}

  constructor(plan: Plan, random?: () => number) {
    this.plan = plan
    this.clock = new VirtualClock(random)
    for (const name of Object.keys(plan.links))
      this.#links.set(name, { generation: 0, exists: false, held: new Set(), left: new Set(), rejoined: new Set() })
    const count = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1)
    this.engine = new Engine(
      plan,
      {
        send: request => this.#send(JSON.parse(JSON.stringify(request)) as HostRequest),
        onEvent: receive => {
          this.#receive = receive
        },
      },
      this.clock,
      {
        stateChanged: (record, from, to) => {
          this.log.push(`${record.name}: ${from} → ${to}`)
          if (from === 'completed' || from === 'failed') this.#rejoin(record.name)
          // Somebody who needs it was started.
          if (from === 'idle' && this.#wishes.get(record.name)?.to === 'stay down') this.#wishes.delete(record.name)
          if (from === 'waiting' && to === 'starting' && !record.needsMet) this.#expectNeeds(record.name)
          if (to === 'delayed' && from !== 'completed' && record.aim !== 'reset' && !record.exitWell)
            this.#noteReset(record.name)
          if (to === 'failed') this.#toBeReset.delete(record.name)
        },
        linkChanged: () => {},
        warning: message => {
          this.warnings.push(message)
          this.log.push(`warning: ${message}`)
        },
        ended: record => count(this.#endsSeen, `${record.name}#${record.generation}`),
        gaveUp: () => {},
        startFailed: () => {
          this.startFailed = true
          this.over = true
        },
        broke: error => {
          throw error
        },
        linksOpen: () => {},
        over: () => {
          assert(!this.over, 'the end is told twice')
          this.over = true
        },
      },
    )
  }

  // ── The host's side ───────────────────────────────────────────────────────────────────────────────────────────────

  #queue(key: string, event: HostEvent, first = false): void {
    const queue = this.#queues.get(key) ?? []
    if (first) queue.unshift(event)
    else queue.push(event)
    this.#queues.set(key, queue)
  }

  #send(request: HostRequest): void {
    this.log.push(`  call ${JSON.stringify(request)}`)
    this.calls.push(request)
    const { id } = request
    switch (request.type) {
      case 'open': {
        const link = this.#links.get(request.link)!
        assert(!link.exists, `${request.link} is opened while it exists`)
        assert.equal(request.generation, link.generation + 1)
        link.generation = request.generation
        const { link: name, generation } = request
        if (this.failOpens)
          return this.#queue(name, {
            type: 'openFailed',
            id,
            link: name,
            generation,
            error: { code: 'IPCSUP_ERR_LINK_CREATE', message: 'no' },
          })
        link.exists = true
        link.held = new Set(Object.keys(this.plan.links[name]!.sides))
        link.left.clear()
        link.rejoined.clear()
        return this.#queue(name, {
          type: 'opened',
          id,
          link: name,
          generation,
          facts: { queuedBytes: 0, capacityBytes: 1 },
        })
      }
      case 'release': {
        const link = this.#links.get(request.link)!
        assert(link.exists && link.generation === request.generation)
        assert(link.held.has(request.side), `${request.link}.${request.side} is closed twice`)
        this.#checkNotEarly(this.plan.links[request.link]!, request.side)
        link.held.delete(request.side)
        const { link: name, generation, side } = request
        return this.#queue(name, { type: 'released', id, link: name, generation, side, unreadBytes: null })
      }
      case 'leave': {
        const link = this.#links.get(request.link)!
        const { link: name, generation, side, process, incarnation } = request
        const use = `${process} ${side}`
        assert(this.plan.links[name]!.tracksUses)
        assert(link.exists && link.generation === generation)
        assert(!link.left.has(use) || link.rejoined.has(use), `${use} leaves ${name} twice`)
        assert(this.#isOver(process), `${use} leaves ${name} and may come back`)
        assert.equal(incarnation, this.#live.get(process)?.generation ?? 0, 'it is not the last incarnation')
        link.left.add(use)
        link.rejoined.delete(use)
        return this.#queue(name, { type: 'left', id, link: name, generation, side, process })
      }
      case 'destroy': {
        const link = this.#links.get(request.link)!
        assert(link.exists && link.generation === request.generation)
        link.exists = false
        link.held.clear()
        for (const [name, live] of this.#live)
          assert(
            !live.alive || live.ends.get(request.link) !== request.generation,
            `${request.link} is taken from ${name}`,
          )
        return this.#queue(request.link, {
          type: 'destroyed',
          id,
          link: request.link,
          generation: request.generation,
          unreadBytes: 7,
        })
      }
      case 'spawn':
        return this.#spawn(request)
      case 'closeLogs':
        return
      default:
        return this.#signal(request)
    }
  }

  #spawn(request: Extract<HostRequest, { type: 'spawn' }>): void {
    const { process: name, generation, id } = request
    const before = this.#live.get(name)
    assert(!before?.alive, `two live instances of ${name}`)
    assert(!before?.leftovers, `${name} starts beside its leftovers`)
    assert.equal(generation, (before?.generation ?? 0) + 1)
    this.#expectMayStart(name)
    for (const [link, former] of this.#toBeReset.get(name) ?? [])
      assert(this.#links.get(link)!.generation > former, `${link} is not new after the crash of ${name}`)
    this.#toBeReset.delete(name)
    const ends = new Map<string, number>()
    for (const link of Object.values(this.plan.links))
      for (const use of link.uses) {
        if (use.process !== name) continue
        const held = this.#links.get(link.name)!
        assert(held.exists && held.held.has(use.side), `${name} gets a closed end of ${link.name}`)
        ends.set(link.name, held.generation)
        held.left.delete(`${name} ${use.side}`)
      }
    const alive = !this.failSpawns
    this.#live.set(name, { generation, alive, leftovers: false, told: false, asked: false, ends })
    if (alive) this.#queue(name, { type: 'spawned', id, process: name, generation, pid: 1000 + id, startTime: id })
    else
      this.#queue(name, {
        type: 'spawnFailed',
        id,
        process: name,
        generation,
        error: { code: 'IPCSUP_ERR_SYSTEM', message: 'cannot' },
        code: 127,
      })
    if (!alive) this.#exitsReported.set(`${name}#${generation}`, 1)
  }

  /** After a stop nothing is started, but for a stage whose writers have not finished yet. */
  #expectMayStart(name: string): void {
    if (this.#stopped === null) return
    assert.equal(this.#stopped, 'drain', `${name} starts after a stop without drain`)
    const reach = (from: string): Set<string> => {
      const seen = new Set<string>()
      const visit = [from]
      for (let next = visit.pop(); next !== undefined; next = visit.pop())
        for (const follower of this.#followers(next))
          if (!seen.has(follower)) {
            seen.add(follower)
            visit.push(follower)
          }
      return seen
    }
    const mine = reach(name)
    const waitsFor = Object.keys(this.plan.processes).filter(
      other => other !== name && reach(other).has(name) && !mine.has(other) && !this.#isOver(other),
    )
    // Its own component may also still wait through a member of it.
    const component = [
      name,
      ...Object.keys(this.plan.processes).filter(other => mine.has(other) && reach(other).has(name)),
    ]
    const before = Object.keys(this.plan.processes).filter(
      other => !component.includes(other) && component.some(member => reach(other).has(member)) && !this.#isOver(other),
    )
    assert(waitsFor.length + before.length > 0, `${name} starts after its turn`)
  }

  #rejoin(name: string): void {
    for (const link of Object.values(this.plan.links))
      for (const { process, side } of link.uses)
        if (process === name) this.#links.get(link.name)!.rejoined.add(`${name} ${side}`)
  }

  #followers(name: string): string[] {
    const found: string[] = Object.keys(this.plan.processes[name]!.needs)
    for (const { uses, sides } of Object.values(this.plan.links))
      for (const { process, side } of uses)
        if (process === name && sides[side]!.writes)
          found.push(
            ...uses
              .filter(use => use.side !== side && sides[use.side]!.reads && use.process !== name)
              .map(use => use.process),
          )
    return found
  }

  #signal(request: Extract<HostRequest, { type: 'signal' }>): void {
    const { process: name, generation, signal, id } = request
    this.#queue(name, { type: 'signalled', id, process: name, generation })
    const live = this.#live.get(name)
    if (signal === routeSignal) assert(['running', 'ready'].includes(this.state(name)), `${name} is signalled`)
    if (live?.generation !== generation) return
    if (live.leftovers && signal !== routeSignal) live.asked = true
    if (signal !== 'SIGKILL' && this.stubborn.has(name)) return
    if (signal === routeSignal && this.deaf.has(name)) return
    const isFound = live.alive || live.told
    if (live.alive) this.die(name, { signal })
    if (live.leftovers && isFound) this.#clear(name, live)
  }

  #clear(name: string, live: Live): void {
    live.leftovers = false
    this.#queue(name, { type: 'cleared', process: name, generation: live.generation })
  }

  #noteReset(name: string): void {
    const links = Object.values(this.plan.links).filter(
      link => link.lifetime === 'reset' && link.uses.some(use => use.process === name),
    )
    // Somebody else may have had one made anew since it crashed.
    const { ends } = this.#live.get(name)!
    this.#toBeReset.set(name, new Map(links.map(link => [link.name, ends.get(link.name)!])))
  }

  #expectNeeds(name: string): void {
    for (const [need, condition] of Object.entries(this.plan.processes[name]!.needs)) {
      const { state, generation } = this.engine.processes.get(need)!
      if (condition === 'started') assert(generation > 0, `${name} starts before ${need}`)
      if (condition === 'completed') {
        assert.equal(state, 'completed', `${name} starts before the end of ${need}`)
        assert(this.#wishes.get(need)?.to !== 'be over', `${need} was ended by hand`)
      }
      if (condition !== 'ready') continue
      assert(['ready', 'completed'].includes(state), `${name} starts while ${need} is ${state}`)
      assert.equal(this.#toldReady.get(need), generation, `${need} was never ready`)
    }
  }

  // ── What happens in the world ─────────────────────────────────────────────────────────────────────────────────────

  /** The instance of a process ends; its exit may overtake the answer to its spawn. */
  die(name: string, exit: Exit, overtakes = false): void {
    const live = this.#live.get(name)
    if (!live?.alive) return
    live.alive = false
    live.leftovers = this.leaveLeftovers
    const states = (direction: 'reads' | 'writes'): Record<string, EndState> =>
      Object.fromEntries(
        Object.values(this.plan.links).flatMap(link =>
          link.uses
            .filter(({ process, side }) => process === name && link.sides[side]![direction])
            .map(({ side }) => [link.name, this.#endState(link, side, side === 'read' ? 'write' : 'read', live)]),
        ),
      )
    const event: HostEvent = {
      type: 'exited',
      process: name,
      generation: live.generation,
      exit,
      usage: { userMs: 1, systemMs: 1, maxRssBytes: null },
      leftovers: live.leftovers ? [4711] : [],
      inputs: states('reads'),
      outputs: states('writes'),
    }
    this.#exitsReported.set(`${name}#${live.generation}`, 1)
    this.#queue(name, event, overtakes)
  }

  /** What an instance left behind ends by itself. */
  endLeftovers(name: string): void {
    const live = this.#live.get(name)
    if (live?.leftovers) this.#clear(name, live)
  }

  /** The app opens a stream at a side, or closes one. */
  use(link: string, side: string, change: 1 | -1): void {
    const held = this.#links.get(link)
    const record = this.engine.links.records.get(link)
    const uses = record?.appUses.get(side) ?? 0
    if (!held || !record || this.engine.phase !== 'running') return
    if (change === 1 ? record.phase === 'open' && held.held.has(side) : uses > 0)
      this.engine.useByApp(link, side, change)
  }

  /** The instance of a process says something of itself; that may overtake the answer to its spawn. */
  tell(name: string, ready: boolean, status: string | null, overtakes = false): void {
    const live = this.#live.get(name)
    if (!live?.alive || this.plan.processes[name]!.ready === null) return
    this.#queue(name, { type: 'notified', process: name, generation: live.generation, ready, status }, overtakes)
  }

  /** Somebody writes to the calling side of a route. */
  call(name: string): void {
    const link = this.#links.get(name)
    if (link?.exists) this.#queue(name, { type: 'called', link: name, generation: link.generation })
  }

  #endState(link: PlannedLink, side: string, other: string, live: Live): EndState {
    const held = this.#links.get(link.name)!
    if (!held.exists || held.generation !== live.ends.get(link.name) || !held.held.has(side)) return 'unknown'
    if (held.held.has(other)) return 'open'
    const partners = link.uses.filter(use => use.side === other).map(use => this.#live.get(use.process))
    const alive = partners.some(partner => partner?.alive && partner.ends.get(link.name) === held.generation)
    return alive ? 'open' : 'ended'
  }

  state(name: string): ProcessState {
    return this.engine.processes.get(name)!.state
  }

  /** What was closed so far, such as `l0.write over`. */
  get closed(): string[] {
    return this.calls.flatMap(call => (call.type === 'release' ? [`${call.link}.${call.side} ${call.reason}`] : []))
  }

  /** What was sent to whom, such as `p0 SIGTERM`. */
  get signals(): string[] {
    return this.calls.flatMap(call => (call.type === 'signal' ? [`${call.process} ${call.signal}`] : []))
  }

  /** Started instances, such as `p0#2`. */
  get spawns(): string[] {
    return this.calls.flatMap(call => (call.type === 'spawn' ? [`${call.process}#${call.generation}`] : []))
  }

  isAlive(name: string): boolean {
    return this.#live.get(name)?.alive ?? false
  }

  /** Commands by hand, and what they promise. */
  start(names: readonly string[]): void {
    this.#noteEarly()
    this.engine.startProcesses(names)
    for (const name of names) this.#wishes.set(name, { to: 'run' })
  }

  restart(names: readonly string[]): void {
    const before = names.map(name => this.engine.processes.get(name)!.generation)
    const isWaiting = names.map(name => this.state(name) === 'waiting')
    this.#noteEarly()
    this.engine.restartProcesses(names)
    names.forEach((name, index) => {
      this.#wishes.set(name, isWaiting[index] ? { to: 'run' } : { to: 'run again', after: before[index]! })
    })
  }

  /** What is asked while links are being made waits for them, and cannot be refused any more. */
  #noteEarly(): void {
    this.#mayWaitForLinks ||= this.engine.phase === 'opening'
  }

  stopProcesses(names: readonly string[], end: boolean): void {
    // Nothing is asked of who is finished already, nor, by a stop that is not for good, of who was never started.
    const isIdle = (name: string) => !end && this.engine.phase === 'running' && this.state(name) === 'idle'
    const meant = names.filter(name => !['completed', 'failed'].includes(this.state(name)) && !isIdle(name))
    this.engine.stopProcesses(names, end)
    for (const name of meant) this.#wishes.set(name, { to: end ? 'be over' : 'stay down' })
  }

  stop(how: 'drain' | 'now' | 'kill'): void {
    const order = { drain: 0, now: 1, kill: 2 }
    if (this.#stopped === null || order[how] > order[this.#stopped]) this.#stopped = how
    this.engine.stop(how)
  }

  /** Delivers the oldest event of one queue, chosen by `which`; false when there is none. */
  deliver(which: number): boolean {
    const keys = [...this.#queues.keys()].filter(key => this.#queues.get(key)!.length > 0)
    const key = keys[which % Math.max(1, keys.length)]
    if (key === undefined) return false
    const event = this.#queues.get(key)!.shift()!
    this.log.push(`  event ${JSON.stringify(event)}`)
    if (event.type === 'notified' && event.ready && this.#isAsked(event))
      this.#toldReady.set(event.process, event.generation)
    if (event.type === 'exited' && this.#live.get(event.process)?.generation === event.generation)
      this.#live.get(event.process)!.told = true
    this.#receive(JSON.parse(JSON.stringify(event)) as HostEvent)
    return true
  }

  /** Lets everything that is on its way arrive. */
  deliverAll(): void {
    while (this.deliver(0));
  }

  /** Nobody does anything more by himself: everything that is asked is done, and all that was begun comes to its end. */
  rest(): void {
    for (let step = 0; !this.over && (this.deliver(step) || this.clock.step()); step += 1) {
      assert(step < 3000, 'the graph never comes to rest')
      this.checkWorld()
    }
    if (this.over) return
    checkRest(this.engine, this.#wishes, this.#mayWaitForLinks)
    for (const [name, live] of this.#live)
      assert(!live.leftovers || !live.asked, `what ${name} left was asked to end and is there for ever`)
  }

  /** Lets the world go on, everything that is asked being done, until the graph is over. */
  finish(): void {
    this.failOpens = false
    this.stop('drain')
    for (let step = 0; !this.over; step += 1) {
      assert(step < 3000, 'the graph does not end')
      if (!this.deliver(step) && !this.clock.step()) assert(this.over, 'the graph is stuck')
      this.checkWorld()
    }
    this.deliverAll()
  }

  /** The brain knows this incarnation, and of no end of it. */
  #isAsked({ process, generation }: { process: string; generation: number }): boolean {
    return this.engine.processes.get(process)!.instance?.generation === generation
  }

  // ── What must hold after every step ───────────────────────────────────────────────────────────────────────────────

  #isOver(name: string): boolean {
    const { state } = this.engine.processes.get(name)!
    return state === 'completed' || state === 'failed' || (state === 'idle' && this.#stopped !== null)
  }

  #isSealed(name: string, link: string): boolean {
    const record = this.engine.processes.get(name)!
    const live = this.#live.get(name)
    if (record.plan.restart.policy !== 'never' || live?.ends.get(link) !== this.#links.get(link)!.generation)
      return false
    return record.state === 'running' || record.state === 'ready'
  }

  checkWorld(): void {
    const { phase } = this.engine
    if (phase === 'running' || phase === 'draining')
      for (const link of Object.values(this.plan.links)) this.#checkSides(link)
    const records = [...this.engine.processes.values()]
    const timed = records.filter(record => record.cancelTimer !== null).length
    assert(this.clock.pending === timed, `${this.clock.pending} timers of ${timed} processes`)
    const isBusy = records.some(({ wanted, state }) => wanted && state !== 'completed' && state !== 'failed')
    if (phase === 'running' || phase === 'draining') assert(isBusy, 'the graph goes on without anybody')
    if (phase === 'closing' || phase === 'over') assert(!isBusy, 'the graph closes under somebody')
    for (const record of records) {
      const { name, state, generation } = record
      checkRecord(this.engine, record)
      const isReady = this.#toldReady.get(name) === generation
      assert(state !== 'ready' || isReady, `${name} is ready and never said so`)
      assert(state !== 'running' || !isReady, `${name} is running and has said that it is ready`)
    }
    for (const [key, times] of this.#endsSeen) {
      assert(times === 1, `an end of ${key} is accounted more than once`)
      assert(this.#exitsReported.has(key), `an end of ${key} is made up`)
    }
    if (this.over) this.#checkEnd()
  }

  #checkSides(link: PlannedLink): void {
    const held = this.#links.get(link.name)!
    const record = this.engine.links.records.get(link.name)!
    if (record.phase !== 'open') return
    for (const { process, side } of link.tracksUses ? link.uses : [])
      if (this.#isOver(process)) assert(held.left.has(`${process} ${side}`), `${process} must have left ${link.name}`)
    for (const side of Object.keys(link.sides)) {
      if (link.route !== null) {
        assert(held.held.has(side), `${link.name}.${side} must be held`)
        continue
      }
      const users = link.uses.filter(use => use.side === side).map(use => use.process)
      const turned = link.uses.some(use => this.engine.processes.get(use.process)!.turned)
      const isOfApp = (record.appUses.get(side) ?? 0) > 0
      const bound = isOfApp || (link.lifetime === 'hold' && !turned)
      const done = users.every(name => this.#isOver(name) || this.#isSealed(name, link.name))
      assert(bound || !done || !held.held.has(side), `${link.name}.${side} must be closed`)
      assert(!bound || held.held.has(side), `${link.name}.${side} must be held`)
    }
  }

  /** At the very moment a side is closed, none of its users may come back. */
  #checkNotEarly(link: PlannedLink, side: string): void {
    const users = link.uses.filter(use => use.side === side).map(use => use.process)
    const done = users.every(name => this.#isOver(name) || this.#isSealed(name, link.name))
    assert.equal(this.engine.links.records.get(link.name)!.appUses.get(side) ?? 0, 0, 'uses of the app')
    assert(done, `${link.name}.${side} is closed while one of ${users.join(', ')} may come back`)
  }

  #checkEnd(): void {
    for (const [name, live] of this.#live) assert(!live.alive, `${name} is alive after the end`)
    for (const [name, link] of this.#links) assert(!link.exists, `${name} exists after the end`)
    assert.equal(this.clock.pending, 0, 'timers after the end')
    if (this.startFailed) return
    for (const key of this.#exitsReported.keys())
      assert.equal(this.#endsSeen.get(key), 1, `the end of ${key} is not accounted`)
  }
}
