/** Makes supervisors from Plans. */
import type { Plan, Warning } from '../config/plan.js'
import { IpcsupError } from '../errors.js'
import type { Kind } from '../ipc/kind.js'
import { readOpenFilesLimit } from '../platform/index.js'
import type { AppEnd, NearHost } from './app-ends.js'
import { descriptorsNeeded } from './descriptors-needed.js'
import { createLocalHost, type LocalHost } from './host/local.js'
import { LiveSupervisor } from './live.js'
import type { BlockedLog, LogDisplay, Logs, LogsOptions } from './logs/logs.js'
import { findLogDirectory, listLogFiles } from './logs/places.js'
import type { OutsideEnds } from './outside-ends.js'
import type { OpenedRun } from './run/open.js'
import type { Run } from './run/run.js'
import type { Supervisor } from './supervisor.js'

export interface FromPlanOptions {
  /** Made by the caller; it closes it when the supervisor has finished. */
  readonly run: Run
  /** Where log lines are shown; null: nowhere, files only. */
  readonly display: LogDisplay | null
  /** The reader of the logs hangs in a write: a normal end of the program would wait for it for ever. */
  readonly onHang?: () => void
}

/** A supervisor that also shows lines of its own between those of its processes. */
export interface ShowingSupervisor extends Supervisor {
  /** Shows whole lines where the logs are shown; false: they are shown nowhere, or no longer. */
  show(text: string): Promise<boolean>
  /** Ends everything because of a fault in this program; `finished` rejects with it. */
  fail(error: unknown): void
  /** What its links give to programs that the config does not know. */
  readonly outsideEnds: OutsideEnds
}

export function createFromPlan(plan: Plan, { run, display, onHang = () => {} }: FromPlanOptions): ShowingSupervisor {
  const logs = makeLogsOnce(plan, run, { display, onHang, onWarning: message => supervisor.warn(message) })
  const supervisor = new LiveSupervisor(plan, async () => makeHost(plan, run, logs))
  return Object.assign(supervisor, {
    show: async (text: string) => {
      if (display === null || logs.isClosing()) return false
      const { show } = await logs.load()
      return show(text)
    },
  })
}

/** @param openRun - called at the start; the run is closed when the supervisor has finished, or could not start */
export function createWithRun(plan: Plan, openRun: () => Promise<OpenedRun>, warnings: readonly Warning[]): Supervisor {
  const supervisor: LiveSupervisor = new LiveSupervisor(plan, async () => {
    const run = await openRun()
    try {
      for (const { path, message } of warnings) supervisor.warn(`${path}: ${message}`)
      const host = makeHost(
        plan,
        run,
        makeLogsOnce(plan, run, { display: null, onWarning: message => supervisor.warn(message) }),
      )
      const closeRun = (): void => {
        const left = run.close()
        if (left !== null) throw left
      }
      return { ...host, close: options => host.close(options).finally(closeRun) }
    } catch (error) {
      run.close()
      throw error
    }
  })
  return supervisor
}

function makeHost(plan: Plan, run: Run, logs: LazyLogs): NearHost {
  refuseTooFewDescriptors(plan)
  const host = createLocalHost({ plan, run, logs: logs.load })
  const directory = findLogDirectory(plan, run.directory)
  return {
    ...host,
    logFiles: () => listLogFiles(plan, directory),
    blockedLogs: logs.blocked,
    // The host closes the logs only if it had something for them; lines of ours may have been shown all the same.
    close: options => host.close(options).finally(() => logs.close()),
    openForApp: (link, side, over) => openForApp(plan, host, link, side, over),
  }
}

/** Before anything is made: a start that fails half-way for want of descriptors is the hardest to explain. */
function refuseTooFewDescriptors(plan: Plan): void {
  const needed = descriptorsNeeded(plan)
  const { soft } = readOpenFilesLimit()
  if (soft < needed) throw new IpcsupError('IPCSUP_ERR_DESCRIPTOR_LIMIT', { name: plan.name, needed, limit: soft })
}

/** What a kind makes of an end in a Node program, with the moment it is over. */
async function openForApp(plan: Plan, host: LocalHost, link: string, side: string, over: () => void): Promise<AppEnd> {
  const { kinds } = await import('../ipc/kinds/index.js')
  const planned = plan.links[link]!
  const kind: Kind = (kinds as Readonly<Record<string, Kind>>)[planned.kind]!
  // Node opened its channel before this program began; a descriptor taken for it would be nobody's.
  if (kind.onePerProcess)
    throw new IpcsupError('IPCSUP_ERR_UNSUPPORTED', {
      what: `The ${side} side of link "${link}" for the program that embeds ipcsup`,
      system: `a link of kind ${kind.name}`,
      advice: 'Give it to a process, or use a socketpair.',
    })
  const { descriptor, hint } = host.takeEnd(link, side)
  const end = await kind.open({ link, descriptor, side, hint, isOfApp: true }, planned.options)
  end.once('close', over)
  return { end, close: () => ('destroy' in end ? end.destroy() : end.close()) }
}

/** The reader of the logs, imported when the first line may come: its worker takes longer to start than a process. */
interface LazyLogs {
  load(): Promise<Logs>
  /** Loads nothing. */
  blocked(): readonly BlockedLog[]
  /** What was shown last is out, and the worker is gone, when it resolves. */
  close(): Promise<void>
  isClosing(): boolean
}

function makeLogsOnce(
  plan: Plan,
  run: Run,
  reporting: Pick<LogsOptions, 'display' | 'onWarning' | 'onHang'>,
): LazyLogs {
  let loading: Promise<Logs> | null = null
  let logs: Logs | null = null
  let isClosing = false
  const load = async (): Promise<Logs> => {
    const { createLogs } = await import('./logs/create.js')
    logs = createLogs({
      directory: findLogDirectory(plan, run.directory),
      maxBytes: plan.logs.maxBytes,
      files: plan.logs.files,
      names: Object.keys(plan.processes),
      ...reporting,
    })
    return logs
  }
  return {
    load: () => {
      loading ??= load()
      return loading
    },
    blocked: () => logs?.blocked() ?? [],
    close: async () => {
      isClosing = true
      await (await loading)?.close({ deadlineMs: 0 })
    },
    isClosing: () => isClosing,
  }
}
