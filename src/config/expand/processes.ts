import { constants } from 'node:os'
import { suggest } from '../../nearest.js'
import type { ProcessConfig } from '../define.js'
import { parseMode } from '../modes.js'
import type { PlannedProcess } from '../plan.js'
import { quote } from '../problems.js'
import { parseTime } from '../units.js'
import { expandCommand, expandHooks } from './commands.js'
import { draftHandles, numberHandles } from './handles.js'
import { expandRestart } from './restart.js'
import { type Draft, resolvePath, type Scope } from './scope.js'
import { resolveStreams } from './targets.js'
import { expandTemplate, type TemplateScope } from './templates.js'

/** One declared process; what is wrong in it is reported. */
export function expandProcess(scope: Scope, name: string, given: ProcessConfig): Draft {
  const path = `processes.${name}`
  const words = expandCommand(scope, given.command, given.shell === true, `${path}.command`)
  const redirections = resolveStreams(
    scope,
    { stdin: given.stdin ?? 'null', stdout: given.stdout ?? 'log', stderr: given.stderr ?? 'log' },
    path,
    scope.directory,
  )
  const templates: TemplateScope = {
    handles: draftHandles(scope, given.links, path),
    streamLinks: new Set(redirections.flatMap(({ to }) => (to.type === 'link' ? [to.link] : []))),
    isStage: false,
  }
  const plan = {
    argv: words.map(word => expandTemplate(scope, templates, word, `${path}.command`)),
    cwd: resolvePath(scope.directory, given.cwd ?? '.'),
    env: expandEnvironment(scope, templates, given.env, `${path}.env`),
    envFile: given.envFile === undefined ? null : resolvePath(scope.directory, given.envFile),
    umask: given.umask === undefined ? null : parseMode(given.umask),
    redirections,
    // After the templates: their placeholders may imply more.
    handles: numberHandles(scope, templates.handles),
    ready: given.ready ?? null,
    restart: expandRestart(scope, given.restart, 'on-failure', path),
    cleanExits: [...new Set([0, ...(given.cleanExits ?? [])])].toSorted((a, b) => a - b),
    stopSignal: checkSignal(scope, given.stopSignal ?? 'SIGTERM', `${path}.stopSignal`),
    stopTimeoutMs: given.stopTimeout === undefined ? scope.stopTimeoutMs : parseTime(given.stopTimeout)!,
    hooks: expandHooks(scope, given, path),
  } satisfies Draft['plan']
  return { name, path, replicas: given.replicas ?? null, plan, needs: expandNeeds(given.needs) }
}

/** `env` of a process, in its order. */
export function expandEnvironment(
  scope: Scope,
  templates: TemplateScope,
  env: ProcessConfig['env'],
  path: string,
): PlannedProcess['env'] {
  const entries = Object.entries(env ?? {}).filter(([, value]) => value !== undefined)
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      value === null ? null : expandTemplate(scope, templates, String(value), `${path}.${name}`),
    ]),
  )
}

export function expandNeeds(needs: ProcessConfig['needs']): Draft['needs'] {
  return isList(needs) ? Object.fromEntries(needs.map(name => [name, 'started' as const])) : { ...needs }
}

// Array.isArray does not know readonly arrays.
function isList(needs: ProcessConfig['needs']): needs is readonly string[] {
  return Array.isArray(needs)
}

function checkSignal(scope: Scope, signal: string, path: string): string {
  const known = Object.keys(constants.signals)
  if (!known.includes(signal)) {
    const longer = `SIG${signal.toUpperCase()}`
    const hint = known.includes(longer) ? ` Did you mean "${longer}"?` : suggest(signal, known, 1)
    scope.findings.report(path, `there is no signal ${quote(signal)}.${hint || ' Names are such as "SIGINT".'}`)
  }
  return signal
}
