import type { PlanResult } from './build-plan.js'
import type { RestartPolicy } from './define.js'
import { assemble } from './expand/assemble.js'
import { freezeDeep } from './expand/freeze.js'
import { expandPipeline, onTerminal } from './expand/pipelines.js'
import type { Scope } from './expand/scope.js'
import { Findings } from './problems.js'
import type { Kinds } from './schema.js'

export interface RunLineOptions {
  readonly kinds: Kinds
  /** Absolute; what the line's files are relative to. */
  readonly cwd: string
  /** Of every stage. Default `never`. */
  readonly restart?: RestartPolicy
  /** Input lost by a restart makes the exit status 1. Default false. */
  readonly strict?: boolean
}

/**
 * The Plan of one line, as `ipcsup run` has it: stages `run.1-…`, their streams those of ipcsup itself.
 *
 * @throws ConfigError (`IPCSUP_ERR_CONFIG`) that says where in the line it is not understood
 */
export function parseRunLine(
  line: string,
  { kinds, cwd, restart = 'never', strict = false }: RunLineOptions,
): PlanResult {
  const findings = new Findings()
  const nothing = { links: new Set<string>(), processes: new Set<string>() }
  const scope: Scope = { kinds, directory: cwd, stopTimeoutMs: 5_000, links: new Map(), lost: nothing, findings }
  const drafts = expandPipeline(scope, 'run', { line, restart }, onTerminal, '')
  findings.throwIfAny('The line')
  const assembled = assemble(scope, drafts, new Map(), { mayBeUnused: false })
  findings.throwIfAny('The line')
  const plan = {
    name: 'run',
    directory: cwd,
    configPath: null,
    ...assembled,
    drainTimeoutMs: 10_000,
    logs: { directory: null, maxBytes: 10 * 2 ** 20, files: 5 },
    strict,
  }
  return { plan: freezeDeep(plan), warnings: findings.warnings }
}
