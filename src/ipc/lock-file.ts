/** The lock file of a link: made or taken over, removed while it is ours. Nothing is ever written to it. */
import { closeSync, constants, fchmodSync, fstatSync, lstatSync, openSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { NamedObject, Where } from './kind.js'
import { identify, identifyFile, removeNamed } from './named-objects.js'
import type { LinkOptions, OptionField } from './options.js'
import { errnoOf, type Refuse, refusalsOf } from './refusal.js'

export const lockFileOptions = {
  path: {
    about: 'Where the lock file is. Default: in the directory of the run, where placeholders find it.',
    type: 'path',
    required: false,
    default: null,
  },
  mode: { about: 'Permission bits, whatever the umask.', type: 'mode', required: false, default: 0o600 },
  existing: {
    about: 'Uses a file that is there already, as it is, and leaves it there.',
    type: 'boolean',
    required: false,
    default: false,
  },
} as const satisfies Record<string, OptionField>

export interface OpenLockFile {
  readonly path: string
  /** A description on which nothing is ever locked. */
  readonly descriptor: number
  readonly removeName: () => void
}

/** @throws IPCSUP_ERR_LINK_CREATE; then nothing of it is left */
export function openLockFile(options: LinkOptions, where: Where): OpenLockFile {
  const path = typeof options['path'] === 'string' ? options['path'] : join(where.runDirectory, `${where.link}.lock`)
  const refuse = refusalsOf(where.link)
  if (options['existing'] === true) return { path, descriptor: openRegular(path, refuse), removeName: () => {} }
  const { object, descriptor } = claim(path, where, refuse)
  const removeName = (): void => void removeNamed(object)
  try {
    where.record(object)
    fchmodSync(descriptor, Number(options['mode']))
    return { path, descriptor, removeName }
  } catch (error) {
    closeSync(descriptor)
    removeName()
    throw error
  }
}

/** Makes the file, or takes over the one that a dead run of ours left, so that strangers keep the lock they have. */
function claim(path: string, where: Where, refuse: Refuse): { object: NamedObject; descriptor: number } {
  where.record({ type: 'file', name: path, identity: null })
  try {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    const descriptor = openSync(path, flags, 0o600)
    return { object: { type: 'file', name: path, identity: identifyFile(fstatSync(descriptor)) }, descriptor }
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw explain(path, error, refuse)
  }
  const object = identify('file', path)
  const advice = isRegular(path)
    ? 'Set `existing: true` to use it, remove it, or choose another `path`.'
    : 'Remove it, or choose another `path`.'
  if (!object || !where.wasOurs(object)) throw refuse(`${path} exists already and is not of this config`, advice)
  const descriptor = openRegular(path, refuse)
  if (identifyFile(fstatSync(descriptor)) === object.identity) return { object, descriptor }
  closeSync(descriptor)
  throw refuse(`somebody replaced ${path}`, 'Choose another `path`.')
}

/** Also by way of a symbolic link, which `existing` follows. */
function isRegular(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function openRegular(path: string, refuse: Refuse): number {
  const descriptor = openAsItIs(path, refuse)
  if (fstatSync(descriptor).isFile()) return descriptor
  closeSync(descriptor)
  throw refuse(`${path} is no regular file`, 'Choose another `path`.')
}

function openAsItIs(path: string, refuse: Refuse): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  } catch (error) {
    throw explain(path, error, refuse)
  }
}

function explain(path: string, error: unknown, refuse: Refuse): unknown {
  const errno = errnoOf(error)
  const directory = dirname(path)
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: lstatSync(directory, { throwIfNoEntry: false })
      ? `there is no file ${path}`
      : `there is no directory ${directory}`,
    ENOTDIR: `${directory} is no directory`,
    EISDIR: `${path} is a directory`,
    EROFS: `${directory} is on a read-only file system`,
    ENOSPC: `no space is left in ${directory}`,
    EACCES: `there is no permission to make or open ${path}`,
    ENAMETOOLONG: `its path is too long (${Buffer.byteLength(path)} bytes; a name may have 255, a path 4095)`,
    ENXIO: `${path} is no regular file`,
    ELOOP: `${path} is a circle of symbolic links`,
  }
  const why = reasons[errno]
  // Too many open files, say: no fault of the path.
  return why === undefined ? error : refuse(why, 'Correct that, or choose another `path`.', error)
}
