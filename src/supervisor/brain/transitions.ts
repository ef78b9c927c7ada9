/**
 * The whole behaviour of one supervised process: state × event → next state and the names of what is to be done. Pure.
 *
 * Commands change what is wanted; events tell what happened. A cell says `ignored` when an event means nothing in a
 * state, and `impossible` when it can only come from a broken caller (the engine then throws).
 */
import type { ProcessState } from '../controls.js'
import type { Action, Aim, ProcessEvent } from './events.js'

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
    needLost: 'impossible',
    spawned: 'impossible',
    ready: 'impossible',
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
    reset: 'impossible',
    overtime: 'impossible',
    disowned: 'impossible',
  },
  waiting: {
    start: 'ignored',
    needsMet: go('starting', 'spawn'),
    needLost: go('failed', 'cancel', 'finish'),
    spawned: 'impossible',
    ready: 'impossible',
    crashed: 'impossible',
    crashedLeaving: 'impossible',
    succeeded: 'impossible',
    broke: go('failed', 'cancel', 'finish'),
    cleared: 'impossible',
    due: 'impossible',
    park: go('parked', 'cancel'),
    end: go('byVerdict', 'cancel', 'finish'),
    restart: 'ignored',
    turn: go('byVerdict', 'cancel', 'finish'),
    reset: 'ignored',
    overtime: go('waiting', 'kill'),
    disowned: 'ignored',
  },
  starting: {
    start: 'ignored',
    needsMet: 'impossible',
    needLost: 'impossible',
    spawned: go('running'),
    ready: 'impossible',
    crashed: go('delayed', 'delay'),
    crashedLeaving: 'impossible',
    succeeded: 'impossible',
    broke: go('failed', 'finish'),
    cleared: 'impossible',
    due: 'impossible',
    park: stop('park'),
    end: stop('finish'),
    restart: stop('again'),
    turn: stop('finish'),
    reset: stop('reset'),
    overtime: 'impossible',
    disowned: 'impossible',
  },
  running: {
    start: 'ignored',
    needsMet: 'impossible',
    needLost: 'impossible',
    spawned: 'impossible',
    ready: go('ready'),
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
  ready: {
    start: 'ignored',
    needsMet: 'impossible',
    needLost: 'impossible',
    spawned: 'impossible',
    ready: 'ignored',
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
    needLost: 'impossible',
    spawned: go('stopping', 'terminate'),
    ready: 'ignored',
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
    needLost: 'impossible',
    spawned: 'impossible',
    ready: 'impossible',
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
    disowned: 'ignored',
  },
  parked: {
    start: go('waiting', 'renew', 'clear'),
    needsMet: 'impossible',
    needLost: 'impossible',
    spawned: 'impossible',
    ready: 'impossible',
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
    reset: 'impossible',
    overtime: go('parked', 'kill'),
    disowned: 'ignored',
  },
  completed: {
    start: go('waiting', 'renew', 'clear'),
    needsMet: 'impossible',
    needLost: 'impossible',
    spawned: 'impossible',
    ready: 'impossible',
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
    overtime: go('completed', 'kill'),
    disowned: go('failed'),
  },
  failed: {
    start: go('waiting', 'renew', 'clear'),
    needsMet: 'impossible',
    needLost: 'impossible',
    spawned: 'impossible',
    ready: 'impossible',
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
    reset: 'impossible',
    overtime: go('failed', 'kill'),
    disowned: 'ignored',
  },
} as const satisfies Record<ProcessState, Record<ProcessEvent, Cell>>

/** Its instance runs, and nobody has asked it to stop. */
export function isUp(state: ProcessState): boolean {
  return state === 'running' || state === 'ready'
}

/** It waits, or does so as soon as its instance is gone. */
export function isToRun({ state, aim }: { readonly state: ProcessState; readonly aim: Aim | null }): boolean {
  return state === 'waiting' || aim === 'again'
}

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
