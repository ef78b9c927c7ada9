/** A config, however it was written, becomes the Plan. */
import { basename } from 'node:path'
import type { Config } from './define.js'
import { assemble } from './expand/assemble.js'
import { freezeDeep } from './expand/freeze.js'
import { expandLinks } from './expand/links.js'
import { expandPipeline, inConfig } from './expand/pipelines.js'
import { expandProcess } from './expand/processes.js'
import { type Draft, resolvePath, type Scope } from './expand/scope.js'
import { namePattern } from './fields.js'
import type { Plan, PlannedLogs, Warning } from './plan.js'
import { Findings } from './problems.js'
import type { Kinds } from './schema.js'
import { parseSize, parseTime } from './units.js'
import { validateConfig } from './validate.js'

export interface PlanOrigin {
  /** The registry of kinds. */
  readonly kinds: Kinds
  /** What relative paths are relative to; absolute. */
  readonly directory: string
  /** Real path of the config file; null for a config given as an object. */
  readonly configPath: string | null
  /** An app may take sides of links that no process has, so these are no mistake. Default false. */
  readonly isEmbedded?: boolean
}

export interface PlanResult {
  /** Frozen to its leaves. */
  readonly plan: Plan
  readonly warnings: readonly Warning[]
}

/**
 * Checks `config` and gives the Plan of it.
 *
 * @param config - whatever the file or the app gave
 * @throws ConfigError (`IPCSUP_ERR_CONFIG`) with everything that is wrong in it
 */
export function buildPlan(config: unknown, origin: PlanOrigin): PlanResult {
  const findings = new Findings()
  const { config: valid, isWhole } = validateConfig(config, origin.kinds, findings)
  const scope = makeScope(config, valid, origin, findings)
  expandLinks(valid.links, scope)
  const processes = Object.entries(valid.processes ?? {}).map(([name, given]) => expandProcess(scope, name, given))
  const pipelines = expandPipelines(scope, valid)
  const drafts = [...processes, ...[...pipelines.values()].flat()]
  const stages = new Map([...pipelines].map(([name, list]) => [name, list.map(stage => stage.name)]))
  // A process that was left out may be the one at the other side.
  const mayBeUnused = origin.isEmbedded === true || !isWhole || findings.problems.length > 0
  const assembled = assemble(scope, drafts, stages, { mayBeUnused })
  findings.throwIfAny(origin.configPath === null ? 'The config' : `The config ${origin.configPath}`)
  const plan: Plan = {
    name: valid.name ?? nameAfter(origin.directory),
    directory: origin.directory,
    configPath: origin.configPath,
    ...assembled,
    drainTimeoutMs: parseTime(valid.drainTimeout ?? 10_000)!,
    logs: expandLogs(valid.logs, origin.directory),
    strict: valid.strict ?? false,
  }
  return { plan: freezeDeep(plan), warnings: findings.warnings }
}

function makeScope(config: unknown, valid: Config, { kinds, directory }: PlanOrigin, findings: Findings): Scope {
  const lost = (key: 'links' | 'processes' | 'pipelines') =>
    keysOf((config as Config | null)?.[key]).filter(name => !Object.hasOwn(valid[key] ?? {}, name))
  return {
    kinds,
    directory,
    stopTimeoutMs: parseTime(valid.stopTimeout ?? 5_000)!,
    links: new Map(),
    lost: { links: new Set(lost('links')), processes: new Set([...lost('processes'), ...lost('pipelines')]) },
    findings,
  }
}

function keysOf(value: unknown): string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value) : []
}

function expandPipelines(scope: Scope, config: Config): Map<string, Draft[]> {
  return new Map(
    Object.entries(config.pipelines ?? {}).map(([name, given]) => {
      if (Object.hasOwn(config.processes ?? {}, name))
        scope.findings.report(`pipelines.${name}`, `there is a process "${name}" too. Rename one of them.`)
      return [name, expandPipeline(scope, name, given, inConfig)]
    }),
  )
}

function expandLogs(logs: Config['logs'], directory: string): PlannedLogs {
  return {
    directory: logs?.directory === undefined ? null : resolvePath(directory, logs.directory),
    maxBytes: parseSize(logs?.maxSize ?? '10MiB')!,
    files: logs?.files ?? 5,
  }
}

/** The name of the directory, made a valid name. */
function nameAfter(directory: string): string {
  const name = basename(directory)
    .replace(/[^A-Za-z0-9_-]/g, '-')
    .replace(/^[^A-Za-z]+/, '')
    .slice(0, 63)
  return namePattern.test(name) ? name : 'ipcsup'
}
