/** Where descriptors 0-2 of a process go. */
import type { EndConfig, OutputFileConfig } from '../define.js'
import type { Redirection, Target } from '../plan.js'
import { listChoices, quote } from '../problems.js'
import { type DraftLink, findLink, findSide, resolvePath, type Scope } from './scope.js'

/** The three of a process, as a config has them. */
export interface Streams {
  readonly stdin?: string | EndConfig | OutputFileConfig | undefined
  readonly stdout?: string | EndConfig | OutputFileConfig | undefined
  readonly stderr?: string | EndConfig | OutputFileConfig | undefined
}

type Name = keyof Streams
type Descriptor = 0 | 1 | 2

const descriptors = { stdin: 0, stdout: 1, stderr: 2 } as const satisfies Record<Name, Descriptor>

/** Words that are no links, for each stream. */
const words: Readonly<Record<Name, Readonly<Record<string, Target>>>> = {
  stdin: { null: { type: 'null' }, inherit: { type: 'inherit' } },
  stdout: {
    null: { type: 'null' },
    inherit: { type: 'inherit' },
    log: { type: 'log' },
    stderr: { type: 'same', fd: 2 },
  },
  stderr: {
    null: { type: 'null' },
    inherit: { type: 'inherit' },
    log: { type: 'log' },
    stdout: { type: 'same', fd: 1 },
  },
}

/** The three in the order in which they can be applied: a copy after what it copies. `path` is the process's. */
export function resolveStreams(
  scope: Scope,
  streams: Required<Streams>,
  path: string,
  directory: string,
): Redirection[] {
  if (streams.stdout === 'stderr' && streams.stderr === 'stdout')
    scope.findings.report(`${path}.stderr`, 'is "stdout" while stdout is "stderr": one of them must go somewhere.')
  const resolved = (['stdin', 'stdout', 'stderr'] as const).map(name => ({
    fd: descriptors[name],
    to: resolveTarget(scope, name, streams[name]!, `${path}.${name}`, directory),
  }))
  return resolved.toSorted((a, b) => Number(a.to.type === 'same') - Number(b.to.type === 'same'))
}

function resolveTarget(
  scope: Scope,
  name: Name,
  value: NonNullable<Streams[Name]>,
  path: string,
  directory: string,
): Target {
  if (typeof value === 'string') {
    if (Object.hasOwn(words[name], value)) return words[name][value]!
    const link = findLink(scope, value, path, Object.keys(words[name]))
    return link === null ? { type: 'null' } : toOnlySide(scope, name, link, path)
  }
  if ('file' in value) {
    const mode = name === 'stdin' ? 'read' : value.append === true ? 'append' : 'truncate'
    return { type: 'file', path: resolvePath(directory, value.file), mode }
  }
  return toNamedSide(scope, name, value, path)
}

/** The side of a link that fits the stream, where there is only one. */
function toOnlySide(scope: Scope, name: Name, link: DraftLink, path: string): Target {
  const fitting = fittingSides(name, link)
  if (fitting.length === 1) return { type: 'link', link: link.name, side: fitting[0]! }
  const verb = name === 'stdin' ? 'read' : 'written'
  scope.findings.report(
    path,
    fitting.length === 0
      ? `link "${link.name}" (${link.kind.name}) has no side that can be ${verb} as ${name}. Use links: { ${link.name}: side } instead.`
      : `link "${link.name}" (${link.kind.name}) can be ${verb} at the sides ${listChoices(fitting)}. Say which: { link: ${quote(link.name)}, side: ${quote(fitting[0])} }.`,
  )
  return { type: 'null' }
}

function toNamedSide(scope: Scope, name: Name, value: EndConfig, path: string): Target {
  const link = findLink(scope, value.link, `${path}.link`)
  if (link === null || findSide(scope, link, value.side, `${path}.side`) === null) return { type: 'null' }
  const fitting = fittingSides(name, link)
  if (!fitting.includes(value.side)) {
    const verb = name === 'stdin' ? 'read' : 'written'
    const cure = fitting.length === 0 ? '' : ` As ${name} use ${listChoices(fitting)}.`
    scope.findings.report(
      `${path}.side`,
      `side "${value.side}" of link "${link.name}" (${link.kind.name}) cannot be ${verb}.${cure}`,
    )
    return { type: 'null' }
  }
  return { type: 'link', link: link.name, side: value.side }
}

function fittingSides(name: Name, link: DraftLink): string[] {
  return Object.entries(link.sides).flatMap(([side, { reads, writes }]) =>
    (name === 'stdin' ? reads : writes) ? [side] : [],
  )
}
