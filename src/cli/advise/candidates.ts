/** What there is to choose from: each kind, and what a user chooses of it. */
import { resolveOptions } from '../../config/expand/options.js'
import { type Advice, usualAdvice } from '../../ipc/advice.js'
import type { Form, Kind, Traits } from '../../ipc/kind.js'
import { type Figures, figures } from './figures.js'

export interface Candidate {
  readonly kind: string
  /** Options that make it this one, as a config has them. */
  readonly options: Readonly<Record<string, unknown>>
  readonly summary: string
  readonly form: Form
  readonly traits: Traits
  readonly parts: readonly string[]
  /** What a reader took and had not acknowledged when it died comes again. */
  readonly acknowledges: boolean
  /** Its bytes carry messages that stay whole. */
  readonly isFramed: boolean
  readonly advice: Advice
  /** null: not measured. */
  readonly figures: Figures | null
  /** Candidates with the same word differ in options only: the advice has one of them. */
  readonly entry: string
}

export function listCandidates(kinds: Readonly<Record<string, Kind>>): Candidate[] {
  return Object.values(kinds).flatMap(kind =>
    Object.entries(kind.choices ?? { usual: {} }).map(([choice, options]) => describeChoice(kind, choice, options)),
  )
}

function describeChoice(kind: Kind, choice: string, given: Readonly<Record<string, unknown>>): Candidate {
  const options = resolveOptions(kind, given, '/')
  const form = kind.form(options)
  const isFramed = 'frame' in given
  return {
    kind: kind.name,
    options: given,
    summary: kind.summary,
    form,
    traits: kind.traits(options),
    parts: kind.parts(options),
    acknowledges: Object.values(kind.sides(options)).some(({ acknowledges }) => acknowledges === true),
    advice: { ...usualAdvice, ...kind.advice?.(options) },
    isFramed,
    ...(isFramed ? { figures: null, entry: `${kind.name} framed` } : findFigures(kind, choice, form)),
  }
}

/** What was measured by itself is a choice by itself. Figures of a whole kind are those of its first choice. */
function findFigures(kind: Kind, choice: string, form: Form): Pick<Candidate, 'figures' | 'entry'> {
  const own = `${kind.name} ${choice}`
  if (figures[own] !== undefined) return { figures: figures[own], entry: own }
  const [first = {}] = Object.values(kind.choices ?? {})
  const isUsual = kind.form(resolveOptions(kind, first, '/')) === form
  return { figures: (isUsual && figures[kind.name]) || null, entry: `${kind.name} ${form}` }
}
