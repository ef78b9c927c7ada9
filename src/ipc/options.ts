/** The options of a kind: how a config says them, and how a Plan has them. */

/** One option of a kind, in the vocabulary that the config schema is made from. */
export type OptionField = { readonly about: string } & (
  | { readonly type: 'size' | 'mode' | 'path' | 'string' | 'boolean' | 'user' | 'group' | 'protocol' }
  | { readonly type: 'integer' | 'integers'; readonly min: number; readonly max: number }
  | { readonly type: 'choice'; readonly choices: readonly string[] }
) &
  ({ readonly required: true } | { readonly required: false; readonly default: string | number | boolean | null })

/** Options as the Plan has them: units resolved, defaults filled in, paths absolute. */
export type LinkOptions = Readonly<Record<string, OptionValue>>

/** Only `integers` have more than one value. */
export type OptionValue = string | number | boolean | null | readonly number[]

/** Problems of those of `names` that a config says itself: there they would be taken without a word and do nothing. */
export function refuseGiven(
  given: Readonly<Record<string, unknown>>,
  names: readonly string[],
  message: string,
): OptionProblem[] {
  return names.filter(name => given[name] !== undefined).map(option => ({ option, message }))
}

/** Something wrong in the options of a link that no single option shows. */
export interface OptionProblem {
  /** The option to look at; null: the link as a whole. */
  readonly option: string | null
  /** A sentence that goes on from the option's path: what is wrong, and what to do. */
  readonly message: string
}
