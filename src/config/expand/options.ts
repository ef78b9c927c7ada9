import type { Kind } from '../../ipc/kind.js'
import type { LinkOptions, OptionField, OptionValue } from '../../ipc/options.js'
import { parseMode } from '../modes.js'
import { parseSize } from '../units.js'
import { resolvePath } from './scope.js'

type Option = OptionValue

/**
 * Options of a link as the Plan has them: units resolved, defaults filled in, paths absolute.
 *
 * @param given - fits the schema of the kind
 */
export function resolveOptions(kind: Kind, given: Readonly<Record<string, unknown>>, directory: string): LinkOptions {
  return Object.fromEntries(
    Object.entries(kind.options).map(([name, field]) => [
      name,
      resolveOption(field, given[name] as Option | undefined, directory),
    ]),
  )
}

function resolveOption(field: OptionField, given: Option | undefined, directory: string): Option {
  const value = given ?? (field.required ? null : field.default)
  const resolver: ((value: string, directory: string) => Option) | undefined = resolvers[field.type]
  return typeof value === 'string' && resolver !== undefined ? resolver(value, directory) : value
}

const keep = undefined

const resolvers = {
  size: (value: string) => parseSize(value),
  mode: (value: string) => parseMode(value),
  path: (value: string, directory: string) => resolvePath(directory, value),
  string: keep,
  boolean: keep,
  user: keep,
  group: keep,
  protocol: keep,
  integer: keep,
  integers: keep,
  choice: keep,
} as const satisfies Record<OptionField['type'], ((value: string, directory: string) => Option) | undefined>
