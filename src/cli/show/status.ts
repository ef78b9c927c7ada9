/**
 * `ipcsup status` for people.
 */
import type { LinkStatus, ProcessState, ProcessStatus, Status } from '../../supervisor/controls.js'
import { type Cell, escapeControls, formatBytes, formatDuration, formatTable, type Paint } from './text.js'

const stateStyles = {
  idle: 'dim',
  waiting: 'yellow',
  starting: 'yellow',
  running: 'green',
  stopping: 'yellow',
  delayed: 'yellow',
  parked: 'dim',
  completed: 'dim',
  failed: 'red',
} as const satisfies Record<ProcessState, Cell['style']>

const processHead = ['process', 'state', 'pid', 'uptime', 'restarts', 'cpu', 'memory', 'note']
const linkHead = ['link', 'kind', 'sides', 'queued', 'capacity', 'path']

/**
 * @param uptimesMs - of live instances by pid
 */
export function formatStatus(status: Status, uptimesMs: ReadonlyMap<number, number>, paint: Paint): string {
  const head = `${paint(status.name, 'bold')}: ${status.phase} (pid ${status.pid})\n\n`
  const processes = status.processes.map(row => makeProcessRow(row, uptimesMs))
  const links = status.links.map(makeLinkRow)
  return [
    head,
    formatTable(processHead, processes, paint),
    ...(links.length > 0 ? ['\n', formatTable(linkHead, links, paint)] : []),
  ].join('')
}

function makeProcessRow(row: ProcessStatus, uptimesMs: ReadonlyMap<number, number>): Cell[] {
  const uptimeMs = row.pid === null ? null : (uptimesMs.get(row.pid) ?? null)
  return [
    { text: row.name },
    { text: row.state, style: stateStyles[row.state] },
    { text: row.pid === null ? '' : String(row.pid), align: 'right' },
    { text: formatDuration(uptimeMs), align: 'right' },
    { text: String(row.restarts), align: 'right' },
    { text: row.cpuPercent === null ? '' : `${row.cpuPercent.toFixed(1)}%`, align: 'right' },
    { text: formatBytes(row.residentBytes), align: 'right' },
    { text: escapeControls(describeProcess(row)) },
  ]
}

/** Why it is in its state, how it last ended, and what is left of it. */
export function describeProcess(row: ProcessStatus): string {
  return [
    describeLastEnd(row),
    row.note,
    row.inputLost.length > 0 ? `input lost: ${row.inputLost.join(', ')}` : null,
    row.leftovers.length > 0 ? `left behind: ${row.leftovers.join(', ')}` : null,
  ]
    .filter(part => part !== null)
    .join('; ')
}

/** A note such as `restart 4 in 1.2 s` does not say why; one that does is not said twice. */
function describeLastEnd({ exit, note, state }: ProcessStatus): string | null {
  if (exit === null || state === 'completed') return null
  const end = describeExit(exit)
  if (note?.includes(end)) return null
  return state === 'running' || state === 'starting' ? `before: ${end}` : end
}

export function describeExit(exit: NonNullable<ProcessStatus['exit']>): string {
  if ('signal' in exit) return `killed by ${exit.signal}`
  return 'error' in exit ? exit.error : `exit ${exit.code}`
}

function makeLinkRow(link: LinkStatus): Cell[] {
  return [
    { text: link.name },
    { text: link.kind },
    { text: describeSides(link) },
    { text: formatBytes(link.queuedBytes), align: 'right' },
    { text: formatBytes(link.capacityBytes), align: 'right' },
    { text: escapeControls(link.path ?? '') },
  ]
}

function describeSides(link: LinkStatus): string {
  return Object.entries(link.sides)
    .map(([side, { processes, closed }]) => `${side}: ${processes.join(', ') || '-'}${closed ? ' (closed)' : ''}`)
    .join('; ')
}
