/** The way from a directory, or a file, to a Plan. */
import { resolve } from 'node:path'
import { IpcsupError } from '../errors.js'
import type { PlanResult } from './build-plan.js'
import { findConfigFile, resolveConfig } from './find.js'
import type { Kinds } from './schema.js'

export interface LoadOptions {
  /** The registry of kinds. */
  readonly kinds: Kinds
  /** Absolute; where a config is looked for, and what `file` is relative to. */
  readonly directory: string
  readonly file?: string | undefined
}

/**
 * The Plan of a config file.
 *
 * @throws IPCSUP_ERR_CONFIG_NOT_FOUND, IPCSUP_ERR_CONFIG_AMBIGUOUS, IPCSUP_ERR_CONFIG_LOAD, IPCSUP_ERR_CONFIG
 */
export async function loadConfig({ kinds, directory, file }: LoadOptions): Promise<PlanResult> {
  const named = file === undefined ? findConfigFile(directory) : resolve(directory, file)
  // Whoever only looks for a config, as `status` does, needs neither.
  const [{ readConfig }, { buildPlan }] = await Promise.all([import('./read-config.js'), import('./build-plan.js')])
  const { config, ...origin } = await readConfig(named)
  return buildPlan(config, { kinds, ...origin })
}

/**
 * Real path of the config of a directory; null when there is none.
 *
 * @throws IPCSUP_ERR_CONFIG_AMBIGUOUS, IPCSUP_ERR_CONFIG_LOAD
 */
export function findConfig(directory: string): string | null {
  try {
    return resolveConfig(findConfigFile(directory))
  } catch (error) {
    if (error instanceof IpcsupError && error.code === 'IPCSUP_ERR_CONFIG_NOT_FOUND') return null
    throw error
  }
}
