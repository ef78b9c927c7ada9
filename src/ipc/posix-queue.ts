/** The supervisor's half of a POSIX message queue: one description, held from its making to the end. */
import { closeSync, fchmodSync, openSync, readFileSync } from 'node:fs'
import { geteuid } from 'node:process'
import type { IpcsupError } from '../errors.js'
import {
  countMessageBytes,
  createQueue,
  openQueue,
  type QueueSize,
  readQueue,
  removeQueue,
  reopenQueue,
} from '../platform/index.js'
import { sideClosed } from './held-pipe.js'
import type { LinkFacts, LinkObject, NamedObject, Where } from './kind.js'
import { identify, identifyQueue, removeNamed } from './named-objects.js'
import type { LinkOptions } from './options.js'
import { errnoOf, refuseLink } from './refusal.js'

const defaultQueueSize = { maxMessages: 10, messageSize: 8192 } as const satisfies QueueSize

/** @throws IPCSUP_ERR_LINK_CREATE; then nothing of it is left */
export function makePosixQueue(options: LinkOptions, where: Where): LinkObject {
  const name = readName(options, where)
  if (options['existing'] === true) return holdQueue(openExisting(name, where), name, where.link, () => {})
  const queue = claimName(name, options, where)
  try {
    const object: NamedObject = { type: 'queue', name, identity: identifyQueue(queue).identity }
    where.record(object)
    fchmodSync(queue, typeof options['mode'] === 'number' ? options['mode'] : 0o600)
    return holdQueue(queue, name, where.link, () => void removeNamed(object))
  } catch (error) {
    closeSync(queue)
    removeQueue(name)
    throw error
  }
}

function readName({ name }: LinkOptions, where: Where): string {
  return `/${typeof name === 'string' ? name.replace(/^\//, '') : where.uniqueName}`
}

function openExisting(name: string, where: Where): number {
  return attempt(name, defaultQueueSize, where, () => openQueue(name, 'both'))
}

function claimName(name: string, options: LinkOptions, where: Where): number {
  const size = readSize(options)
  attempt(name, size, where, () => {
    // A name that is taken must not come into the ledger: of a queue the kernel cannot say when it was made.
    const found = identify('queue', name)
    if (found !== null && !where.wasOurs(found)) throw nameTaken
    if (found !== null) removeQueue(name)
  })
  where.record({ type: 'queue', name, identity: null })
  return attempt(name, size, where, () => createQueue(name, 0o600, size))
}

function attempt<T>(name: string, size: QueueSize, where: Where, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw explainFailure(name, size, where, error)
  }
}

const nameTaken = Object.assign(new Error('EEXIST'), { code: 'EEXIST' })

export function readSize({ maxMessages, messageSize }: LinkOptions): QueueSize {
  return {
    maxMessages: typeof maxMessages === 'number' ? maxMessages : defaultQueueSize.maxMessages,
    messageSize: typeof messageSize === 'number' ? messageSize : defaultQueueSize.messageSize,
  }
}

function holdQueue(descriptor: number, name: string, link: string, removeName: () => void): LinkObject {
  const released = new Set<string>()
  let held: number | null = descriptor
  return {
    sharesDescription: false,
    hint: () => ({ name }),
    take: side => {
      if (held === null || released.has(side)) throw sideClosed(link, side)
      return reopenQueue(held, side === 'write' ? 'write' : 'read', { blocking: true })
    },
    release: (side, reason) => {
      const isFirst = !released.has(side)
      released.add(side)
      return isFirst && held !== null && side === 'read' && reason === 'over' ? countMessageBytes(held) : null
    },
    state: side => (held === null || released.has(side) ? 'unknown' : 'open'),
    facts: () => ({ ...readFacts(held), name }),
    destroy: () => {
      if (held !== null) closeSync(held)
      held = null
      removeName()
    },
  }
}

function readFacts(held: number | null): LinkFacts {
  if (held === null) return { queuedBytes: null, capacityBytes: null, messages: null }
  const { maxMessages, messageSize, messages } = readQueue(held)
  return { queuedBytes: countMessageBytes(held), capacityBytes: maxMessages * messageSize, messages }
}

function explainFailure(name: string, size: QueueSize, { link }: Where, error: unknown): IpcsupError {
  const errno = errnoOf(error)
  const [why, advice] = failures[errno]?.(name, size) ?? [
    `the message queue ${name} cannot be made (${errno})`,
    'Choose another `name`.',
  ]
  return refuseLink(link, why, advice, error)
}

type Explain = (name: string, size: QueueSize) => [why: string, advice: string]

const failures: Readonly<Record<string, Explain>> = {
  EEXIST: name => [
    `there is a message queue ${name} already, which is not of this config`,
    'Set `existing: true` to use it, remove it, or choose another `name`.',
  ],
  ENOENT: name => [`there is no message queue ${name}`, 'Make it, or leave out `existing`.'],
  EACCES: name => [
    `there is no permission to read and write the message queue ${name}`,
    'Choose another `name`, or ask its owner.',
  ],
  EMFILE: (_name, size) => (canOpenMore() ? explainMemory(size) : tooManyOpen),
  EINVAL: (_name, size) => explainSize(size),
  ENOSPC: () => [
    `this system has as many message queues as it may have (/proc/sys/fs/mqueue/queues_max: ${readLimit('queues_max')})`,
    'Remove some, or raise it as root: `sysctl fs.mqueue.queues_max=NUMBER`.',
  ],
  ENOSYS: () => ['this kernel has no POSIX message queues', "Set `system: 'sysv'`."],
}

const tooManyOpen: [string, string] = [
  'ipcsup has as many files open as it may have',
  'Raise the limit of open files: `ulimit -n NUMBER`.',
]

/** EMFILE means two things: too many open files, or too many bytes in queues. */
function canOpenMore(): boolean {
  try {
    closeSync(openSync('/dev/null', 'r'))
    return true
  } catch {
    return false
  }
}

// ipc/mqueue.c: of each message it counts a struct msg_msg and a node of its tree, 48 bytes both.
const overheadOfMessage = 96

function explainMemory({ maxMessages, messageSize }: QueueSize): [string, string] {
  const needed = maxMessages * (messageSize + overheadOfMessage)
  const [, limit = 'unknown'] = /^Max msgqueue size +(\w+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
  return [
    `it takes ${needed} bytes, and all message queues of user ${geteuid?.()} together may have ${limit} (RLIMIT_MSGQUEUE)`,
    'Lower `maxMessages` or `messageSize`, remove other queues, or raise the limit: `ulimit -q BYTES` in bash, `LimitMSGQUEUE=` in a unit of systemd.',
  ]
}

function explainSize({ maxMessages, messageSize }: QueueSize): [string, string] {
  const [option, value, file] =
    maxMessages > readLimit('msg_max')
      ? ['maxMessages', maxMessages, 'msg_max']
      : ['messageSize', messageSize, 'msgsize_max']
  return [
    `its \`${option}\` is ${value}, and this system grants ${readLimit(file)} (/proc/sys/fs/mqueue/${file})`,
    `Lower it, or raise the limit as root: \`sysctl fs.mqueue.${file}=${value}\`.`,
  ]
}

function readLimit(file: string): number {
  return Number(readFileSync(`/proc/sys/fs/mqueue/${file}`, 'latin1'))
}
