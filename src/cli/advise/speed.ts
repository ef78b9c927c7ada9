/** How fast a link is at what was asked for, by what was measured between two Node programs. */
import { formatBytes, formatDuration } from '../show/text.js'
import type { Candidate } from './candidates.js'
import type { Answers } from './questions.js'

export interface Speed {
  /** Only what was measured in the same way can be compared. */
  readonly unit: 'sent' | 'taken' | 'there and back'
  readonly perSecond: number
  /** Bytes of a message. */
  readonly size: number
}

/** null: not measured. */
export function findSpeed({ figures, form }: Candidate, { size: wished }: Answers): Speed | null {
  const row = wished === 'large' ? figures?.at(-1) : figures?.[0]
  if (!row) return null
  const [size, rate, p50Us] = row
  if (rate !== null) return { unit: form === 'permits' ? 'taken' : 'sent', perSecond: rate, size }
  return p50Us === null ? null : { unit: 'there and back', perSecond: 1e6 / p50Us, size }
}

/** `280,000/s of 64 B`, `55.6us there and back`. */
export function formatSpeed(speed: Speed): string {
  const what = { sent: `of ${formatBytes(speed.size)}`, taken: 'taken when free', 'there and back': 'there and back' }
  return `${formatAmount(speed)} ${what[speed.unit]}`
}

/** `280,000/s`, `55.6us`. */
export function formatAmount({ unit, perSecond }: Speed): string {
  return unit === 'there and back' ? formatMicroseconds(1e6 / perSecond) : `${formatRate(perSecond)}/s`
}

export const formatRate = (rate: number): string => Math.round(rate).toLocaleString('en')

export const formatMicroseconds = (us: number): string => (us < 1000 ? `${us.toFixed(1)}us` : formatDuration(us / 1000))
