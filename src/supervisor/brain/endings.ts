import type { PlannedProcess } from '../../config/plan.js'
import type { EndState } from '../../ipc/kind.js'
import type { Exit } from '../host/host.js'

/** How a process ended, as far as its own status says. */
export type ProcessExit = Exit | { readonly code: number; readonly error: string }

export interface Ending {
  readonly exit: ProcessExit
  /** How the links it reads and writes stood when it was reaped. */
  readonly inputs: Readonly<Record<string, EndState>>
  readonly outputs: Readonly<Record<string, EndState>>
  /** It has a listening or bound side: a server, whose exhausted input means nothing. */
  readonly listens: boolean
}

/** What an end means. `unheard`: nobody was left to write to, so how its readers ended decides. */
export type Meaning = 'again' | 'succeeded' | 'broke' | 'unheard'

const SIGPIPE_CODE = 128 + 13

/** An exit code that the process lists as clean (0 unless said otherwise). */
export function isClean(exit: ProcessExit, process: Pick<PlannedProcess, 'cleanExits'>): boolean {
  return 'code' in exit && !('error' in exit) && process.cleanExits.includes(exit.code)
}

/** Died of writing to nobody, or says so as a shell does. */
function isBrokenPipe(exit: ProcessExit): boolean {
  return 'signal' in exit ? exit.signal === 'SIGPIPE' : !('error' in exit) && exit.code === SIGPIPE_CODE
}

/**
 * Decides what the end of an instance means when nobody asked for it.
 *
 * Two ends are no failures: a process whose inputs are all exhausted has done its work, and one that nobody can hear any
 * more must not be started again, whatever its policy.
 */
export function meaningOf(ending: Ending, process: PlannedProcess): Meaning {
  const clean = isClean(ending.exit, process)
  if (!('error' in ending.exit)) {
    if (hasNoAudience(ending, process)) return clean || isBrokenPipe(ending.exit) ? 'unheard' : 'broke'
    if (clean && !ending.listens && areExhausted(ending.inputs)) return 'succeeded'
  }
  return byPolicy[process.restart.policy][clean ? 'clean' : 'unclean']
}

const byPolicy = {
  always: { clean: 'again', unclean: 'again' },
  'on-failure': { clean: 'succeeded', unclean: 'again' },
  never: { clean: 'succeeded', unclean: 'broke' },
} as const satisfies Record<PlannedProcess['restart']['policy'], Record<'clean' | 'unclean', Meaning>>

function areExhausted(inputs: Ending['inputs']): boolean {
  const states = Object.values(inputs)
  return states.length > 0 && states.every(state => state === 'ended')
}

/**
 * A process of policy `never` has no held end to ask, so there the broken pipe itself is the witness; for the others the
 * kernel says whether a reader is left.
 */
function hasNoAudience(ending: Ending, process: PlannedProcess): boolean {
  const states = Object.values(ending.outputs)
  if (states.length === 0) return false
  if (states.every(state => state === 'ended')) return true
  return process.restart.policy === 'never' && isBrokenPipe(ending.exit) && states.every(state => state !== 'open')
}

/** Whether an end that was asked for went well: it ended clean, or by the very signal that asked. */
export function endedAsAsked(exit: ProcessExit, process: PlannedProcess): boolean {
  if (isClean(exit, process) || isBrokenPipe(exit)) return true
  if ('signal' in exit) return exit.signal === process.stopSignal
  return !('error' in exit) && exit.code === 128 + (signalNumbers[process.stopSignal] ?? 0)
}

/** Numbers of the signals that a shell-like `128 + n` may stand for when a process was asked to stop. */
const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
}
