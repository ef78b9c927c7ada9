/** A path or abstract name that another socket has: whose it is, and whether it may be replaced. */
import { closeSync, existsSync, lstatSync, readFileSync, type Stats, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { IpcsupError } from '../errors.js'
import { connectUnixSocket, createUnixSocket, findSocketsBoundTo, type UnixAddress } from '../platform/index.js'
import { identifyFile } from './named-objects.js'
import type { Refuse } from './refusal.js'
import { errnoOf } from './refusal.js'
import { describeHolder } from './socket-holder.js'

/**
 * Removes the file of a socket that nobody has any more: the kernel leaves it when its server dies, and nothing can
 * connect to it again. Everything else is refused.
 */
export function makeRoom(path: string, refuse: Refuse): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return
  if (!found.isSocket())
    throw refuse(`${path} exists already and is ${describeType(found)}`, 'Choose another `path`, or remove it.')
  // One that is bound and does not listen yet refuses connections as a dead one does.
  const [holder] = findSocketsBoundTo(found) ?? []
  if (holder !== undefined) throw refuse(`${path} is held${describeHolder(holder)}`, sharing)
  const answer = knock({ path })
  if (answer === 'ECONNREFUSED') removeStale(path, found)
  else if (answer === 'EACCES')
    throw refuse(
      `${path} exists already, and there is no permission to see whether anybody listens there`,
      'Choose another `path`, or remove it.',
    )
  // Of another network namespace, of whose sockets the kernel tells nothing.
  else throw refuse(`${path} is held by a server in another container`, sharing)
}

const sharing = 'Stop it, choose another `path`, or set `existing: true` to connect to it.'

/** What a client of the server there would see. */
function knock(address: UnixAddress): string {
  const descriptor = createUnixSocket('stream', { nonBlocking: true })
  try {
    connectUnixSocket(descriptor, address)
    return 'connected'
  } catch (error) {
    return errnoOf(error)
  } finally {
    closeSync(descriptor)
  }
}

function removeStale(path: string, found: Stats): void {
  const now = lstatSync(path, { throwIfNoEntry: false })
  if (now && identifyFile(now) === identifyFile(found)) unlinkSync(path)
}

export function explainPath(path: string, error: unknown, refuse: Refuse): IpcsupError {
  if (error instanceof IpcsupError && error.code === 'IPCSUP_ERR_LINK_CREATE') return error
  const errno = errnoOf(error)
  const [why, advice = 'Choose another `path`.'] = failures[errno]?.(path, dirname(path)) ?? [
    `${path} cannot be made (${errno})`,
  ]
  return refuse(why, advice, error)
}

const failures: Readonly<Record<string, (path: string, directory: string) => [why: string, advice?: string]>> = {
  // procfs says so of any new name.
  ENOENT: (_path, directory) =>
    existsSync(directory)
      ? [`${directory} takes no sockets`]
      : [`there is no directory ${directory}`, 'Make it, or choose another `path`.'],
  ENOTDIR: (_path, directory) => [`${directory} is no directory`],
  EROFS: (_path, directory) => [`${directory} is on a read-only file system`],
  EACCES: (path, directory) => [
    `there is no permission to make ${path}`,
    `Give write permission to ${directory}, or choose another \`path\`.`,
  ],
  EPERM: (_path, directory) => [`${directory} takes no sockets`],
  EADDRINUSE: path => [`somebody made ${path} in this moment`],
  ENOSPC: (_path, directory) => [`no space is left in ${directory}`, 'Make room, or choose another `path`.'],
}

export function explainAbstract(name: string, error: unknown, refuse: Refuse): IpcsupError {
  const errno = errnoOf(error)
  if (errno !== 'EADDRINUSE') return refuse(`it cannot have the name @${name} (${errno})`, 'Choose another.', error)
  const inode = findAbstract(name)
  const holder = inode === null ? '' : describeHolder(inode)
  return refuse(
    `the abstract name @${name} is taken${holder}`,
    'Stop it, choose another name, or set `existing: true` to connect to it.',
    error,
  )
}

/** Inode of the socket (of this network namespace) that has an abstract name; null: there is none. */
export function findAbstract(name: string): number | null {
  // Num RefCount Protocol Flags Type St Inode Path
  const rows = readFileSync('/proc/net/unix', 'utf8').split('\n')
  const row = rows.find(text => text.endsWith(` @${name}`) && text.split(/\s+/)[7] !== undefined)
  return row === undefined ? null : Number(row.trim().split(/\s+/)[6])
}

export function describeType(found: Stats): string {
  if (found.isSocket()) return 'a socket'
  if (found.isDirectory()) return 'a directory'
  if (found.isFIFO()) return 'a FIFO'
  if (found.isSymbolicLink()) return 'a symbolic link'
  return found.isFile() ? 'a regular file' : 'a device'
}
