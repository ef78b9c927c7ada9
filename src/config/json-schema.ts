import * as z from 'zod/mini'
import { descriptions } from './fields.js'
import { type Kinds, makeSchema } from './schema.js'

/** The JSON Schema (draft 2020-12) of a config, for editors and other tools: what `ipcsup schema` prints. */
export function makeJsonSchema(kinds: Kinds): Readonly<Record<string, unknown>> {
  const { $schema, ...schema } = z.toJSONSchema(makeSchema(kinds), { io: 'input', metadata: descriptions })
  return { $schema, title: 'ipcsup config', ...schema }
}
