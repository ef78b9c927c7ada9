/** Where the logs of a config are: the same from one run to the next. */
import { basename, join } from 'node:path'
import type { Plan } from '../../config/plan.js'
import type { LogFile } from '../controls.js'
import { findStateDirectory } from '../state-directory.js'

const streamNumber = { stdout: 1, stderr: 2 } as const

/**
 * Logs outlive the run, and may be larger than the memory file system that run directories are in: unless there is no home.
 *
 * @param runDirectory - path, or where the run is over name, of the run directory
 */
export function findLogDirectory(plan: Plan, runDirectory: string): string {
  if (plan.logs.directory !== null) return plan.logs.directory
  const state = findStateDirectory()
  return state === null ? join(runDirectory, 'logs') : join(state, basename(runDirectory))
}

/** One for each stream that is logged; whether or not anything is there yet. */
export function listLogFiles(plan: Plan, directory: string): readonly LogFile[] {
  return Object.values(plan.processes).flatMap(({ name, redirections }) =>
    (['stdout', 'stderr'] as const)
      .filter(stream => redirections.findLast(({ fd }) => fd === streamNumber[stream])?.to.type === 'log')
      .map(stream => ({ process: name, stream, path: join(directory, `${name}.${stream}.log`) })),
  )
}
