/**
 * The Plan for people, and without its secrets.
 */
import type {
  Plan,
  PlannedHandle,
  PlannedLink,
  PlannedProcess,
  Redirection,
  Target,
  Template,
} from '../../config/plan.js'
import { kinds } from '../../ipc/kinds/index.js'
import type { OptionField, OptionValue } from '../../ipc/options.js'
import { escapeControls, formatBytes, formatDuration, type Paint } from './text.js'

/** Stands for the value of a variable. */
const hidden = '(hidden)'

/**
 * The Plan with the values of `env` replaced: they are where secrets are, and plans are pasted into tickets. Removals
 * (null) stay.
 */
export function hideEnvironment(plan: Plan): Plan {
  const hide = (process: PlannedProcess): PlannedProcess => ({
    ...process,
    env: mapValues(process.env, value => value && [hidden]),
  })
  return { ...plan, processes: mapValues(plan.processes, hide) }
}

export function formatPlan(plan: Plan, paint: Paint): string {
  const { drainTimeoutMs, logs } = plan
  const lines = [
    `${paint(plan.name, 'bold')}  ${plan.configPath ?? plan.directory}`,
    `  drain timeout ${formatDuration(drainTimeoutMs)}, logs ${formatBytes(logs.maxBytes)} x ${logs.files}${logs.directory === null ? '' : ` in ${logs.directory}`}${plan.strict ? ', strict' : ''}`,
    ...Object.values(plan.links).flatMap(link => ['', ...formatLink(link, paint)]),
    ...Object.values(plan.processes).flatMap(process => ['', ...formatProcess(process, paint)]),
  ]
  return `${lines.map(line => line.trimEnd()).join('\n')}\n`
}

/** A command with its links as placeholders, quoted as a shell needs it. */
function formatCommand(argv: readonly Template[]): string {
  return argv.map(word => quoteWord(formatTemplate(word))).join(' ')
}

function formatTemplate(template: Template): string {
  return template
    .map(part => {
      if (typeof part === 'string') return part
      return part.part === 'natural' ? `{${part.link}}` : `{${part.link}.${part.part}}`
    })
    .join('')
}

function formatLink(link: PlannedLink, paint: Paint): string[] {
  const options = Object.entries(link.options).filter(([, value]) => value !== null)
  return [
    `${paint('link', 'dim')} ${paint(link.name, 'cyan')}  ${link.kind}, lifetime ${link.lifetime}`,
    ...options.map(([name, value]) => `  ${name} ${describeOption(link.kind, name, value)}`),
    ...Object.keys(link.sides).map(side => `  ${side}: ${listUsers(link, side)}`),
  ]
}

function describeOption(kind: string, name: string, value: OptionValue): string {
  const fields: Readonly<Record<string, Readonly<Record<string, OptionField>>>> = mapValues(kinds, row => row.options)
  const type = fields[kind]?.[name]?.type
  if (typeof value !== 'number') return escapeControls(String(value))
  if (type === 'mode') return `0${value.toString(8)}`
  return type === 'size' ? formatBytes(value) : String(value)
}

function listUsers(link: PlannedLink, side: string): string {
  const users = link.uses.filter(use => use.side === side).map(use => use.process)
  return users.join(', ') || '(strangers)'
}

function formatProcess(process: PlannedProcess, paint: Paint): string[] {
  const { needs, env, handles, ready } = process
  return [
    `${paint('process', 'dim')} ${paint(process.name, 'green')}  ${escapeControls(formatCommand(process.argv))}`,
    `  cwd ${process.cwd}`,
    ...process.redirections.map(redirection => `  ${describeRedirection(redirection)}`),
    ...handles.map(describeHandle),
    ...listIf(
      'needs',
      Object.entries(needs).map(([name, need]) => `${name} (${need})`),
    ),
    ...listIf('ready', ready === null ? [] : [ready]),
    ...listIf(
      'env',
      Object.entries(env).map(([name, value]) => (value === null ? `${name} (removed)` : name)),
    ),
    ...listIf('env file', process.envFile === null ? [] : [process.envFile]),
    ...listIf('umask', process.umask === null ? [] : [process.umask.toString(8).padStart(3, '0')]),
    ...listIf(
      'hooks',
      Object.entries(process.hooks).flatMap(([at, argv]) => (argv ? [`${at}: ${argv.join(' ')}`] : [])),
    ),
    `  ${describeRestart(process)}`,
  ]
}

function describeHandle({ fd, link, side, variable }: PlannedHandle): string {
  return fd === null ? `  no fd: ${link} (${side})` : `  fd ${fd}: ${link} (${side}), IPCSUP_FD_${variable}`
}

function listIf(what: string, values: readonly string[]): string[] {
  return values.length > 0 ? [`  ${what} ${values.join(', ')}`] : []
}

const describeTarget = {
  link: to => `${to.link} (${to.side})`,
  null: () => '/dev/null',
  inherit: () => 'inherited',
  log: () => 'log',
  file: to => `${to.path} (${to.mode})`,
  same: to => `as fd ${to.fd}`,
} satisfies { readonly [T in Target['type']]: (to: Extract<Target, { type: T }>) => string }

function describeRedirection({ fd, to }: Redirection): string {
  return `fd ${fd}: ${(describeTarget[to.type] as (to: Target) => string)(to)}`
}

function describeRestart({ restart, stopSignal, stopTimeoutMs, cleanExits }: PlannedProcess): string {
  const stop = `stop ${stopSignal}, SIGKILL after ${formatDuration(stopTimeoutMs)}; clean exits ${cleanExits.join(', ')}`
  if (restart.policy === 'never') return `restart never; ${stop}`
  const { initialMs, factor, maxMs, jitter, stableAfterMs, limit, withinMs } = restart
  const delays = `delays 0, then up to ${formatDuration(initialMs)} x ${factor} to ${formatDuration(maxMs)}${jitter ? ' with jitter' : ''}`
  const limits = `anew after ${formatDuration(stableAfterMs)}, gives up after ${limit} within ${formatDuration(withinMs)}`
  return `restart ${restart.policy}: ${delays}, ${limits}; ${stop}`
}

function quoteWord(word: string): string {
  return /^[\w@%+=:,./{}-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]))
}
