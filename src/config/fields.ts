/** The values that a config is made of, as zod schemas with the sentences of their errors. */
import * as z from 'zod/mini'
import type { OptionField } from '../ipc/options.js'
import { suggest } from '../nearest.js'
import { parseMode } from './modes.js'
import { listChoices, quote } from './problems.js'
import { parseSize, parseTime, sizeForm, sizePattern, timeForm, timePattern } from './units.js'
import { describeUnknownKeys } from './unknown-keys.js'

export type Schema = z.ZodMiniType

/** Descriptions for the JSON Schema. */
export const descriptions = z.registry<{ description: string }>()

export function describe<S extends Schema>(description: string, schema: S): S {
  descriptions.add(schema, { description })
  return schema
}

/** A key that may be left out. */
export const described = <S extends Schema>(description: string, schema: S) => optional(describe(description, schema))

/** A shape in which every key of the type must occur. */
export type ShapeOf<Type> = { [Key in keyof Required<Type>]: Schema }

interface RawIssue {
  readonly code?: string
  readonly input?: unknown
}

/** The error of a value that must be `form`. */
export function expect(form: string) {
  return { error: (issue: RawIssue) => mustBe(form, issue.input) }
}

function mustBe(form: string, input: unknown): string {
  return input === undefined ? `is missing; it must be ${form}.` : `must be ${form}, got ${quote(input)}.`
}

/** An object of these keys and no others. One line of its message for each unknown key. */
export function closed<Shape extends Record<string, Schema>>(form: string, shape: Shape) {
  const known = Object.keys(shape)
  return z.strictObject(shape, {
    error: issue => {
      if (issue.code !== 'unrecognized_keys') return mustBe(form, issue.input)
      return describeUnknownKeys(issue.keys, form, known)
    },
  })
}

export function choice<const Choices extends readonly [string, ...string[]]>(choices: Choices) {
  const form = choices.length === 1 ? listChoices(choices) : `one of ${listChoices(choices)}`
  return z.enum(choices, {
    error: issue => mustBe(form, issue.input) + (typeof issue.input === 'string' ? suggest(issue.input, choices) : ''),
  })
}

/** Names of links, processes and pipelines; `.` is for names that ipcsup makes. */
export const namePattern = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/
const nameForm = 'a letter, then at most 62 letters, digits, "_" or "-"'

export function name() {
  return z.string(expect(`a name: ${nameForm}`)).check(z.regex(namePattern, expect(`a name: ${nameForm}`)))
}

/** An object whose keys are names. */
export function named<Value extends Schema>(form: string, value: Value) {
  return z.record(z.string().check(z.regex(namePattern)), value, {
    error: issue =>
      issue.code === 'invalid_key' ? `is no valid name; a name is ${nameForm}.` : mustBe(form, issue.input),
  })
}

/**
 * Text that the kernel can take: not empty where `isFilled`, no NUL.
 *
 * @param options.isSecret - the message does not quote it
 */
export function text(form: string, { isFilled = true, isSecret = false } = {}) {
  const pattern = isFilled ? /^[^\0]+$/ : /^[^\0]*$/
  const error = ({ input }: RawIssue) => {
    if (input === '') return form === '' ? 'must not be empty.' : mustBe(form, input)
    return `must be text without a NUL${isSecret ? '' : `, got ${quote(input)}`}.`
  }
  return z.string(expect(form)).check(z.regex(pattern, { error }))
}

export function whole(min: number, max: number, form = `a whole number from ${min} to ${max}`) {
  return z.int(expect(form)).check(z.gte(min, expect(form)), z.lte(max, expect(form)))
}

/** A number, or a string that `parse` understands. */
function quantity(form: string, pattern: RegExp, parse: (value: string | number) => number | null) {
  const isValid = z.refine(value => parse(value as string | number) !== null, expect(form))
  return z.union(
    [z.number().check(z.gte(0, expect(form)), isValid), z.string().check(z.regex(pattern, expect(form)), isValid)],
    expect(form),
  )
}

export const size = () => quantity(sizeForm, sizePattern, parseSize)
export const time = () => quantity(timeForm, timePattern, parseTime)
export const mode = () => quantity('permission bits such as 0o660 or "660"', /^(0o?)?[0-7]{1,4}$/, parseMode)

export const boolean = () => z.boolean(expect('true or false'))

export const optional = <S extends Schema>(schema: S) => z.optional(schema)

const scalars = {
  size,
  mode,
  path: () => text('a path'),
  string: () => text('a string', { isFilled: false }),
  boolean,
  user: () => z.union([whole(0, 2 ** 32 - 2), text('a user')], expect('a user: its name or number')),
  group: () => z.union([whole(0, 2 ** 32 - 2), text('a group')], expect('a group: its name or number')),
  protocol: () =>
    z.union([whole(1, 255), text('a protocol')], expect('a protocol: its name, or a number from 1 to 255')),
} as const satisfies Record<Exclude<OptionField['type'], 'integer' | 'integers' | 'choice'>, () => Schema>

/** The schema of one option of a kind. */
export function optionField(field: OptionField): Schema {
  const schema = describe(describeOption(field), schemaOf(field))
  return field.required ? schema : optional(schema)
}

function schemaOf(field: OptionField): Schema {
  if (field.type === 'integer') return whole(field.min, field.max)
  if (field.type === 'integers') return z.array(whole(field.min, field.max), expect('a list of whole numbers'))
  if (field.type === 'choice') return choice(field.choices as readonly [string, ...string[]])
  return scalars[field.type]()
}

function describeOption(field: OptionField): string {
  if (field.required || field.default === null) return field.about
  const shown = field.type === 'mode' ? `0o${Number(field.default).toString(8)}` : field.default
  return `${field.about} Default: ${shown}.`
}
