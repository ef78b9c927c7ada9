/** What the parts of the expansion share: between a checked config and its Plan. */
import { isAbsolute, resolve } from 'node:path'
import type { Kind, Side, Traits } from '../../ipc/kind.js'
import type { LinkOptions } from '../../ipc/options.js'
import { suggest } from '../../nearest.js'
import type { Need, PlannedLink, PlannedProcess } from '../plan.js'
import { type Findings, listChoices, quote } from '../problems.js'
import type { Kinds } from '../schema.js'

export interface Scope {
  readonly kinds: Kinds
  /** What relative paths are relative to. */
  readonly directory: string
  readonly stopTimeoutMs: number
  /** Every link, in declared order; pipelines add theirs. */
  readonly links: Map<string, DraftLink>
  /** Names of links, processes and pipelines that are left out because something is wrong in them. */
  readonly lost: { readonly links: ReadonlySet<string>; readonly processes: ReadonlySet<string> }
  readonly findings: Findings
}

/** A link before anybody uses it. */
export interface DraftLink {
  readonly name: string
  /** Where it stands in the config. */
  readonly path: string
  readonly kind: Kind
  readonly sides: PlannedLink['sides']
  readonly traits: Traits
  readonly options: LinkOptions
  readonly lifetime: PlannedLink['lifetime']
  /** Several writers do no harm: each write is whole lines. */
  readonly isLineWise: boolean
  /** Several readers are meant. */
  readonly isShared: boolean
}

/** A process, or a stage of a pipeline, before replicas and needs. */
export interface Draft {
  /** Name without the number of a replica. */
  readonly name: string
  readonly path: string
  readonly replicas: number | null
  readonly plan: Omit<PlannedProcess, 'name' | 'needs'>
  /** By names as the config has them. */
  readonly needs: Readonly<Record<string, Need>>
}

/** A link by its name; null (and a problem at `path`) when there is none. */
export function findLink(
  scope: Scope,
  name: string,
  path: string,
  otherWords: readonly string[] = [],
): DraftLink | null {
  const link = scope.links.get(name)
  if (link !== undefined) return link
  if (scope.lost.links.has(name)) return null
  const names = [...scope.links.keys()]
  const known = names.length === 0 ? 'The config declares no links.' : `Links: ${names.slice(0, 20).join(', ')}.`
  scope.findings.report(
    path,
    `there is no link ${quote(name)}.${suggest(name, [...names, ...otherWords]) || ` ${known}`}`,
  )
  return null
}

/** A side of a link by its name; null (and a problem at `path`) when the kind has none of that name. */
export function findSide(scope: Scope, link: DraftLink, name: string, path: string): Side | null {
  const { sides } = link
  if (Object.hasOwn(sides, name)) return sides[name]!
  const names = Object.keys(sides)
  const hint = suggest(name, names) || ` Its sides: ${listChoices(names)}.`
  scope.findings.report(path, `link "${link.name}" (${link.kind.name}) has no side ${quote(name)}.${hint}`)
  return null
}

/** An absolute path. */
export function resolvePath(directory: string, path: string): string {
  return isAbsolute(path) ? path : resolve(directory, path)
}
