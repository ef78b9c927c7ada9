/**
 * What the supervisor's own signals mean: the only installer of signal handlers.
 */
import type { Supervisor } from '../supervisor/supervisor.js'

const stopping = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
type StopSignal = (typeof stopping)[number]

export interface Signals {
  /** The signal that began the stop; null: none did. */
  readonly received: NodeJS.Signals | null
  /** Gives the signals their default meaning again. */
  close(): void
}

const steps = {
  drain: { options: {}, said: 'draining (again: stop without draining)' },
  now: { options: { now: true }, said: 'stopping without draining (again: kill)' },
  kill: { options: { kill: true }, said: 'killing' },
} as const

export type Step = keyof typeof steps

/** A first SIGINT, SIGTERM or SIGHUP drains, a second skips the drain, a third kills; SIGQUIT kills at once. */
function decideStep(signal: StopSignal, receivedBefore: number): Step {
  if (signal === 'SIGQUIT') return 'kill'
  return (['drain', 'now'] as const)[receivedBefore] ?? 'kill'
}

/**
 * @param say - tells a person what the signal began
 */
export function handleSignals(
  supervisor: Pick<Supervisor, 'stop' | 'signalAll'>,
  say: (text: string) => void,
): Signals {
  let received: NodeJS.Signals | null = null
  let count = 0
  const stop = (signal: NodeJS.Signals) => {
    const step = steps[decideStep(signal as StopSignal, count++)]
    received ??= signal
    say(`${signal}: ${step.said}`)
    void supervisor.stop(step.options)
  }
  // The children are in sessions of their own, so the terminal stops nobody but us; we stop once all of them are told.
  const pause = () => void supervisor.signalAll('SIGSTOP').then(() => process.kill(process.pid, 'SIGSTOP'))
  const resume = () => void supervisor.signalAll('SIGCONT')
  const handlers: (readonly [NodeJS.Signals, (signal: NodeJS.Signals) => void])[] = [
    ...stopping.map(signal => [signal, stop] as const),
    ['SIGTSTP', pause],
    ['SIGCONT', resume],
  ]
  for (const [signal, handle] of handlers) process.on(signal, handle)
  return {
    get received() {
      return received
    },
    close() {
      for (const [signal, handle] of handlers) process.off(signal, handle)
    },
  }
}
