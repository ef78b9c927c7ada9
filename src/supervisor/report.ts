/** What is said of a run: rows of the report and of the status, from the brain's records. Pure. */
import type { LinkFacts } from '../ipc/kind.js'
import type { LinkRecord, ProcessRecord } from './brain/records.js'
import type { LinkStatus, ProcessReport, ProcessStatus, Report } from './controls.js'
import type { Closing } from './host/host.js'
import type { BlockedLog } from './logs/logs.js'

function processReport(record: ProcessRecord): ProcessReport {
  return {
    name: record.name,
    exit: record.exit,
    restarts: Math.max(0, record.generation - 1),
    gaveUp: record.gaveUp,
    inputLost: [...record.inputLost],
    startedAt: toIso(record.startedAtMs),
    endedAt: record.instance === null ? toIso(record.endedAtMs) : null,
    userMs: roundToMicroseconds(record.userMs),
    systemMs: roundToMicroseconds(record.systemMs),
    maxRssBytes: record.maxRssBytes,
  }
}

export function runReport(records: Iterable<ProcessRecord>, strict: boolean, isWhole: boolean): Report {
  const all = [...records]
  const well = all.every(record => record.state !== 'failed' && !(strict && record.inputLost.size > 0))
  return { ok: well && isWhole, processes: all.map(processReport) }
}

export function processStatus(
  record: ProcessRecord,
  use: { cpuPercent: number | null; residentBytes: number | null } | undefined,
  blocked: readonly BlockedLog[],
): ProcessStatus {
  const ownBlocked = blocked.filter(({ process }) => process === record.name)
  const notes = [record.note ?? [], ...ownBlocked.map(({ stream, why }) => `log of ${stream} blocked: ${why}`)].flat()
  return {
    ...processReport(record),
    state: record.state,
    pid: record.instance?.pid ?? null,
    cpuPercent: use?.cpuPercent ?? null,
    residentBytes: use?.residentBytes ?? null,
    leftovers: record.leftovers,
    statusText: record.instance === null ? null : record.statusText,
    note: notes.length > 0 ? notes.join('; ') : null,
  }
}

export function linkStatus(record: LinkRecord, facts: LinkFacts | undefined): LinkStatus {
  const { plan } = record
  const sides = Object.keys(plan.sides).map(side => {
    const processes = plan.uses.filter(use => use.side === side).map(use => use.process)
    return [side, { processes, closed: record.closed.has(side) }] as const
  })
  const { name: objectName, ...others } = facts ?? { queuedBytes: null, capacityBytes: null }
  return {
    ...others,
    ...(objectName === undefined ? {} : { objectName }),
    name: plan.name,
    kind: plan.kind,
    lifetime: plan.lifetime,
    generation: record.generation,
    sides: Object.fromEntries(sides),
  }
}

/** What closing the host had to do, as sentences. */
export function describeClosing({ leftovers, droppedLogBytes }: Closing): string[] {
  return [
    ...Object.entries(leftovers).map(
      ([name, pids]) => `Ended what "${name}" had left behind: process ${pids.join(', ')}.`,
    ),
    ...Object.entries(droppedLogBytes).map(([stream, bytes]) => describeDropped(stream, bytes)),
  ]
}

function describeDropped(stream: string, bytes: number): string {
  if (bytes === 0) return `The end of the log ${stream} may be lost; how much of it is not known.`
  return `${bytes.toLocaleString('en-US')} bytes of the log ${stream} could not be written and are lost.`
}

/** The kernel counts microseconds; sums of fractions of a millisecond have more digits than that. */
function roundToMicroseconds(timeMs: number | null): number | null {
  return timeMs === null ? null : Math.round(timeMs * 1000) / 1000
}

function toIso(timeMs: number | null): string | null {
  return timeMs === null ? null : new Date(timeMs).toISOString()
}
