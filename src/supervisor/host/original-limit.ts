/** The limit of open files that the supervisor was started with: Node raises its own to the hard limit at once. */
import { readFileSync } from 'node:fs'
import { readOpenFilesLimit } from '../../platform/index.js'

/**
 * @returns the soft limit for children; null: the one that this process has.
 *   The launcher of the command line tells it. An app that embeds ipcsup has no launcher: then the limit of its parent
 *   counts, where that is lower.
 */
export function findOriginalOpenFiles(environment: NodeJS.ProcessEnv): number | null {
  const own = readOpenFilesLimit().soft
  const told = Number(environment['IPCSUP_NOFILE_SOFT'] ?? readParentLimit())
  return told > 0 && told < own ? told : null
}

function readParentLimit(): string | undefined {
  try {
    return readFileSync(`/proc/${process.ppid}/limits`, 'latin1').match(/^Max open files\s+(\d+)/m)?.[1]
  } catch {
    // Gone, or of another user.
    return undefined
  }
}
