/** A config against its schema: everything wrong in it, and what is left of it when that is taken out. */
import type * as z from 'zod/mini'
import type { Config } from './define.js'
import type { Findings } from './problems.js'
import { type Kinds, makeSchema } from './schema.js'

export interface Validated {
  /** The config without what was wrong, so that the rest can be looked at too. Fits the schema. */
  readonly config: Config
  /** Nothing was wrong. */
  readonly isWhole: boolean
}

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

// Each round takes out at least one value; what a round finds further up (a required key is now missing) is rare.
const mostRounds = 16

/** Checks `input` and reports what the schema finds. Nothing of `input` is changed. */
export function validateConfig(input: unknown, kinds: Kinds, findings: Findings): Validated {
  // An object without keys, as far as zod can see.
  if (input instanceof Promise) {
    findings.report('', 'must be a config, got a promise. Wait for it, with `await`.')
    return { config: {}, isWhole: false }
  }
  const schema = makeSchema(kinds, listKinds(input, kinds))
  const hidden = findHidden(input, [])
  for (const path of hidden)
    findings.report(joinPath(path), 'is no valid name: JavaScript has that for itself. Choose another one.')
  let rest = hidden.reduce(removeAt, input)
  for (let round = 0; round < mostRounds; round++) {
    const result = schema.safeParse(rest)
    if (result.success) return { config: rest as Config, isWhole: round === 0 && hidden.length === 0 }
    const issues = result.error.issues.flatMap(issue => flatten(issue, []))
    if (round === 0) reportIssues(issues, findings)
    const paths = new Map(issues.flatMap(pathsOf).map(path => [joinPath(path), path]))
    for (const path of paths.values()) rest = removeAt(rest, path)
  }
  return { config: {}, isWhole: false }
}

// processes.<name>.env.<name>: names stand no deeper, and a config written as code may contain itself.
const mostKeys = 4

/** Paths of what zod passes over wherever names are free: keys that JSON can have, and that no object can have by `=`. */
function findHidden(value: unknown, path: Path): Path[] {
  if (typeof value !== 'object' || value === null || path.length === mostKeys) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '__proto__' ? [[...path, key]] : findHidden(inner, [...path, key]),
  )
}

/** The kinds that the links of a config have, as far as there are such. */
function listKinds(input: unknown, kinds: Kinds): string[] {
  const links: unknown = (input as Config | null | undefined)?.links
  const named = Object.values(links ?? {}).map(link => (link as { kind?: unknown } | null)?.kind)
  return Object.keys(kinds).filter(name => named.includes(name))
}

function reportIssues(issues: readonly Issue[], findings: Findings): void {
  for (const issue of issues) {
    const messages = issue.code === 'unrecognized_keys' ? issue.message.split('\n') : [issue.message]
    pathsOf(issue).forEach((path, index) => {
      findings.report(joinPath(path), messages[index]!)
    })
  }
}

/** Paths of the values at fault: an unknown key is one of its own. */
function pathsOf(issue: Issue): readonly Path[] {
  return issue.code === 'unrecognized_keys' ? issue.keys.map(key => [...issue.path, key]) : [issue.path]
}

/**
 * Where a value may have several forms, the issues of the form that was meant: the one whose own type fits and that has
 * the fewest; the sentence about all forms when none fits.
 */
function flatten(issue: Issue, parent: Path): Issue[] {
  const path = [...parent, ...issue.path]
  const forms = issue.code === 'invalid_union' ? issue.errors.filter(issues => issues.every(isInside)) : []
  const meant = forms.toSorted((a, b) => countFaults(a) - countFaults(b))[0]
  return meant === undefined ? [{ ...issue, path }] : meant.flatMap(inner => flatten(inner, path))
}

function isInside(issue: Issue): boolean {
  return issue.path.length > 0 || issue.code === 'unrecognized_keys'
}

function countFaults(issues: readonly Issue[]): number {
  return issues.reduce((count, issue) => count + pathsOf(issue).length, 0)
}

/** `links.lines.kind`, `processes.sort.command[1]`. */
function joinPath(path: Path): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('')
}

/** `value` without what is at `path`; when nothing is there, or it is an item of a list, without what holds it. */
function removeAt(value: unknown, path: Path): unknown {
  const [key, ...rest] = path
  if (key === undefined || typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const holder = value as Readonly<Record<PropertyKey, unknown>>
  if (!Object.hasOwn(holder, key)) return rest.length === 0 ? undefined : value
  const inner = rest.length === 0 ? undefined : removeAt(holder[key], rest)
  const { [key]: _, ...others } = holder
  return inner === undefined ? others : { ...holder, [key]: inner }
}
