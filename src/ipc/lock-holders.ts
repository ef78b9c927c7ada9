/** Who holds the lock of a file (proc_pid_fdinfo(5)): the kernel itself says of such a lock only that it is there. */
import { fstatSync, statSync } from 'node:fs'
import { listOrEmpty, readLinkOrEmpty, readOrEmpty } from './socket-holder.js'

/**
 * Pids in ascending order: all that have the locked description, so also those that inherited it. null: none that this
 * user may look into.
 *
 * @param descriptor - of a description that does not hold the lock itself
 */
export function findLockHolders(descriptor: number): readonly number[] | null {
  const file = fstatSync(descriptor)
  const pids = listOrEmpty('/proc').map(Number).filter(Number.isInteger)
  const holders = pids.filter(pid => isHolder(pid, file)).sort((a, b) => a - b)
  return holders.length > 0 ? holders : null
}

interface FileIdentity {
  readonly dev: number
  readonly ino: number
}

function isHolder(pid: number, file: FileIdentity): boolean {
  return listOrEmpty(`/proc/${pid}/fd`).some(
    number => hasLock(pid, number) && isFile(`/proc/${pid}/fd/${number}`, file),
  )
}

/** Of whatever file. A lock by `flock` is none: it knows nothing of these. */
function hasLock(pid: number, number: string): boolean {
  // Sockets and pipes are most of what is open, and have no path.
  if (!readLinkOrEmpty(`/proc/${pid}/fd/${number}`).startsWith('/')) return false
  return /^lock:.* (?:OFDLCK|POSIX) /m.test(readOrEmpty(`/proc/${pid}/fdinfo/${number}`))
}

/** By what the kernel tells it by, since a file may have several paths, and none any more. */
function isFile(path: string, { dev, ino }: FileIdentity): boolean {
  try {
    const found = statSync(path)
    return found.dev === dev && found.ino === ino
  } catch {
    // Closed meanwhile.
    return false
  }
}
