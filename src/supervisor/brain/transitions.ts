/**
 * The whole behaviour of one supervised process: state × event → next state and the names of what is to be done. Pure.
 *
 * Commands change what is wanted; events tell what happened. A cell says `ignored` when an event means nothing in a
 * state, and `impossible` when it can only come from a broken caller (the engine then throws).
 */
import type { ProcessState } from '../controls.js'

export const processEvents = [
  /** It shall run: a command, or the start of the graph. */
  'start',
  /** Its needs are met and its links exist. */
  'needsMet',
  /** A need can never be met. */
  'needLost',
  'spawned',
  /** It ended (or could not be spawned) and shall run again; nothing of it is left. */
  'crashed',
  /** The same, but members of its group are still alive. */
  'crashedLeaving',
  /** It ended for good, well. */
  'succeeded',
  /** It ended (or could not be spawned) for good, badly. */
  'broke',
  /** An instance that was being stopped is gone, with all of its group. */
  'cleared',
  /** Its delay is over. */
  'due',
  /** Stop by hand. */
  'park',
  /** Stop by hand, for good. */
  'end',
  /** Stop and start by hand. */
  'restart',
  /** Its turn to go in the stop of the graph. */
  'turn',
  /** A process that shares a `reset` link with it crashed. */
  'reset',
  /** It did not stop in time. */
  'overtime',
  /** It wrote to nobody, and now a reader of it turned out to have failed. */
  'disowned',
] as const

export type ProcessEvent = (typeof processEvents)[number]

/** What a stopping process is on its way to. */
export type Aim = 'park' | 'finish' | 'again' | 'delay' | 'reset'

export type Action =
  | 'spawn'
  /** Stop signal to the group, and the stop timeout. */
  | 'terminate'
  | 'kill'
  /** The delay before the next incarnation begins, or the reset that its links ask for. */
  | 'delay'
  /** Nothing is waited for any more: timers are cancelled. */
  | 'cancel'
  /** A new life by hand: the row of restarts begins anew, needs are looked at again. */
  | 'renew'
  /** What a former life left behind is ended. */
  | 'clear'
  /** All uses are over. */
  | 'finish'

/** `byAim`: where the stopping was to lead ({@link aims}). `byVerdict`: completed or failed, as its last end went. */
export type Next = ProcessState | 'byAim' | 'byVerdict'

export type Cell =
  | { readonly next: Next; readonly actions: readonly Action[]; readonly aim?: Aim }
  | 'ignored'
  | 'impossible'

const go = (next: Next, ...actions: Action[]): Cell => ({ next, actions })
const stop = (aim: Aim, ...actions: Action[]): Cell => ({ next: 'stopping', actions, aim })

