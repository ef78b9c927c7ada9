import type { Config } from '../define.js'
import { resolveOptions } from './options.js'
import type { DraftLink, Scope } from './scope.js'

/** Words that stand for something else where a link may be named. */
const reserved = new Set(['null', 'inherit', 'log', 'stdin', 'stdout', 'stderr'])

/** Puts the declared links into the scope, and reports names that cannot be told apart. */
export function expandLinks(declared: Config['links'], scope: Scope): void {
  const byVariable = new Map<string, string>()
  for (const [name, given] of Object.entries(declared ?? {})) {
    const path = `links.${name}`
    if (reserved.has(name))
      scope.findings.report(path, `"${name}" means something else in stdin, stdout and stderr. Rename the link.`)
    const variable = variableOf(name)
    const other = byVariable.get(variable)
    if (other !== undefined)
      scope.findings.report(
        path,
        `would have the same variable IPCSUP_FD_${variable} as the link "${other}". Rename one of them.`,
      )
    byVariable.set(variable, name)
    const { kind, lifetime, writers, readers, ...options } = given as LinkInput
    scope.links.set(name, draftLink(scope, { name, path, kind, options, lifetime, writers, readers }))
  }
}

interface LinkInput {
  readonly kind: string
  readonly lifetime?: DraftLink['lifetime'] | undefined
  readonly writers?: 'lines' | undefined
  readonly readers?: 'shared' | undefined
}

/** A link of the scope's registry of kinds; `options` as a config has them. */
export function draftLink(
  scope: Scope,
  given: LinkInput & { name: string; path: string; options: Readonly<Record<string, unknown>> },
): DraftLink {
  const kind = scope.kinds[given.kind]!
  const options = resolveOptions(kind, given.options, scope.directory)
  for (const { option, message } of kind.check?.(options, given.options) ?? []) {
    const path = option === null ? given.path : `${given.path}.${option}`
    // A value that is wrong was taken out, so here it looks as if it were missing.
    if (!scope.findings.has(path)) scope.findings.report(path, message)
  }
  return {
    name: given.name,
    path: given.path,
    kind,
    sides: kind.sides(options),
    traits: kind.traits(options),
    options,
    lifetime: given.lifetime ?? kind.defaultLifetime ?? 'auto',
    isLineWise: given.writers === 'lines',
    isShared: given.readers === 'shared',
  }
}

/** What a link is called in variables of the environment: upper case, `_` for `-`. */
export function variableOf(link: string): string {
  return link.toUpperCase().replaceAll('-', '_')
}
