/** The part of the schema that is about programs: processes and pipelines. */
import * as z from 'zod/mini'
import { suggest } from '../nearest.js'
import type { PipelineConfig, ProcessConfig, RestartConfig } from './define.js'
import type { ShapeOf } from './fields.js'
import * as field from './fields.js'
import { mostProcesses } from './limits.js'
import { listChoices, quote } from './problems.js'

const { boolean, choice, closed, describe, described, expect, optional, text, time, whole } = field

/** One process. */
export function makeProcessSchema() {
  return closed('a process', {
    command: describe('Split as a shell splits words (no shell runs it), or the argument vector.', command()),
    shell: described('Gives the command, a string, to /bin/sh -c. Default false.', boolean()),
    cwd: described('Relative to the config. Default: the directory of the config.', text('a path')),
    env: described('Added to the environment; null removes a variable.', environment()),
    envFile: described('A file of KEY=VALUE lines, read before env.', text('a path')),
    umask: described('Such as 0o027 or "027".', field.mode()),
    stdin: described('A link, "null" (the default), "inherit", { link, side } or { file }.', input()),
    stdout: described(
      'A link, "log" (the default), "null", "inherit", "stderr", { link, side } or { file, append }.',
      output(),
    ),
    stderr: described(
      'A link, "log" (the default), "null", "inherit", "stdout", { link, side } or { file, append }.',
      output(),
    ),
    links: described('Links at descriptors from 3 upwards: link → side.', handles()),
    needs: described(
      'Processes or pipelines that must have been started, be ready, or have completed, before this one starts.',
      needs(),
    ),
    ready: described(
      'How it tells that it is ready. notify: it sends READY=1 to $NOTIFY_SOCKET, as for systemd.',
      choice(['notify']),
    ),
    restart: described('When it is started again. Default on-failure.', restart()),
    replicas: described('So many of the same, called name.0, name.1, …', whole(1, mostProcesses)),
    cleanExits: described('Exit codes that count as success besides 0.', listOf('a list of exit codes', whole(0, 255))),
    stopSignal: described(
      'Signal that asks it to end. Default SIGTERM.',
      text('the name of a signal, such as "SIGINT"'),
    ),
    stopTimeout: described('How long after that signal comes SIGKILL. Default: stopTimeout of the config.', time()),
    onStart: described('Command that is run when it was started.', command()),
    onExit: described('Command that is run when it ended.', command()),
    onGiveUp: described('Command that is run when it will not be restarted any more.', command()),
  } satisfies ShapeOf<ProcessConfig>)
}

/** One pipeline: a line, or an object with one. */
export function makePipelineSchema() {
  const line = text('a line such as "sort < in | uniq -c"')
  const whole = closed('a pipeline', {
    line: describe('The stages, joined by |.', line),
    stdin: described('Of the first stage. Default "null".', input()),
    stdout: described('Of the last stage. Default "log".', output()),
    stderr: described('Of every stage. Default "log".', output()),
    cwd: described('Files of the line are relative to this. Default: the directory of the config.', text('a path')),
    env: described('Added to the environment of every stage; null removes a variable.', environment()),
    needs: described(
      'Processes or pipelines that must have been started, be ready, or have completed, before it starts.',
      needs(),
    ),
    restart: described('When a stage is started again. Default never.', restart()),
  } satisfies ShapeOf<PipelineConfig>)
  return z.union([line, whole], expect('a line such as "sort < in | uniq -c", or { line, … }'))
}

function command() {
  const form = 'a string such as "sort -u", or a list of arguments that is not empty'
  const list = listOf(form, text('an argument', { isFilled: false })).check(z.minLength(1, expect(form)))
  return z.union([text(form), list], expect(form))
}

function listOf<S extends field.Schema>(form: string, schema: S) {
  return z.array(schema, expect(form))
}

function environment() {
  const value = z.union(
    [text('', { isFilled: false, isSecret: true }), z.number(), z.null()],
    // A value may be a secret: it is not shown.
    {
      error: issue =>
        `must be a string without a NUL, a number or null, got ${issue.input === null ? 'null' : `a value of type ${typeof issue.input}`}.`,
    },
  )
  return z.record(z.string().check(z.regex(/^[^=\0]+$/)), optional(value), {
    error: issue =>
      issue.code === 'invalid_key'
        ? 'is no name of a variable: it is empty, or has a "=" or a NUL.'
        : `must be an object: variable → value, got ${nameForm(issue.input)}.`,
  })
}

/** What it is, and nothing of what is in it. */
function nameForm(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  // zod takes plain ones only, and Node's is none.
  if (typeof value === 'object' && value !== null) return 'one of another sort. Copy what is in it: { ...process.env }'
  return value === null ? 'null' : `a value of type ${typeof value}`
}

const end = () => closed('a side of a link', { link: text('the name of a link'), side: text('a side') })

function input() {
  const file = closed('a file to read', { file: text('a path') })
  return z.union([text(''), file, end()], expect('a link, "null", "inherit", { link, side } or { file }'))
}

function output() {
  const file = closed('a file to write', { file: text('a path'), append: optional(boolean()) })
  return z.union(
    [text(''), file, end()],
    expect('a link, "log", "null", "inherit", { link, side } or { file, append }'),
  )
}

function handles() {
  const handle = closed('a link of a process', {
    side: text('a side'),
    fd: described('Descriptor number in the process. Default: the next from 3.', whole(3, 1023)),
    env: described(
      'Suffix of the variables that tell the process: IPCSUP_FD_<env>.',
      text('').check(z.regex(/^[A-Z][A-Z0-9_]*$/, expect('upper case letters, digits and "_"'))),
    ),
  })
  return z.record(
    z.string(),
    z.union([text('a side'), handle], expect('a side, or { side, fd, env }')),
    expect('an object: link → side'),
  )
}

function needs() {
  const form = 'an object: name → "started", "ready" or "completed"'
  const byName = z.record(z.string(), choice(['started', 'ready', 'completed']), expect(form))
  return z.union(
    [listOf('a list of names', text('the name of a process')), byName],
    expect(`a list of names, or ${form}`),
  )
}

const policies = ['always', 'on-failure', 'never'] as const

function restart() {
  const rules = closed('restart', {
    policy: described('Default on-failure; never for stages of a pipeline.', choice(policies)),
    initial: described(
      'Bound of the delay before the second restart of a row; the first comes at once. Default 100ms.',
      time(),
    ),
    factor: described('Each further bound is so many times the one before. Default 2.', factor()),
    max: described('No delay is longer. Default 30s.', time()),
    jitter: described('Delays are drawn between 0 and their bound. Default true.', boolean()),
    stableAfter: described('After so long a life the delays start anew. Default 10s.', time()),
    limit: described(
      'Gives up when there would be more restarts than this within the time "within". Default 8.',
      whole(0, 1_000_000),
    ),
    within: described('See limit. Default 1m.', time()),
  } satisfies ShapeOf<RestartConfig>)
  return z.union([choice(policies), rules], {
    error: issue =>
      `must be one of ${listChoices(policies)}, or { policy, initial, … }, got ${quote(issue.input)}.` +
      (typeof issue.input === 'string' ? suggest(issue.input, policies) : ''),
  })
}

function factor() {
  const form = 'a number from 1 to 1000'
  return z.number(expect(form)).check(z.gte(1, expect(form)), z.lte(1000, expect(form)))
}
