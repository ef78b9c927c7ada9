/** What there is to choose from: each kind in each of its variants. */
import { resolveOptions } from '../../config/expand/options.js'
import type { Advice, Form, Kind, Traits } from '../../ipc/kind.js'

export interface Candidate {
  readonly kind: string
  /** Options that make it this one, as a config has them. */
  readonly options: Readonly<Record<string, unknown>>
  /** Name of the variant. */
  readonly variant: string
  readonly summary: string
  readonly form: Form
  readonly traits: Traits
  readonly parts: readonly string[]
  readonly advice: Advice
}

/** Variants that promise the same are one candidate: the first. */
export function listCandidates(kinds: Readonly<Record<string, Kind>>): Candidate[] {
  return Object.values(kinds).flatMap(kind => {
    const all = Object.entries(kind.variants).map(([variant, options]) => describeVariant(kind, variant, options))
    return [...new Map(all.toReversed().map(candidate => [promisesOf(candidate), candidate])).values()].toReversed()
  })
}

function describeVariant(kind: Kind, variant: string, given: Readonly<Record<string, unknown>>): Candidate {
  const options = resolveOptions(kind, given, '/')
  const advice = {
    largestMessageBytes: null,
    outlivesStop: false,
    copies: false,
    options: {},
    ...kind.advice?.(options),
  }
  return {
    kind: kind.name,
    options: { ...given, ...advice.options },
    variant,
    summary: kind.summary,
    form: kind.form(options),
    traits: kind.traits(options),
    parts: kind.parts(options),
    advice,
  }
}

function promisesOf({ form, traits, parts, advice }: Candidate): string {
  return JSON.stringify([form, traits, parts, advice])
}
