import { describe, expect, test } from 'vitest'
import { isVerb, type VerbName, verbNames, verbs } from '../../src/cli/verbs.js'
import { resolveOptions } from '../../src/config/expand/options.js'
import { makeJsonSchema } from '../../src/config/json-schema.js'
import { makeSchema } from '../../src/config/schema.js'
import type { Kind, Traits } from '../../src/ipc/kind.js'
import { kinds } from '../../src/ipc/kinds/index.js'
import { makeSubject } from '../ipc/subject.js'
import { findSection, readPage, readTable } from '../support/documents.js'

const registry: Readonly<Record<string, Kind>> = kinds

describe('docs/config.md', () => {
  const page = readPage('docs/config.md')
  const prose = page.sections.map(section => section.prose).join('\n')
  const objects = listObjects(makeJsonSchema(kinds))
  const tables = [...prose.matchAll(/<!-- keys of (.+?) -->/g)].map(([marker, paths]) => ({
    paths: paths!.split(', ').map(path => (path === 'a config' ? '' : path)),
    rows: readTable(prose, marker),
  }))

  test('has one table for every object of the schema', () => {
    expect(tables.flatMap(table => table.paths).sort()).toEqual([...objects.keys()].sort())
  })

  test.each(tables)('has a row for every key of $paths, and no other', ({ paths, rows }) => {
    const keys = new Set(paths.flatMap(path => [...objects.get(path)!.keys()]))
    if (paths.includes('links.*')) for (const option of listKindOptions()) keys.delete(option)
    expect(rows.map(([key]) => key)).toEqual([...keys].map(key => `\`${key}\``))
  })

  test.each(tables)('gives the defaults of $paths as the schema does', ({ paths, rows }) => {
    for (const [key, shown] of rows) {
      const descriptions = paths.map(path => objects.get(path)!.get(key!.replaceAll('`', '')))
      for (const description of descriptions) {
        const [, wanted] = /Default:? "?([A-Za-z0-9-]+)(?:"|[.;]|$)/.exec(description ?? '') ?? []
        if (wanted !== undefined) expect(`${key} ${shown}`).toContain(wanted)
      }
    }
  })

  test.each(tables)('has an example for every key of $paths that a config may have', ({ paths, rows }) => {
    for (const [key, , example] of rows) {
      const keyOnly = key!.replaceAll('`', '')
      const value = readExample(example!)
      expect(Object.keys(value)).toContain(keyOnly)
      const path = paths.find(name => objects.get(name)!.has(keyOnly))!
      expect(problemsOf(place(path, value)), `${key}: ${example}`).toEqual([])
    }
  })
})

describe.each(Object.values(registry))('docs/kinds/$name.md', kind => {
  const page = readPage(`docs/kinds/${kind.name}.md`)
  const rows = readTable(findSection(page, 'Options').prose, '')

  test('has a row for every option, and no other', () => {
    expect(rows.map(([key]) => key)).toEqual(Object.keys(kind.options).map(key => `\`${key}\``))
  })

  test('has an example for every option that a config may have', () => {
    for (const [key, , example] of rows) {
      const link = { kind: kind.name, ...readExample(example!) }
      expect(problemsOf({ links: { example: link } }), `${key}: ${example}`).toEqual([])
    }
  })

  test('names every side', () => {
    const text = page.sections.map(section => section.prose).join('\n')
    for (const side of listSides(kind)) expect(text).toContain(`\`${side}\``)
  })
})

test('docs/links.md has the traits of every kind as the registry has them', () => {
  const { prose } = findSection(readPage('docs/links.md'), 'What each kind promises')
  // The formatter aligns the columns.
  expect(prose.replace(/ +\|/g, ' |').replace(/-{3,}/g, '---')).toContain(makeTraitsTable())
})

/** Of every variant. */
function listSides(kind: Kind): Set<string> {
  return new Set(Object.keys(kind.variants).flatMap(variant => Object.keys(makeSubject(kind, variant).sides)))
}

