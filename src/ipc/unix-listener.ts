/**
 * The socket of a `unix` link: bound to its path or abstract name, or refused with the reason.
 *
 * The path is what it is bound to, so that a server that asks its socket for the name (nginx) finds the one of its
 * config. A second name, in the directory of the run, keeps the file: servers that clean up behind themselves remove the
 * first (php-fpm at SIGTERM), which is then linked again.
 */
import { chmodSync, chownSync, closeSync, constants, fchmodSync, fstatSync, openSync } from 'node:fs'
import {
  bindUnixSocket,
  countQueuedBytes,
  countWaitingUnix,
  createUnixSocket,
  listenAt,
  pollNow,
  type SocketType,
} from '../platform/index.js'
import { changeOwner } from './accounts.js'
import { holdListener } from './held-listener.js'
import type { Hint, LinkFacts, LinkObject, NamedObject, Where } from './kind.js'
import { identify, identifyFile, removeNamed } from './named-objects.js'
import type { LinkOptions } from './options.js'
import { type Refuse, refusalsOf } from './refusal.js'
import { keepSecondName } from './second-name.js'
import { explainAbstract, explainPath, makeRoom } from './unix-conflict.js'
import { choosePath } from './unix-path.js'

/** @throws IPCSUP_ERR_LINK_CREATE; then nothing of it is left */
export function makeUnixListener(options: LinkOptions, where: Where): LinkObject {
  const refuse = refusalsOf(where.link)
  const { abstract } = options
  if (typeof abstract === 'string') return makeAbstract(abstract, options, { where, refuse })
  return makeAtPath(choosePath(options, where, refuse), options, { where, refuse })
}

interface Making {
  readonly where: Where
  readonly refuse: Refuse
}

function makeAbstract(name: string, options: LinkOptions, { where, refuse }: Making): LinkObject {
  const descriptor = createUnixSocket(typeOf(options))
  try {
    bindUnixSocket(descriptor, { abstract: name })
    start(descriptor, options)
  } catch (error) {
    closeSync(descriptor)
    throw explainAbstract(name, error, refuse)
  }
  return hold(descriptor, options, { link: where.link, hint: { name: `@${name}` }, removeName: () => {} })
}

function makeAtPath(path: string, options: LinkOptions, { where, refuse }: Making): LinkObject {
  const descriptor = createUnixSocket(typeOf(options))
  const made: NamedObject[] = []
  const removeName = (): void => void made.map(object => removeNamed(object))
  try {
    const object = bindAt(descriptor, path, { where, refuse })
    made.push(object)
    where.record(object)
    setOwnership(object, options, refuse)
    start(descriptor, options)
    const second = keepSecondName(object, where)
    if (second) made.push(second.object)
    return hold(descriptor, options, {
      link: where.link,
      hint: { path },
      removeName,
      ...(second && { mend: second.mend }),
    })
  } catch (error) {
    closeSync(descriptor)
    removeName()
    throw error
  }
}

function bindAt(descriptor: number, path: string, { where, refuse }: Making): NamedObject {
  // Of a new file the kernel takes the mode of the socket: nobody else gets in before the mode of the config is set.
  fchmodSync(descriptor, 0o600)
  where.record({ type: 'file', name: path, identity: null })
  try {
    makeRoom(path, refuse)
    bindUnixSocket(descriptor, { path })
  } catch (error) {
    throw explainPath(path, error, refuse)
  }
  return identify('file', path)!
}

function start(descriptor: number, options: LinkOptions): void {
  if (typeOf(options) !== 'dgram') listenAt(descriptor, Number(options['backlog']))
}

// Opens the file itself, whatever it is, without using it. asm-generic/fcntl.h, the same on x86, ARM and RISC-V.
const O_PATH = 0o10000000

/** Of the very file that was bound, should somebody have put another one in its place. */
function setOwnership(object: NamedObject, options: LinkOptions, refuse: Refuse): void {
  const file = openSync(object.name, O_PATH | constants.O_NOFOLLOW)
  try {
    if (identifyFile(fstatSync(file)) !== object.identity)
      throw refuse(`somebody replaced ${object.name}`, 'Choose another `path`.')
    const itself = `/proc/self/fd/${file}`
    changeOwner(options, (user, group) => chownSync(itself, user, group), refuse)
    const { mode } = options
    chmodSync(itself, typeof mode === 'number' ? mode : 0o600)
  } finally {
    closeSync(file)
  }
}

interface ToHold {
  readonly link: string
  readonly hint: Hint
  readonly removeName: () => void
  readonly mend?: () => void
}

function hold(descriptor: number, options: LinkOptions, more: ToHold): LinkObject {
  const isDatagram = typeOf(options) === 'dgram'
  const { ino } = fstatSync(descriptor)
  return holdListener({
    descriptor,
    nonBlocking: options['nonBlocking'] === true,
    side: isDatagram ? 'bind' : 'listen',
    readFacts: isDatagram ? readQueue : () => ({ waiting: countWaitingUnix(ino) }),
    ...more,
  })
}

/** Of datagrams the kernel counts the first only: how much waits is known when there is none. */
function readQueue(descriptor: number): Partial<LinkFacts> {
  const isEmpty = countQueuedBytes(descriptor) === 0 && !pollNow(descriptor).readable
  return { queuedBytes: isEmpty ? 0 : null, messages: isEmpty ? 0 : null }
}

export function typeOf(options: LinkOptions): SocketType {
  const { type } = options
  return type === 'seqpacket' || type === 'dgram' ? type : 'stream'
}
