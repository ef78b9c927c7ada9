/**
 * The FIFO of a link in the file system: made or taken over, opened without ever waiting, removed while it is ours.
 *
 * A FIFO that exists already is ours when a dead run of the same config recorded its device and inode; any other is
 * refused unless the config says `existing`.
 */
import { closeSync, constants, fchmodSync, fchownSync, fstatSync, lstatSync, openSync, type Stats } from 'node:fs'
import { dirname, join } from 'node:path'
import type { IpcsupError } from '../errors.js'
import { createFifo } from '../platform/index.js'
import { changeOwner } from './accounts.js'
import type { NamedObject, Where } from './kind.js'
import { identify, identifyFile, removeNamed } from './named-objects.js'
import type { LinkOptions, OptionField, OptionProblem } from './options.js'
import { errnoOf, type Refuse, refusalsOf } from './refusal.js'

export const fifoOptions = {
  path: {
    about: 'Where it is. Default: in the directory of the run, where placeholders find it.',
    type: 'path',
    required: false,
    default: null,
  },
  mode: {
    about: 'Permission bits, whatever the umask.',
    type: 'mode',
    required: false,
    default: 0o600,
  },
  owner: { about: 'Owner: a name of /etc/passwd or a number.', type: 'user', required: false, default: null },
  group: { about: 'Group: a name of /etc/group or a number.', type: 'group', required: false, default: null },
  existing: {
    about: 'Uses a FIFO that is there already, as it is, and leaves it there.',
    type: 'boolean',
    required: false,
    default: false,
  },
} as const satisfies Record<string, OptionField>

/** ipcsup opens both ends, each time anew; root may do so whatever the mode. */
export function checkMode({ mode, owner }: LinkOptions): OptionProblem[] {
  if (typeof mode !== 'number' || (mode & 0o600) === 0o600 || owner !== null) return []
  return [{ option: 'mode', message: 'must let the owner read and write: 0600 and more, because ipcsup is the owner.' }]
}

export interface OpenFifo {
  readonly path: string
  readonly read: number
  readonly write: number
  readonly removeName: () => void
}

/** @throws IPCSUP_ERR_LINK_CREATE; then nothing of it is left */
export function makeFifo(options: LinkOptions, where: Where): OpenFifo {
  const path = typeof options['path'] === 'string' ? options['path'] : join(where.runDirectory, `${where.link}.fifo`)
  const refuse = refusalsOf(where.link)
  if (options['existing'] === true) return openExisting(path, refuse)
  const object = claimPath(path, where, refuse)
  const removeName = (): void => void removeNamed(object)
  try {
    where.record(object)
    return { path, removeName, ...openOwn(object, options, refuse) }
  } catch (error) {
    removeName()
    throw error
  }
}

function openExisting(path: string, refuse: Refuse): OpenFifo {
  const both = openBothWays(path, 0, refuse)
  try {
    const found = fstatSync(both)
    if (!found.isFIFO()) throw refuse(`${path} is ${describeType(found)}, not a FIFO`, 'Choose another `path`.')
    return { path, removeName: () => {}, ...openEnds(both) }
  } finally {
    closeSync(both)
  }
}

function openOwn(object: NamedObject, options: LinkOptions, refuse: Refuse): { read: number; write: number } {
  const both = openBothWays(object.name, constants.O_NOFOLLOW, refuse)
  try {
    if (identifyFile(fstatSync(both)) !== object.identity)
      throw refuse(`somebody replaced ${object.name}`, 'Choose another `path`.')
    setOwnership(both, options, refuse)
    return openEnds(both)
  } finally {
    closeSync(both)
  }
}

/** Makes the FIFO, or takes over the one that a dead run of ours left. */
function claimPath(path: string, where: Where, refuse: Refuse): NamedObject {
  try {
    where.record({ type: 'file', name: path, identity: null })
    createFifo(path, 0o600)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw explainFailure(path, error, refuse)
    const found = lstatSync(path)
    const object = { type: 'file', name: path, identity: identifyFile(found) } as const
    if (found.isFIFO() && where.wasOurs(object)) return object
    const advice = found.isFIFO()
      ? 'Set `existing: true` to use it, remove it, or choose another `path`.'
      : 'Choose another `path`, or remove it.'
    throw refuse(`${path} exists already and is ${describeType(found)}`, advice)
  }
  return identify('file', path)!
}

/** A description that is both ends never waits for another one, so that the two real ones do not either. */
function openBothWays(path: string, flags: number, refuse: Refuse): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NONBLOCK | flags)
  } catch (error) {
    throw explainFailure(path, error, refuse)
  }
}

/** The held ends are never read or written; O_NONBLOCK is only for their opening. */
function openEnds(both: number): { read: number; write: number } {
  const path = `/proc/self/fd/${both}`
  const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    return { read, write: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK) }
  } catch (error) {
    closeSync(read)
    throw error
  }
}

function setOwnership(descriptor: number, options: LinkOptions, refuse: Refuse): void {
  changeOwner(options, (user, group) => fchownSync(descriptor, user, group), refuse)
  fchmodSync(descriptor, Number(options['mode']))
}

function explainFailure(path: string, error: unknown, refuse: Refuse): IpcsupError {
  const directory = dirname(path)
  const errno = errnoOf(error)
  const [why, advice] = failures[errno]?.(path, directory) ?? [
    `${path} cannot be made (${errno})`,
    'Choose another `path`.',
  ]
  return refuse(why, advice, error)
}

type Explain = (path: string, directory: string) => [why: string, advice: string]

const failures: Readonly<Record<string, Explain>> = {
  ENAMETOOLONG: path => [
    `its path is too long (${Buffer.byteLength(path)} bytes; a name may have 255, a path 4095)`,
    'Choose a shorter `path`.',
  ],
  ENOENT: (path, directory) =>
    lstatSync(directory, { throwIfNoEntry: false })
      ? [`there is no FIFO ${path}`, 'Make it, or leave out `existing`.']
      : [`there is no directory ${directory}`, 'Make it, or choose another `path`.'],
  ENOTDIR: (_path, directory) => [`${directory} is no directory`, 'Choose another `path`.'],
  EROFS: (_path, directory) => [`${directory} is on a read-only file system`, 'Choose another `path`.'],
  EACCES: (path, directory) => [
    `there is no permission to make or open ${path}`,
    `Give write permission to ${directory}, or choose another \`path\`.`,
  ],
  EPERM: (_path, directory) => [`${directory} takes no FIFO`, 'Choose another `path`.'],
  ELOOP: path => [`${path} is a symbolic link`, 'Choose another `path`.'],
  ENOSPC: (_path, directory) => [`no space is left in ${directory}`, 'Make room, or choose another `path`.'],
}

function describeType(found: Stats): string {
  if (found.isFIFO()) return 'a FIFO that is not of this config'
  if (found.isDirectory()) return 'a directory'
  if (found.isSocket()) return 'a socket'
  if (found.isSymbolicLink()) return 'a symbolic link'
  return found.isFile() ? 'a regular file' : 'a device'
}
