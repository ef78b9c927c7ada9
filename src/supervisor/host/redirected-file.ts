/** Opens the file of a redirection as a shell does, but without ever waiting for it. */
import { closeSync, constants, fchmodSync, openSync } from 'node:fs'
import type { Redirection, Target } from '../../config/plan.js'
import { IpcsupError } from '../../errors.js'
import { makeBlocking } from '../../platform/index.js'

export type FileTarget = Extract<Target, { type: 'file' }>

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NONBLOCK, O_NOCTTY } = constants

/**
 * @param target - `truncate` empties the file: the caller says so once in a run, and `append` from then on
 * @param umask - of the process, when it has one of its own
 * @returns a descriptor that the caller closes
 * @throws IPCSUP_ERR_REDIRECTION
 */
export function openRedirectedFile(
  process: string,
  fd: Redirection['fd'],
  target: FileTarget,
  umask: number | null,
): number {
  try {
    const descriptor =
      target.mode === 'read' ? openWithoutWaiting(target.path, O_RDONLY) : openForWriting(target, umask)
    makeBlocking(descriptor)
    return descriptor
  } catch (cause) {
    throw explainRefusal(process, fd, target, cause)
  }
}

function openForWriting({ path, mode }: FileTarget, umask: number | null): number {
  const flags = O_WRONLY | (mode === 'truncate' ? O_TRUNC : O_APPEND)
  if (umask === null) return openWithoutWaiting(path, flags | O_CREAT)
  // The file must get the mode that it has by the umask of the process, which is not ours: only when we made it.
  const made = createNew(path, flags)
  if (made === null) return openWithoutWaiting(path, flags | O_CREAT)
  try {
    fchmodSync(made, 0o666 & ~umask)
    return made
  } catch (error) {
    closeSync(made)
    throw error
  }
}

function createNew(path: string, flags: number): number | null {
  try {
    return openWithoutWaiting(path, flags | O_CREAT | O_EXCL)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return null
    throw error
  }
}

/** The open of a FIFO waits for its other side, of some terminals for a carrier: of us everybody waits. */
function openWithoutWaiting(path: string, flags: number): number {
  return openSync(path, flags | O_NONBLOCK | O_NOCTTY, 0o666)
}

const streams = { 0: 'stdin', 1: 'stdout', 2: 'stderr' } as const

const reasons: Readonly<Record<string, [why: string, advice: string]>> = {
  ENOENT: ['no such file or directory', 'Make it, or correct its path.'],
  ENOTDIR: ['a part of its path is not a directory', 'Correct its path.'],
  EISDIR: ['it is a directory', 'Name a file in it.'],
  EACCES: ['permission denied', 'Change its permissions, or choose another file.'],
  EPERM: ['the system refuses it', 'Choose another file.'],
  EROFS: ['it is on a read-only file system', 'Choose another file.'],
  ENXIO: ['it is a FIFO that nobody reads, or a socket', 'Declare a link of kind fifo.'],
  ENOSPC: ['no space is left', 'Make room.'],
  ENAMETOOLONG: ['its path is too long', 'Choose a shorter path.'],
  EMFILE: ['there are too many open files', 'Raise `ulimit -n`.'],
}

function explainRefusal(process: string, fd: Redirection['fd'], target: FileTarget, cause: unknown): IpcsupError {
  const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
  const [why, advice] = reasons[errno] ?? [errno, 'See errno(3).']
  const use = target.mode === 'read' ? 'read from' : 'written to'
  const detail = { process, stream: streams[fd], use, path: target.path, why, advice }
  return new IpcsupError('IPCSUP_ERR_REDIRECTION', detail, { cause })
}
