import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { makeJsonSchema } from '../../src/config/json-schema.js'
import { kinds } from './support.js'

const schema = makeJsonSchema(kinds)
// An independent reader: zod's own reading of JSON Schema, which shares no code with the schema it was made from.
const reader = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0])
const isValid = (config: unknown) => reader.safeParse(config).success

const example = {
  $schema: './ipcsup.schema.json',
  name: 'orders',
  links: { lines: { kind: 'pipe', capacity: '1MiB' }, talk: { kind: 'socketpair', type: 'dgram' } },
  processes: {
    tail: { command: 'tail -F orders.log', stdout: 'lines' },
    parse: {
      command: ['node', 'parse.js'],
      stdin: 'lines',
      links: { talk: { side: 'a', fd: 7 } },
      restart: { policy: 'always', initial: '100ms' },
    },
    peer: {
      command: 'peer',
      links: { talk: 'b' },
      env: { A: null, B: 1 },
      needs: ['tail'],
      stdout: { file: 'x', append: true },
    },
  },
  pipelines: { top: 'sort x | uniq -c', more: { line: 'cat', stdin: 'lines' } },
  drainTimeout: '10s',
}

describe('the JSON Schema of a config', () => {
  it('is of draft 2020-12', () => {
    expect(schema['$schema']).toBe('https://json-schema.org/draft/2020-12/schema')
  })

  it('takes a valid config', () => {
    expect(reader.safeParse(example).error?.issues ?? []).toEqual([])
  })

  it.each([
    ['an unknown key', { ...example, linkz: {} }],
    ['an unknown key of a process', { processes: { a: { command: 'a', stdinn: 'x' } } }],
    ['an unknown kind', { links: { x: { kind: 'pip' } } }],
    ["another kind's option", { links: { x: { kind: 'pipe', path: 'x' } } }],
    ['a missing command', { processes: { a: {} } }],
    ['a size that is none', { links: { x: { kind: 'pipe', capacity: '1KB' } } }],
    ['a time that is none', { drainTimeout: '10sec' }],
    ['a name that is none', { processes: { '9': { command: 'a' } } }],
    ['a policy that is none', { processes: { a: { command: 'a', restart: 'alwys' } } }],
  ])('refuses %s', (_, config) => {
    expect(isValid(config)).toBe(false)
  })

  it('describes every key', () => {
    const text = JSON.stringify(schema)
    expect(text).toContain('Such as 0o027')
    expect(text).toContain('Default: 0o600.')
    expect(text).toContain(kinds['pipe']!.summary)
    const { properties } = schema as { properties: Record<string, { description?: string }> }
    for (const [key, value] of Object.entries(properties))
      expect([key, value.description]).toEqual([key, expect.any(String)])
  })

  it('has the options of every kind in the registry', () => {
    const text = JSON.stringify(schema)
    for (const kind of Object.values(kinds))
      for (const option of Object.values(kind.options))
        expect(text).toContain(JSON.stringify(option.about).slice(1, -1))
  })
})
