/**
 * The one schema of a config. Kinds and their options come from the registry, so a new kind changes nothing here.
 * What concerns more than one place (names that must exist, sides, cycles) is for `build-plan.ts`.
 */
import * as z from 'zod/mini'
import type { Kind } from '../ipc/kind.js'
import { suggest } from '../nearest.js'
import type { LinkBase, LogsConfig } from './define.js'
import type { ShapeOf } from './fields.js'
import * as field from './fields.js'
import { listChoices, quote } from './problems.js'
import { makePipelineSchema, makeProcessSchema } from './schema-processes.js'

export type Kinds = Readonly<Record<string, Kind>>

const { boolean, choice, closed, describe, described, expect, named, size, text, time, whole } = field

/**
 * @param wanted - kinds that links may have as far as is to be checked: schemas take time to make at each start
 * @returns checks a config and changes nothing of it
 */
export function makeSchema(kinds: Kinds, wanted: readonly string[] = Object.keys(kinds)) {
  return closed('a config', {
    $schema: described('For editors; means nothing to ipcsup.', z.string(expect('a string'))),
    name: described('Name of the project. Default: the name of the directory.', field.name()),
    links: described(
      'The kernel objects between the processes, by name. All are created before any process starts.',
      named('an object: name of a link → { kind, … }', makeLinkSchema(kinds, wanted)),
    ),
    processes: described(
      'The programs, by name.',
      named('an object: name of a process → { command, … }', makeProcessSchema()),
    ),
    pipelines: described(
      'Lines such as "sort < in | uniq -c > out", by name: each becomes processes and pipes.',
      named('an object: name of a pipeline → its line', makePipelineSchema()),
    ),
    drainTimeout: described(
      'How long a process whose input has ended may go on when the graph stops. Default 10s.',
      time(),
    ),
    stopTimeout: described(
      'How long after SIGTERM comes SIGKILL, for processes that say nothing else. Default 5s.',
      time(),
    ),
    logs: described('Where and how the output of processes is kept.', closed('logs', logsShape())),
    strict: described('Input lost by a restart makes the whole exit status 1. Default false.', boolean()),
  })
}

function logsShape() {
  return {
    directory: described('Where log files are written. Default: the state directory of the user.', text('a path')),
    maxSize: described('A file is rotated when it would grow past this. Default 10MiB.', size()),
    files: described('Files kept for each stream, the current one included. Default 5.', whole(1, 1000)),
  } satisfies ShapeOf<LogsConfig>
}

function makeLinkSchema(kinds: Kinds, wanted: readonly string[]) {
  const base = {
    lifetime: described(
      'auto: a side closes when every process at it is finished. hold: both sides stay open until the stop. reset: a crash makes the link anew and restarts its neighbours. Default auto, unless the page of the kind says otherwise.',
      choice(['auto', 'hold', 'reset']),
    ),
    writers: described('lines: each write of every writer is whole lines of at most 4096 bytes.', choice(['lines'])),
    readers: described('shared: several processes read, and each byte goes to one of them.', choice(['shared'])),
  } satisfies ShapeOf<LinkBase>
  const names = Object.keys(kinds)
  const options = wanted.map(name => {
    const kind = kinds[name]!
    return describe(
      kind.summary,
      closed(`a link of kind ${kind.name}`, { kind: z.literal(kind.name), ...base, ...optionsOf(kind) }),
    )
  })
  return z.discriminatedUnion('kind', options as unknown as [(typeof options)[0]], {
    error: ({ code, input }: { code?: string; input?: unknown }) => {
      if (code === 'invalid_type') return `must be an object with a kind, got ${quote(input)}.`
      const kind = (input as { kind?: unknown }).kind
      if (kind === undefined) return `is missing; it must be ${listChoices(names)}.`
      return `there is no kind ${quote(kind)}.${typeof kind === 'string' ? suggest(kind, names) : ''} Kinds: ${names.join(', ')}.`
    },
  })
}

function optionsOf(kind: Kind): Record<string, field.Schema> {
  return Object.fromEntries(Object.entries(kind.options).map(([name, option]) => [name, field.optionField(option)]))
}
