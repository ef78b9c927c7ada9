/**
 * Files that are mapped: made so that nobody ever sees one half made, or opened as they are.
 *
 * A new one has no name until it has its size, its content and its mode; a crash before that leaves nothing.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  type Stats,
  unlinkSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { IpcsupError } from '../errors.js'
import { nameFile, openUnnamedFile } from '../platform/index.js'
import type { Where } from './kind.js'
import { claimSpace } from './memory-space.js'
import { identify, removeNamed } from './named-objects.js'
import { errnoOf, type Refuse } from './refusal.js'

export interface OpenFile {
  readonly descriptor: number
  readonly removeName: () => void
}

export interface FileToMake {
  readonly path: string
  readonly mode: number
  /** Gives it size and content; on failure nothing of the file is left. */
  readonly fill: (descriptor: number) => void
  /** It goes with the link, so the janitor must know it. */
  readonly isTemporary: boolean
}

/** @throws IPCSUP_ERR_LINK_CREATE; then nothing of it is left */
export function makeFile(file: FileToMake, where: Where, refuse: Refuse): OpenFile {
  const { path, isTemporary } = file
  refuseTaken(path, where, refuse)
  // Before it is made: the janitor takes nothing that is older than its record.
  if (isTemporary) where.record({ type: 'file', name: path, identity: null })
  const descriptor = makeWhole(file, refuse)
  if (!isTemporary) return { descriptor, removeName: () => {} }
  const object = identify('file', path)!
  const removeName = (): void => void removeNamed(object)
  try {
    where.record(object)
    return { descriptor, removeName }
  } catch (error) {
    closeSync(descriptor)
    removeName()
    throw error
  }
}

/** One that a dead run of ours left is removed: what was in the middle of being written there is of no use. */
function refuseTaken(path: string, where: Where, refuse: Refuse): void {
  const found = lookAt(path, refuse)
  if (!found) return
  const object = identify('file', path)
  if (object && found.isFile() && where.wasOurs(object) && removeNamed(object)) return
  throw refuseExisting(path, found, refuse)
}

/** null: nothing is there. @throws IPCSUP_ERR_LINK_CREATE */
export function lookAt(path: string, refuse: Refuse): Stats | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) ?? null
  } catch (error) {
    throw explainFailure(path, error, refuse)
  }
}

export function refuseExisting(path: string, found: Stats, refuse: Refuse): IpcsupError {
  return refuse(
    `${path} exists already and is ${describeType(found)}`,
    found.isFile()
      ? 'Set `existing: true` to use it as it is, remove it, or choose another name.'
      : 'Choose another name, or remove it.',
  )
}

/** @returns its descriptor; the file has its name */
function makeWhole({ path, mode, fill }: FileToMake, refuse: Refuse): number {
  let descriptor: number | null = null
  let isNamed = false
  try {
    descriptor = openUnnamed(path)
    isNamed = descriptor === null
    descriptor ??= openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
    fill(descriptor)
    fchmodSync(descriptor, mode)
    if (!isNamed) nameFile(descriptor, path)
    return descriptor
  } catch (error) {
    if (descriptor !== null) closeSync(descriptor)
    if (descriptor !== null && isNamed) unlinkSync(path)
    throw explainFailure(path, error, refuse)
  }
}

/** null: this file system (NFS, say) has no files without a name. */
function openUnnamed(path: string): number | null {
  try {
    return openUnnamedFile(dirname(path))
  } catch (error) {
    if (['EOPNOTSUPP', 'ENOTSUP', 'EISDIR'].includes(errnoOf(error))) return null
    throw error
  }
}

/**
 * A regular file that is there, for reading and writing; the caller closes it.
 *
 * @param links - `follow`: a symbolic link may be there. `refuse`: not where everybody may make one
 * @throws IPCSUP_ERR_LINK_CREATE
 */
export function openFile(
  path: string,
  links: 'follow' | 'refuse',
  refuse: Refuse,
): { descriptor: number; bytes: number } {
  let descriptor: number
  try {
    // A FIFO or a device must not make us wait.
    const flags = links === 'follow' ? 0 : constants.O_NOFOLLOW
    descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | flags)
  } catch (error) {
    throw explainFailure(path, error, refuse)
  }
  const found = fstatSync(descriptor)
  if (found.isFile()) return { descriptor, bytes: found.size }
  closeSync(descriptor)
  throw refuse(`${path} is ${describeType(found)}, not a regular file`, 'Choose another one.')
}

/** Makes a file longer, and takes the space for all of it. When that fails it is as long as before. */
export function growFile(file: { descriptor: number; bytes: number }, size: number, path: string, refuse: Refuse) {
  try {
    claimSpace(file.descriptor, size, dirname(path), refuse)
  } catch (error) {
    ftruncateSync(file.descriptor, file.bytes)
    throw error
  }
}

function explainFailure(path: string, error: unknown, refuse: Refuse): IpcsupError {
  if (error instanceof IpcsupError && error.code === 'IPCSUP_ERR_LINK_CREATE') return error
  const errno = errnoOf(error)
  // Not a matter of this file.
  if (errno === 'EMFILE' || errno === 'ENFILE') return error as IpcsupError
  const [why, advice] = failures[errno]?.(path, dirname(path)) ?? [
    `${path} cannot be made or opened (${errno})`,
    'Choose another place.',
  ]
  return refuse(why, advice, error)
}

type Explain = (path: string, directory: string) => [why: string, advice: string]

const failures: Readonly<Record<string, Explain>> = {
  EACCES: path => [`there is no permission to make or open ${path}`, 'Correct its permissions, or choose another one.'],
  EEXIST: path => [`somebody else makes ${path} just now`, 'Choose another name.'],
  EISDIR: path => [`${path} is a directory`, 'Choose another one.'],
  ELOOP: path => [`${path} is a symbolic link`, 'Choose another one.'],
  ENAMETOOLONG: path => [
    `its name is too long (${Buffer.byteLength(path)} bytes; a name may have 255, a path 4095)`,
    'Choose a shorter one.',
  ],
  ENOENT: (path, directory) =>
    lstatSync(directory, { throwIfNoEntry: false })
      ? [`there is no file ${path}`, 'Make it, or leave out `existing`.']
      : [`there is no directory ${directory}`, 'Make it, or choose another one.'],
  ENOTDIR: (_path, directory) => [`${directory} is no directory`, 'Choose another one.'],
  ENXIO: path => [`${path} is a socket, not a regular file`, 'Choose another one.'],
  EROFS: (_path, directory) => [`${directory} is on a read-only file system`, 'Choose another one.'],
  ETXTBSY: path => [`${path} is a program that runs`, 'Choose another one.'],
}

function describeType(found: Stats): string {
  if (found.isFile()) return 'a regular file'
  if (found.isDirectory()) return 'a directory'
  if (found.isSymbolicLink()) return 'a symbolic link'
  if (found.isFIFO()) return 'a FIFO'
  return found.isSocket() ? 'a socket' : 'a device'
}