describe('docs/cli.md', () => {
  const page = readPage('docs/cli.md')

  test('has a section for every verb, in the order of the help', () => {
    expect(page.sections.map(section => section.heading).filter(isVerb)).toEqual(verbNames)
  })

  test.each(verbNames)('shows a command line with %s', name => {
    const shown = findSection(page, name).blocks.filter(block => block.language === 'sh')
    expect(shown.map(block => block.text).join('')).toContain(`ipcsup ${name}`)
  })

  test.each(verbNames)('has a row for every option of %s, and no other', async name => {
    const rows = readTable(`${findSection(page, name).prose}\n`, '')
    const options = ((await verbs[name as VerbName].load()).options ?? []).filter(option => option.hidden !== true)
    expect(rows.map(([flags]) => flags)).toEqual(options.map(({ flags }) => `\`${flags}\``))
  })
})

/** Every object in a JSON Schema: path (`*` for any name) → key → description. Alternatives at one place are merged. */
function listObjects(schema: object): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>()
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return
    const { properties, additionalProperties, anyOf, oneOf } = node as JsonSchema
    for (const alternative of [...(anyOf ?? []), ...(oneOf ?? [])]) visit(alternative, path)
    visit(additionalProperties, path === '' ? '*' : `${path}.*`)
    if (properties === undefined) return
    const keys = found.get(path) ?? new Map<string, string>()
    found.set(path, keys)
    for (const [key, value] of Object.entries(properties)) {
      keys.set(key, value.description ?? '')
      visit(value, path === '' ? key : `${path}.${key}`)
    }
  }
  visit(schema, '')
  return found
}

interface JsonSchema {
  readonly description?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
}

/** But for those that every other link has too. */
function listKindOptions(): Set<string> {
  const own = new Set(Object.values(registry).flatMap(kind => Object.keys(kind.options)))
  const { pipe } = kinds
  for (const key of listObjects(makeJsonSchema({ pipe })).get('links.*')!.keys())
    if (!Object.hasOwn(pipe.options, key)) own.delete(key)
  return own
}

/** `cwd: 'src'` in backticks, as the object that it is part of. */
function readExample(cell: string): Record<string, unknown> {
  const code = /^`(.*)`$/.exec(cell)?.[1]
  if (code === undefined) throw new Error(`no example in backticks: ${cell}`)
  return new Function(`return ({ ${code} })`)() as Record<string, unknown>
}

/** A whole config that has `value` at `path`, with what must stand beside it. */
function place(path: string, value: Record<string, unknown>): object {
  if (path === '') return value
  const steps = path.split('.')
  let config: object = value
  for (let length = steps.length; length > 0; length--) {
    const beside = needed[steps.slice(0, length).join('.')]
    const name = steps[length - 1]!
    config = { [name === '*' ? 'example' : name]: { ...beside, ...config } }
  }
  return config
}

const needed: Readonly<Record<string, object>> = {
  'links.*': { kind: 'pipe' },
  'processes.*': { command: 'true' },
  'pipelines.*': { line: 'true' },
  'processes.*.links.*': { side: 'read' },
}

function problemsOf(config: object): readonly string[] {
  const result = makeSchema(kinds).safeParse(config)
  return result.success ? [] : result.error.issues.map(issue => issue.message)
}

/** A column for each kind, or for each group of its variants that promise the same. */
function makeTraitsTable(): string {
  const columns = Object.values(registry).flatMap(listColumns)
  const names = Object.keys(columns[0]!.traits) as (keyof Traits)[]
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    row(['trait', ...columns.map(column => column.title)]),
    row(['---', ...columns.map(() => '---')]),
    ...names.map(name => row([`\`${name}\``, ...columns.map(({ traits }) => (traits[name] ? 'yes' : 'no'))])),
  ].join('\n')
}

function listColumns(kind: Kind): { title: string; traits: Traits }[] {
  const groups = new Map<string, { variants: string[]; traits: Traits }>()
  for (const [variant, given] of Object.entries(kind.variants)) {
    const traits = kind.traits(resolveOptions(kind, given, '/'))
    const key = JSON.stringify(traits)
    groups.set(key, { traits, variants: [...(groups.get(key)?.variants ?? []), variant] })
  }
  return [...groups.values()].map(({ variants, traits }) => ({
    title: groups.size === 1 ? kind.name : `${kind.name} ${variants.join(', ')}`,
    traits,
  }))
}
