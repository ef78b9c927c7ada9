/**
 * `ipcsup status` for people.
 */
import type { LinkStatus, ProcessState, ProcessStatus, Status } from '../../supervisor/controls.js'
import { describeHolders, describeLastUsers, describeState, describeValue, placeOf } from './facts.js'
import { type Cell, escapeControls, formatBytes, formatDuration, formatTable, type Paint } from './text.js'

const stateStyles = {
  idle: 'dim',
  waiting: 'yellow',
  starting: 'yellow',
  running: 'green',
  ready: 'green',
  stopping: 'yellow',
  delayed: 'yellow',
  parked: 'dim',
  completed: 'dim',
  failed: 'red',
} as const satisfies Record<ProcessState, Cell['style']>

const processHead = ['process', 'state', 'pid', 'uptime', 'restarts', 'cpu', 'memory', 'note']

/**
 * @param uptimesMs - of live instances by pid
 */
export function formatStatus(status: Status, uptimesMs: ReadonlyMap<number, number>, paint: Paint): string {
  const head = `${paint(status.name, 'bold')}: ${status.phase} (pid ${status.pid})\n\n`
  const processes = status.processes.map(row => makeProcessRow(row, uptimesMs))
  return [
    head,
    formatTable(processHead, processes, paint),
    ...(status.links.length > 0 ? ['\n', formatLinks(status.links, paint)] : []),
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
function describeProcess(row: ProcessStatus): string {
  return [
    row.statusText || null,
    describeLastEnd(row),
    row.note,
    row.inputLost.length > 0 ? `input lost: ${row.inputLost.join(', ')}` : null,
    row.leftovers.length > 0 ? `left behind: ${row.leftovers.join(', ')}` : null,
  ]
    .filter(part => part !== null)
    .map((part, index, parts) => (index < parts.length - 1 ? part.replace(/\.$/, '') : part))
    .join('; ')
}

/** A note such as `restart 4 in 1.2 s` does not say why; one that does is not said twice. */
function describeLastEnd({ exit, note, state }: ProcessStatus): string | null {
  if (exit === null || state === 'completed') return null
  const end = describeExit(exit)
  if (note?.includes(end)) return null
  return state === 'running' || state === 'ready' || state === 'starting' ? `before: ${end}` : end
}

export function describeExit(exit: NonNullable<ProcessStatus['exit']>): string {
  if ('signal' in exit) return `killed by ${exit.signal}`
  return 'error' in exit ? exit.error : `exit ${exit.code}`
}

/** One column of the table of links. */
interface LinkColumn {
  readonly title: string
  readonly align?: 'right'
  readonly text: (link: LinkStatus) => string
}

/** Those of which no link has anything are left out. */
const linkColumns: readonly LinkColumn[] = [
  { title: 'link', text: ({ name }) => name },
  { title: 'kind', text: ({ kind }) => kind },
  { title: 'sides', text: describeSides },
  { title: 'queued', align: 'right', text: ({ queuedBytes }) => formatBytes(queuedBytes) },
  { title: 'messages', align: 'right', text: ({ messages }) => formatCount(messages) },
  { title: 'capacity', align: 'right', text: ({ capacityBytes }) => formatBytes(capacityBytes) },
  { title: 'waiting', align: 'right', text: ({ waiting }) => formatCount(waiting) },
  { title: 'value', align: 'right', text: describeValue },
  { title: 'held by', text: describeHolders },
  { title: 'last used by', text: describeLastUsers },
  { title: 'note', text: link => describeState(link).join('; ') },
  // Last, for it may be a long path: what else there is to see stays within 80 columns.
  { title: 'place', text: placeOf },
]

function formatLinks(links: readonly LinkStatus[], paint: Paint): string {
  const columns = linkColumns.filter(({ text }) => links.some(link => text(link) !== ''))
  const rows = links.map(link =>
    columns.map(({ text, align }): Cell => ({ text: escapeControls(text(link)), ...(align && { align }) })),
  )
  return formatTable(
    columns.map(({ title }) => title),
    rows,
    paint,
  )
}

function formatCount(count: number | null | undefined): string {
  return typeof count === 'number' ? String(count) : ''
}

function describeSides(link: LinkStatus): string {
  return Object.entries(link.sides)
    .map(([side, { processes, closed }]) => `${side}: ${processes.join(', ') || '-'}${closed ? ' (closed)' : ''}`)
    .join('; ')
}
