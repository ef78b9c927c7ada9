/** The advice as text. */
import type { Form } from '../../ipc/kind.js'
import { formatBytes, formatDuration, formatTable, type Paint } from '../show/text.js'
import type { Candidate } from './candidates.js'
import type { Chosen } from './choose.js'
import { type Figures, figures } from './figures.js'

export function formatAdvice({ fitting, others }: Chosen, paint: Paint): string {
  const good =
    fitting.length === 0 ? 'No kind of link does all of that.\n' : fitting.map(row => formatFit(row, paint)).join('\n')
  return others.length === 0 ? good : `${good}\nNot these:\n${formatOthers(others)}`
}

/** As in a config. */
export function formatLink({ kind, options }: Pick<Candidate, 'kind' | 'options'>): string {
  const rest = Object.entries(options).map(([name, value]) => `, ${name}: ${formatValue(value)}`)
  return `{ kind: '${kind}'${rest.join('')} }`
}

const formatValue = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value))

function formatFit(candidate: Candidate, paint: Paint): string {
  const measured = figures[`${candidate.kind} ${candidate.variant}`] ?? figures[candidate.kind]
  const table = measured === undefined ? '' : formatFigures(measured, candidate.form, paint)
  return `${paint(formatLink(candidate), 'bold')}\n  ${candidate.summary}\n${table}`
}

function formatFigures(measured: Figures, form: Form, paint: Paint): string {
  const rows = measured.map(([size, rate, p50Us, p99Us]) => [
    { text: size === 0 ? '  no bytes' : `  ${formatBytes(size)}` },
    { text: rate === null ? '-' : `${Math.round(rate).toLocaleString('en')}/s`, align: 'right' } as const,
    { text: p50Us === null ? '-' : formatMicroseconds(p50Us), align: 'right' } as const,
    { text: p99Us === null ? '-' : formatMicroseconds(p99Us), align: 'right' } as const,
  ])
  const [rate, trip] = form === 'permits' ? ['taken when free', 'handed over and back'] : ['one way', 'there and back']
  return formatTable(['  Node to Node', rate, `${trip}, p50`, 'p99'], rows, paint)
}

const formatMicroseconds = (us: number): string => (us < 1000 ? `${us.toFixed(1)}us` : formatDuration(us / 1000))

function formatOthers(others: Chosen['others']): string {
  return others.map(({ candidate, reasons }) => `  ${formatLink(candidate)}: ${reasons.join(', ')}\n`).join('')
}
