/**
 * The life of a supervisor in the foreground, shared by `start` and `run`.
 */
import type { Plan } from '../config/plan.js'
import { endProcess } from '../platform/index.js'
import type { Report } from '../supervisor/controls.js'
import { createFromPlan, type ShowingSupervisor } from '../supervisor/create.js'
import type { LogDisplay } from '../supervisor/logs/logs.js'
import type { RunKey } from '../supervisor/run/name.js'
import { openRun } from '../supervisor/run/open.js'
import { describeReclaimed } from '../supervisor/run/reclaim.js'
import { readVersion } from '../version.js'
import type { Notices } from './notices.js'
import { handleSignals } from './signals.js'

export interface SuperviseOptions {
  readonly plan: Plan
  readonly key: RunKey
  /** Processes to start, with their needs; none: all. */
  readonly names: readonly string[]
  /** Where log lines are shown. */
  readonly display: LogDisplay | null
  readonly notices: Notices
  /** Called before anything is started. */
  readonly onCreated?: (supervisor: ShowingSupervisor) => void
  /** Called when every process without needs was spawned, and it can be talked to. */
  readonly onUp?: () => void
}

export interface Supervised {
  readonly report: Report
  /** The signal that ended it; null: it ended by itself, or by `ipcsup stop`. */
  readonly signal: NodeJS.Signals | null
  /** Nothing of the run is left behind; if something is, that was said. */
  readonly isGone: boolean
}

/** Nothing that could be removed is left behind when it resolves or rejects. */
export async function supervise(options: SuperviseOptions): Promise<Supervised> {
  const { plan, key, display, notices } = options
  const run = await openRun({ key, name: plan.name, version: readVersion(), keepPaths: listPaths(plan) })
  const close = (): boolean => {
    notices.open()
    const left = run.close()
    if (left !== null) notices.say(left.message)
    return left === null
  }
  let lived: Omit<Supervised, 'isGone'>
  try {
    if (run.reclaimed) notices.say(describeReclaimed(run.reclaimed))
    const supervisor = createFromPlan(plan, { run, display, onHang: () => process.once('exit', endProcess) })
    options.onCreated?.(supervisor)
    notices.listen(supervisor)
    lived = await liveUntilFinished(supervisor, run.directory, options)
  } catch (error) {
    close()
    throw error
  }
  return { ...lived, isGone: close() }
}

async function liveUntilFinished(
  supervisor: ShowingSupervisor,
  directory: string,
  { names, notices, onUp }: SuperviseOptions,
): Promise<Omit<Supervised, 'isGone'>> {
  const signals = handleSignals(supervisor, notices.say)
  // Children are worth more than a program that ends at once: they are ended first, and then it is said.
  const fail = (error: unknown): void => supervisor.fail(error)
  process.on('uncaughtException', fail)
  try {
    await supervisor.start(names)
    notices.open()
    // Not before: node:http costs more than the first spawn.
    const [{ serveControls }, { serveEnds }] = await Promise.all([
      import('../control/server.js'),
      import('../control/fds-server.js'),
    ])
    const ends = serveEnds(supervisor.outsideEnds, directory)
    const server = await serveControls(supervisor, directory)
    try {
      onUp?.()
      return { report: await supervisor.finished, signal: signals.received }
    } finally {
      ends.close()
      await server.close()
    }
  } finally {
    process.off('uncaughtException', fail)
    signals.close()
  }
}

/** Where links make named objects: those of a dead run stay there, so that strangers who have them open stay connected. */
function listPaths(plan: Plan): string[] {
  return Object.values(plan.links).flatMap(({ options: { path } }) => (typeof path === 'string' ? [path] : []))
}
