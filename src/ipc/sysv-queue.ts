/** The supervisor's half of a message queue of System V, which has no descriptor: it lives until it is removed. */
import { readFileSync } from 'node:fs'
import { changeSysvQueue, createSysvQueue, findSysvQueue, readSysvQueue, removeSysvQueue } from '../platform/index.js'
import { sideClosed } from './held-pipe.js'
import type { Hint, LinkFacts, LinkObject, Where } from './kind.js'
import { identify, removeNamed } from './named-objects.js'
import type { LinkOptions } from './options.js'
import { errnoOf, refuseLink } from './refusal.js'
import { chooseKey } from './sysv-key.js'

type Handle = Required<Pick<Hint, 'id' | 'key'>>

/** @throws IPCSUP_ERR_LINK_CREATE; then nothing of it is left */
export function makeSysvQueue(options: LinkOptions, where: Where): LinkObject {
  if (options['existing'] === true) {
    const key = Number(options['key'])
    return holdQueue({ id: openExisting(key, where), key }, where.link, () => {})
  }
  const { id, key } = claimKey(options, where)
  try {
    const object = identify('sysv-queue', String(key))!
    where.record(object)
    if (typeof options['maxBytes'] === 'number') changeSize(id, options['maxBytes'], where)
    return holdQueue({ id, key }, where.link, () => void removeNamed(object))
  } catch (error) {
    removeSysvQueue(id)
    throw error
  }
}

function openExisting(key: number, where: Where): number {
  try {
    const id = findSysvQueue(key)
    if (id === null)
      throw refuseLink(where.link, `there is no message queue with key ${key}`, 'Make it, or leave out `existing`.')
    readSysvQueue(id)
    return id
  } catch (error) {
    throw explainFailure(key, where, error)
  }
}

function claimKey(options: LinkOptions, where: Where): Handle {
  const { key: fixed, mode } = options
  for (;;) {
    const key = typeof fixed === 'number' ? fixed : chooseKey()
    const found = identify('sysv-queue', String(key))
    const isTaken = found !== null && !(where.wasOurs(found) && removeNamed(found))
    if (isTaken && typeof fixed !== 'number') continue
    if (isTaken) throw explainFailure(key, where, keyTaken)
    where.record({ type: 'sysv-queue', name: String(key), identity: null })
    try {
      return { id: createSysvQueue(key, typeof mode === 'number' ? mode & 0o777 : 0o600), key }
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST' || typeof fixed === 'number') throw explainFailure(key, where, error)
    }
  }
}

const keyTaken = Object.assign(new Error('EEXIST'), { code: 'EEXIST' })

function changeSize(id: number, maxBytes: number, { link }: Where): void {
  try {
    changeSysvQueue(id, maxBytes)
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error
    const why = `its \`maxBytes\` is ${maxBytes}, and this system grants ${readLimit('msgmnb')} (/proc/sys/kernel/msgmnb)`
    throw refuseLink(link, why, `Lower it, or raise the limit as root: \`sysctl kernel.msgmnb=${maxBytes}\`.`, error)
  }
}

function holdQueue(handle: Handle, link: string, removeKey: () => void): LinkObject {
  const { id } = handle
  const released = new Set<string>()
  let isHeld = true
  return {
    sharesDescription: false,
    hint: () => handle,
    take: side => {
      throw sideClosed(link, side)
    },
    release: (side, reason) => {
      const isFirst = !released.has(side)
      released.add(side)
      return isFirst && isHeld && side === 'read' && reason === 'over' ? readFacts(id).queuedBytes : null
    },
    state: side => (!isHeld || released.has(side) ? 'unknown' : 'open'),
    facts: () => ({ ...(isHeld ? readFacts(id) : nothing), ...handle }),
    destroy: () => {
      isHeld = false
      removeKey()
    },
  }
}

const nothing = { queuedBytes: null, capacityBytes: null, messages: null } as const satisfies LinkFacts

function readFacts(id: number): LinkFacts {
  const status = readSysvQueue(id)
  return status ? { queuedBytes: status.bytes, capacityBytes: status.maxBytes, messages: status.messages } : nothing
}

function explainFailure(key: number, { link }: Where, error: unknown): unknown {
  const errno = errnoOf(error)
  const explain = failures[errno]
  if (!explain) return error
  const [why, advice] = explain(key)
  return refuseLink(link, why, advice, error)
}

const failures: Readonly<Record<string, (key: number) => [why: string, advice: string]>> = {
  EEXIST: key => [
    `there is a message queue with key ${key} already, which is not of this config`,
    `Set \`existing: true\` to use it, remove it (\`ipcrm -Q ${key}\`), or choose another \`key\`.`,
  ],
  EACCES: key => [
    `there is no permission to read the message queue with key ${key}`,
    'Choose another `key`, or ask its owner.',
  ],
  ENOSPC: () => [
    `this system has as many message queues as it may have (/proc/sys/kernel/msgmni: ${readLimit('msgmni')})`,
    'Remove some (`ipcs -q`, `ipcrm -q ID`), or raise it as root: `sysctl kernel.msgmni=NUMBER`.',
  ],
  ENOSYS: () => ['this kernel has no message queues of System V', 'Leave out `system`.'],
}

function readLimit(file: string): number {
  return Number(readFileSync(`/proc/sys/kernel/${file}`, 'latin1'))
}