export const transitions = {
  idle: {
    start: go('waiting', 'renew', 'clear'),
    needsMet: 'impossible',
    needLost: 'ignored',
    spawned: 'impossible',
    crashed: 'impossible',
    crashedLeaving: 'impossible',
    succeeded: 'impossible',
    broke: 'impossible',
    cleared: 'impossible',
    due: 'impossible',
    park: 'ignored',
    end: go('completed', 'finish'),
    restart: go('waiting', 'renew', 'clear'),
    turn: 'ignored',
    reset: 'ignored',
    overtime: 'impossible',
    disowned: 'impossible',
  },
  waiting: {
    start: 'ignored',
    needsMet: go('starting', 'spawn'),
    needLost: go('failed', 'finish'),
    spawned: 'impossible',
    crashed: 'impossible',
    crashedLeaving: 'impossible',
    succeeded: 'impossible',
    broke: go('failed', 'finish'),
    cleared: 'impossible',
    due: 'impossible',
    park: go('parked'),
    end: go('byVerdict', 'finish'),
    restart: 'ignored',
    turn: go('byVerdict', 'finish'),
    reset: 'ignored',
    overtime: go('waiting', 'kill'),
    disowned: 'impossible',
  },
  starting: {
    start: 'ignored',
    needsMet: 'impossible',
    needLost: 'ignored',
    spawned: go('running'),
    crashed: go('delayed', 'delay'),
    crashedLeaving: 'impossible',
    succeeded: 'impossible',
    broke: go('failed', 'finish'),
    cleared: 'impossible',
    due: 'impossible',
    park: stop('park'),
    end: stop('finish'),
    restart: 'ignored',
    turn: stop('finish'),
    reset: stop('reset'),
    overtime: 'impossible',
    disowned: 'impossible',
  },
  running: {
    start: 'ignored',
    needsMet: 'impossible',
    needLost: 'ignored',
    spawned: 'impossible',
    crashed: go('delayed', 'delay'),
    crashedLeaving: stop('delay', 'terminate'),
    succeeded: go('completed', 'finish'),
    broke: go('failed', 'finish'),
    cleared: 'impossible',
    due: 'impossible',
    park: stop('park', 'terminate'),
    end: stop('finish', 'terminate'),
    restart: stop('again', 'terminate'),
    turn: stop('finish', 'terminate'),
    reset: stop('reset', 'terminate'),
    overtime: 'impossible',
    disowned: 'impossible',
  },
  stopping: {
    start: stop('again'),
    needsMet: 'impossible',
    needLost: 'ignored',
    spawned: go('stopping', 'terminate'),
    crashed: 'impossible',
    crashedLeaving: 'impossible',
    succeeded: 'impossible',
    broke: 'impossible',
    cleared: go('byAim', 'cancel'),
    due: 'impossible',
    park: stop('park'),
    end: stop('finish'),
    restart: stop('again'),
    turn: stop('finish'),
    reset: stop('reset'),
    overtime: go('stopping', 'kill'),
    disowned: 'impossible',
  },
  delayed: {
    start: go('waiting', 'cancel', 'renew', 'clear'),
    needsMet: 'impossible',
    needLost: 'ignored',
    spawned: 'impossible',
    crashed: 'impossible',
    crashedLeaving: 'impossible',
    succeeded: 'impossible',
    broke: go('failed', 'cancel', 'finish'),
    cleared: 'impossible',
    due: go('waiting', 'cancel'),
    park: go('parked', 'cancel'),
    end: go('byVerdict', 'cancel', 'finish'),
    restart: go('waiting', 'cancel', 'renew', 'clear'),
    turn: go('byVerdict', 'cancel', 'finish'),
    reset: go('delayed', 'cancel'),
    overtime: go('delayed', 'kill'),
    disowned: 'impossible',
  },
  parked: {
    start: go('waiting', 'renew', 'clear'),
    needsMet: 'impossible',
    needLost: 'ignored',
    spawned: 'impossible',
    crashed: 'impossible',
    crashedLeaving: 'impossible',
    succeeded: 'impossible',
    broke: 'impossible',
    cleared: 'impossible',
    due: 'impossible',
    park: 'ignored',
    end: go('byVerdict', 'finish'),
    restart: go('waiting', 'renew', 'clear'),
    turn: go('byVerdict', 'finish'),
    reset: 'ignored',
    overtime: 'impossible',
    disowned: 'impossible',
  },
  completed: {
    start: go('waiting', 'renew', 'clear'),
    needsMet: 'impossible',
    needLost: 'ignored',
    spawned: 'impossible',
    crashed: 'impossible',
    crashedLeaving: 'impossible',
    succeeded: 'impossible',
    broke: 'impossible',
    cleared: 'impossible',
    due: 'impossible',
    park: 'ignored',
    end: 'ignored',
    restart: go('waiting', 'renew', 'clear'),
    turn: 'ignored',
    reset: go('delayed', 'clear'),
    overtime: 'impossible',
    disowned: go('failed'),
  },
  failed: {
    start: go('waiting', 'renew', 'clear'),
    needsMet: 'impossible',
    needLost: 'ignored',
    spawned: 'impossible',
    crashed: 'impossible',
    crashedLeaving: 'impossible',
    succeeded: 'impossible',
    broke: 'impossible',
    cleared: 'impossible',
    due: 'impossible',
    park: 'ignored',
    end: 'ignored',
    restart: go('waiting', 'renew', 'clear'),
    turn: 'ignored',
    reset: 'ignored',
    overtime: 'impossible',
    disowned: 'ignored',
  },
} as const satisfies Record<ProcessState, Record<ProcessEvent, Cell>>

/** Where a stopped process goes. */
export const aims = {
  park: { next: 'parked', actions: [] },
  finish: { next: 'byVerdict', actions: ['finish'] },
  again: { next: 'waiting', actions: ['renew', 'clear'] },
  delay: { next: 'delayed', actions: ['delay'] },
  reset: { next: 'delayed', actions: [] },
} as const satisfies Record<Aim, { readonly next: ProcessState | 'byVerdict'; readonly actions: readonly Action[] }>

const finishedStates: ReadonlySet<ProcessState> = new Set(['completed', 'failed'])

/** Its uses are over: it will not run again unless somebody starts it by hand. */
export function isFinished(state: ProcessState): boolean {
  return finishedStates.has(state)
}
