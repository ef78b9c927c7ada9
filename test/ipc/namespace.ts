/** A driver with a mount namespace of its own, where a file system can be small. */
import { spawnSync } from 'node:child_process'

/** Not everywhere may one have a namespace: in a container, or as a user without rights to make them. */
export const hasNamespaces = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0

/** Runs a driver with a file system in memory of that size at `directory`. Returns what it prints. */
export function runWithSmallDirectory(directory: string, size: string, program: string, ...words: string[]): string {
  const script = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'
  const argv = ['-rm', 'sh', '-c', script, 'sh', size, directory, process.execPath, program, ...words]
  const { stdout, stderr, status, signal } = spawnSync('unshare', argv, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the driver ended with ${signal ?? status}: ${stderr}`)
  return stdout
}
