import type { PlannedLink, PlannedProcess, PlannedUse } from '../../config/plan.js'
import type { ErrorData } from '../../errors.js'
import type { ProcessState } from '../controls.js'
import type { Generation } from '../host/host.js'
import type { ProcessExit } from './endings.js'
import type { Aim } from './events.js'
import { emptyRow, type RestartRow } from './restart.js'

/** One incarnation, from the call that spawns it until it is reaped. */
export interface Instance {
  readonly generation: Generation
  readonly askedAtMs: number
  /** The host has answered, or its exit has shown that it was spawned. */
  spawned: boolean
  pid: number | null
  /** It was asked to stop, so the signal that asked is no failure. */
  asked: boolean
}

/** What the brain knows of one process. */
export interface ProcessRecord {
  readonly name: string
  readonly plan: PlannedProcess
  state: ProcessState
  /** Where stopping leads; null in every other state. */
  aim: Aim | null
  /** Asked to run at some time in this run of the graph. */
  wanted: boolean
  /** Its needs were met once in this life, so a restart does not wait for them again. */
  needsMet: boolean
  /** It was spawned in this life: what `needs: started` waits for. */
  started: boolean
  /** Its last instance said that it is ready, and in one line what it does. */
  saidReady: boolean
  statusText: string | null
  /** Its turn in the stop of the graph has come: nothing is started any more. */
  turned: boolean
  /** Was stopped by hand for good, so nobody may take it for completed work. */
  endedByHand: boolean
  generation: Generation
  instance: Instance | null
  /** Generations of its links at the last spawn. */
  linkGenerations: ReadonlyMap<string, Generation>
  row: RestartRow
  /** Monotonic time at which the delay is over. */
  dueAtMs: number
  /** The last end, and whether it went as it was asked to. */
  exit: ProcessExit | null
  exitWell: boolean
  /** The last end was one without audience: how its readers end decides whether it went well. */
  unheard: boolean
  /** It reached its restart limit, and was not started by hand since. */
  gaveUp: boolean
  inputLost: Set<string>
  leftovers: readonly number[]
  startedAtMs: number | null
  endedAtMs: number | null
  userMs: number | null
  systemMs: number | null
  maxRssBytes: number | null
  note: string | null
  /** Cancels the one timer that a process can have: delay, stop timeout or drain timeout. */
  cancelTimer: (() => void) | null
}

export function newProcessRecord(plan: PlannedProcess): ProcessRecord {
  return {
    name: plan.name,
    plan,
    state: 'idle',
    aim: null,
    wanted: false,
    needsMet: false,
    started: false,
    saidReady: false,
    statusText: null,
    turned: false,
    endedByHand: false,
    generation: 0,
    instance: null,
    linkGenerations: new Map(),
    row: emptyRow,
    dueAtMs: 0,
    exit: null,
    exitWell: true,
    unheard: false,
    gaveUp: false,
    inputLost: new Set(),
    leftovers: [],
    startedAtMs: null,
    endedAtMs: null,
    userMs: null,
    systemMs: null,
    maxRssBytes: null,
    note: null,
    cancelTimer: null,
  }
}

/** What the brain knows of one link. */
export interface LinkRecord {
  readonly plan: PlannedLink
  generation: Generation
  phase: 'absent' | 'opening' | 'open' | 'destroying'
  /** Sides whose hold was given up in this generation. */
  closed: Set<string>
  /** Uses that the host knows to be over in this generation; only where it is told of each. */
  left: Set<PlannedUse>
  /** Why it could not be made again; its processes fail with it. */
  error: ErrorData | null
  /** Uses of the embedding app, by side: how many streams are open. */
  readonly appUses: Map<string, number>
  /** Make it anew as soon as it is destroyed. */
  remake: boolean
}

export function newLinkRecord(plan: PlannedLink): LinkRecord {
  return {
    plan,
    generation: 0,
    phase: 'absent',
    closed: new Set(),
    left: new Set(),
    error: null,
    appUses: new Map(),
    remake: false,
  }
}
