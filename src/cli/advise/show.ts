/** The advice as text. */
import type { Form } from '../../ipc/kind.js'
import { formatBytes, formatTable, type Paint } from '../show/text.js'
import type { Candidate } from './candidates.js'
import type { Chosen } from './choose.js'
import type { Figures } from './figures.js'
import type { Answers } from './questions.js'
import type { Ranked } from './rank.js'
import { formatMicroseconds, formatRate } from './speed.js'

export function formatAdvice({ fitting, others }: Chosen, { purpose }: Answers, paint: Paint): string {
  const [best, ...also] = fitting
  return [
    best === undefined ? 'No kind of link does all of that.\n' : formatBest(best, purpose, paint),
    also.length === 0
      ? ''
      : `\nAlso, the better first:\n${also.map(({ candidate, but }) => formatRow(candidate, but)).join('')}`,
    others.length === 0
      ? ''
      : `\nNot these:\n${others.map(({ candidate, reasons }) => formatRow(candidate, reasons)).join('')}`,
  ].join('')
}

/** As in a config. */
export function formatLink({ kind, options }: Pick<Candidate, 'kind' | 'options'>): string {
  return `{ ${[`kind: '${kind}'`, ...listOptions(options)].join(', ')} }`
}

function listOptions(options: Candidate['options']): string[] {
  return Object.entries(options).map(([name, value]) => `${name}: ${formatValue(value)}`)
}

const formatValue = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value))

/** The heaviest: a line is short. */
const mostReasons = 2

const formatRow = (candidate: Candidate, reasons: readonly string[]): string =>
  `  ${formatLink(candidate)}: ${reasons.slice(0, mostReasons).join('; ')}\n`

function formatBest({ candidate, but }: Ranked, name: string, paint: Paint): string {
  const { kind, summary, figures, form } = candidate
  const options = listOptions(candidate.options).join(', ')
  return [
    `${paint(`Take: ${kind}${options === '' ? '' : ` (${options})`}`, 'bold')}\n`,
    `  ${summary}\n`,
    but.length === 0 ? '' : `  But it ${but.join('; ')}.\n`,
    `\n  links: { ${name}: ${formatLink(candidate)} }\n`,
    figures === null ? '' : `\n${formatFigures(figures, form, paint)}`,
  ].join('')
}

function formatFigures(measured: Figures, form: Form, paint: Paint): string {
  const rows = measured.map(([size, rate, p50Us, p99Us]) => [
    { text: size === 0 ? '  no bytes' : `  ${formatBytes(size)}` },
    { text: rate === null ? '-' : `${formatRate(rate)}/s`, align: 'right' } as const,
    { text: p50Us === null ? '-' : formatMicroseconds(p50Us), align: 'right' } as const,
    { text: p99Us === null ? '-' : formatMicroseconds(p99Us), align: 'right' } as const,
  ])
  const [rate, trip] = form === 'permits' ? ['taken when free', 'handed over and back'] : ['one way', 'there and back']
  return formatTable(['  Node to Node', rate, `${trip}, p50`, 'p99'], rows, paint)
}
