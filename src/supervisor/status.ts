/** How a supervisor stands: what the brain knows, with what the host sees. */
import type { NearHost } from './app-ends.js'
import type { Phase } from './brain/brain.js'
import type { Engine } from './brain/engine.js'
import type { Status } from './controls.js'
import { linkStatus, processStatus } from './report.js'
import type { Supervisor } from './supervisor.js'

/** @param findHost - null: it is not open yet */
export async function readStatus(
  supervisor: Pick<Supervisor, 'name' | 'report'>,
  engine: Pick<Engine, 'processes' | 'links' | 'phase'>,
  findHost: () => NearHost | 'ended' | null,
): Promise<Status> {
  const found = findHost()
  const host = found === 'ended' ? null : found
  const blocked = host?.blockedLogs() ?? []
  const [facts = {}, uses = {}] = await Promise.all([host?.inspectLinks(), host?.inspectProcesses()])
  const { processes, links, phase } = engine
  return {
    name: supervisor.name,
    pid: process.pid,
    phase: findHost() === 'ended' ? 'finished' : phases[phase],
    ok: supervisor.report().ok,
    processes: [...processes.values()].map(record => processStatus(record, uses[record.name], blocked)),
    links: [...links.records.values()].map(record => linkStatus(record, facts[record.plan.name])),
  }
}

const phases = {
  new: 'starting',
  opening: 'starting',
  running: 'running',
  draining: 'draining',
  closing: 'draining',
  over: 'finished',
} as const satisfies Record<Phase, Status['phase']>
