/**
 * Configs as verbs ask for them.
 */
import type { PlanResult } from '../config/build-plan.js'
import { findConfig, loadConfig } from '../config/load.js'
import type { Warning } from '../config/plan.js'
import { kinds } from '../ipc/kinds/index.js'
import { type Call, readValue } from './verb.js'

/** The Plan of `--config`, or of the config of the current directory; `--strict` is in it. */
export async function loadPlan(call: Call): Promise<PlanResult> {
  const file = readValue(call, 'config')
  const result = await loadConfig({ kinds, directory: process.cwd(), ...(file === undefined ? {} : { file }) })
  return call.options.strict === true ? { ...result, plan: { ...result.plan, strict: true } } : result
}

/** Real path of the config of the current directory; null: there is none. */
export function findConfigHere(): string | null {
  return findConfig(process.cwd())
}

/** What `check` found doubtful, as one sentence. */
export function describeWarning({ path, message }: Warning): string {
  return path === '' ? message : `${path}: ${message}`
}
