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
    scope.links.set(name, draftLink(scope, { name, path, ...splitOptions(scope, given as LinkInput) }))
  }
}

interface LinkInput {
  readonly kind: string
  readonly lifetime?: DraftLink['lifetime'] | undefined
  readonly writers?: 'lines' | undefined
  readonly readers?: 'shared' | undefined
}

/** Those of its kind, and those that every link has; a kind may have one of the same name. */
function splitOptions(scope: Scope, given: LinkInput): LinkInput & { options: Readonly<Record<string, unknown>> } {
  const { kind, lifetime, writers, readers, ...rest } = given
  if (Object.hasOwn(scope.kinds[kind]!.options, 'readers'))
    return { kind, lifetime, writers, options: { ...rest, readers } }
  return { kind, lifetime, writers, readers, options: rest }
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
  const traits = kind.traits(options)
  return {
    name: given.name,
    path: given.path,
    kind,
    sides: kind.sides(options),
    traits,
    options,
    lifetime: given.lifetime ?? kind.defaultLifetime ?? 'auto',
    isLineWise: given.writers === 'lines',
    // A kind with a word of its own for several readers says with it what becomes of them.
    isShared: Object.hasOwn(kind.options, 'readers') ? traits.manyReaders : given.readers === 'shared',
  }
}

/** What a link is called in variables of the environment: upper case, `_` for `-`. */
export function variableOf(link: string): string {
  return link.toUpperCase().replaceAll('-', '_')
}
