/**
 * What the foreground says about its processes: one sentence for each thing that a person would want to know.
 */
import type { ProcessReport, Report } from '../supervisor/controls.js'
import type { StateChange, Supervisor } from '../supervisor/supervisor.js'
import { describeExit } from './show/status.js'

export interface Notices {
  /** Says what the supervisor does from now on. */
  listen(supervisor: Pick<Supervisor, 'on'>): void
  say(text: string): void
  /** Everything is started: what was said until then comes now. */
  open(): void
}

/**
 * Nothing is written while processes are being started: a start of a thousand would wait for a thousand lines, and for
 * the log worker that shows them.
 *
 * @param write - takes whole lines
 * @param isNews - which changes are worth a line
 */
export function createNotices(write: (lines: string) => void, isNews: (change: StateChange) => boolean): Notices {
  const held: string[] = []
  const started: StateChange[] = []
  const failures = new Map<string, string>()
  let isOpen = false
  const flush = () => {
    if (!isOpen) return
    const first = started.length > 0 ? [`started ${listStarted(started.splice(0))}`] : []
    const lines = [...first, ...held.splice(0)].map(text => `ipcsup: ${text}\n`)
    if (lines.length > 0) write(lines.join(''))
  }
  const say = (text: string) => {
    held.push(text)
    flush()
  }
  return {
    say,
    listen(supervisor) {
      supervisor.on('warning', message => say(`warning: ${message}`))
      supervisor.on('state', change => {
        if (!isNews(change)) return
        const text = describeChange(change, failures.get(change.process) ?? null)
        if (change.to === 'running') failures.delete(change.process)
        else if (text !== null && change.exit && 'error' in change.exit) failures.set(change.process, change.exit.error)
        if (change.to !== 'running' || change.generation > 1) return text === null ? undefined : say(text)
        // Those that start together are one line.
        if (started.push(change) === 1) setImmediate(flush)
      })
    },
    open() {
      isOpen = true
      flush()
    },
  }
}

const mostListed = 12

function listStarted(started: readonly StateChange[]): string {
  const listed = started.slice(0, mostListed).map(({ process, pid }) => `${process} (pid ${pid})`)
  const more = started.length - listed.length
  return `${listed.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/**
 * @param lastError - why it could not be spawned the last time; null: it could
 * @returns null when the change is only a step on the way
 */
function describeChange(change: StateChange, lastError: string | null = null): string | null {
  const { process, from, to, pid, note, exit } = change
  const error = exit && 'error' in exit ? exit.error : null
  const why = note ?? (exit ? describeExit(exit) : null)
  const because = why === null ? '' : `: ${why}`
  // The same sentence again at every try would bury everything else.
  if (error !== null && (to === 'delayed' || to === 'failed') && error !== lastError) return error
  if (to === 'running') return `${process} restarted (pid ${pid})${because}`
  if (to === 'delayed' && error !== null) return `${process} cannot start, for the same reason`
  if (to === 'delayed') return `${process} ended${exit ? ` (${describeExit(exit)})` : ''}${note ? `, ${note}` : ''}`
  if (to === 'failed') return `${process} failed${because}`
  if (to === 'completed') return from === 'idle' ? null : `${process} completed`
  return to === 'parked' ? `${process} stopped` : null
}

/** The last line: how the run ended, and what in it may be why it did not end well. */
export function describeReport(name: string, report: Report): string {
  const bad = report.processes
    .filter(row => row.gaveUp || row.inputLost.length > 0 || (!report.ok && isUnclean(row)))
    .toSorted((a, b) => Number(isMereStop(a)) - Number(isMereStop(b)))
  const restarts = report.processes.reduce((sum, row) => sum + row.restarts, 0)
  const all = report.processes.length
  // With names on the command line the others were never asked for.
  const begun = report.processes.filter(row => row.startedAt !== null || row.exit !== null).length
  const count = `${begun < all ? `${begun} of ` : ''}${all} ${all === 1 ? 'process' : 'processes'}`
  const tail = restarts > 0 ? `, ${restarts} ${restarts === 1 ? 'restart' : 'restarts'}` : ''
  const more = bad.length > mostListed ? [`and ${bad.length - mostListed} more`] : []
  const rows = [...bad.slice(0, mostListed).map(row => `${row.name} (${describeEnd(row)})`), ...more]
  return `${name} ended ${report.ok ? 'well' : 'badly'}: ${count}${tail}${rows.length > 0 ? `; ${rows.join(', ')}` : ''}`
}

/** As most end that were told to: seldom why a run ended badly, so they come last. */
function isMereStop({ exit, gaveUp, inputLost }: ProcessReport): boolean {
  return exit !== null && 'signal' in exit && exit.signal === 'SIGTERM' && !gaveUp && inputLost.length === 0
}

function isUnclean({ exit }: ProcessReport): boolean {
  return exit !== null && !('code' in exit && exit.code === 0)
}

function describeEnd({ exit, gaveUp, inputLost }: ProcessReport): string {
  const lost = inputLost.length > 0 ? [`input lost: ${inputLost.join(', ')}`] : []
  // Its sentence was said when it happened; `status --json` and the report have it too.
  const end = exit && ('error' in exit ? 'could not be started' : describeExit(exit))
  return [...(end ? [end] : []), ...(gaveUp ? ['gave up'] : []), ...lost].join(', ')
}
