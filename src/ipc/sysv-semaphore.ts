/** A set of System V semaphores, the supervisor's half. */
import { readFileSync } from 'node:fs'
import type { IpcsupError } from '../errors.js'
import {
  createSysvSemaphore,
  findSysvSemaphore,
  readSysvSemaphoreUses,
  readSysvSemaphoreValues,
  removeSysvSemaphore,
  setSysvSemaphoreValues,
} from '../platform/index.js'
import type { LinkFacts, LinkObject, Where } from './kind.js'
import { identify, removeNamed } from './named-objects.js'
import type { LinkOptions } from './options.js'
import { errnoOf, refuseLink } from './refusal.js'
import { chooseKey } from './sysv-key.js'

interface Made {
  readonly id: number
  readonly key: number
  readonly removeName: () => void
}

/** @throws IPCSUP_ERR_LINK_CREATE; then nothing of it is left */
export function holdSysvSemaphore(options: LinkOptions, where: Where): LinkObject {
  const { id, key, removeName } = options['existing'] === true ? findExisting(options, where) : make(options, where)
  let isGone = false
  let isReleased = false
  return {
    sharesDescription: false,
    hint: () => ({ id, key }),
    take: () => -1,
    release: () => {
      isReleased = true
      return null
    },
    state: () => (isReleased ? 'unknown' : 'open'),
    facts: () => ({ id, key, queuedBytes: null, capacityBytes: null, ...(isGone ? unknown : look(id)) }),
    destroy: () => {
      isReleased = true
      if (isGone) return
      isGone = true
      removeName()
    },
  }
}

const unknown = { value: null, waiting: null, lastUsers: null }

function look(id: number): Pick<LinkFacts, 'value' | 'waiting' | 'lastUsers'> {
  const uses = readSysvSemaphoreUses(id)
  if (uses === null) return unknown
  return {
    value: readValue(id),
    waiting: uses.reduce((sum, { waiting }) => sum + waiting, 0),
    // We have set them at first: that is nobody's use.
    lastUsers: uses.map(({ lastPid }) => (lastPid === 0 || lastPid === process.pid ? null : lastPid)),
  }
}

function readValue(id: number): number | readonly number[] | null {
  const values = readSysvSemaphoreValues(id)
  return values?.length === 1 ? values[0]! : values
}

function make(options: LinkOptions, where: Where): Made {
  const values = valuesOf(options)
  const { id, key } = create(options, values.length, where)
  const object = identify('sysv-semaphore', String(key))
  try {
    setSysvSemaphoreValues(id, values)
    if (object === null) throw refuseLink(where.link, `its set with key ${key} was removed`, 'Start again.')
    where.record(object)
    return { id, key, removeName: () => void removeNamed(object) }
  } catch (error) {
    removeSysvSemaphore(id)
    throw error
  }
}

function valuesOf({ values, value }: LinkOptions): readonly number[] {
  return Array.isArray(values) ? (values as readonly number[]) : [Number(value)]
}

function create(options: LinkOptions, members: number, where: Where): { id: number; key: number } {
  for (;;) {
    const key = typeof options['key'] === 'number' ? options['key'] : chooseKey()
    // Asked before the record says that it is ours.
    if (isThere(key)) {
      if (options['key'] === key) throw taken(key, where)
      continue
    }
    where.record({ type: 'sysv-semaphore', name: String(key), identity: null })
    try {
      return { key, id: createSysvSemaphore(key, members, Number(options['mode'])) }
    } catch (error) {
      throw explain(members, key, where, error)
    }
  }
}

/** One that we may not look at is there too. */
function isThere(key: number): boolean {
  return identify('sysv-semaphore', String(key)) !== null
}

function findExisting(options: LinkOptions, where: Where): Made {
  const key = Number(options['key'])
  const id = findSysvSemaphore(key)
  if (id !== null) return { id, key, removeName: () => {} }
  throw refuseLink(where.link, `there are no semaphores with key ${key}`, 'Make them, or leave out `existing`.')
}

function explain(members: number, key: number, where: Where, error: unknown): unknown {
  const errno = errnoOf(error)
  const [perSet, inAll, , sets] = readLimits()
  const advice = `The limits are in /proc/sys/kernel/sem (${readLimits().join(' ')}): raise them with sysctl, or remove sets that nobody needs (ipcs -s, ipcrm).`
  const reasons: Readonly<Record<string, readonly [why: string, advice: string]>> = {
    EINVAL: [`a set of ${members} members is more than the ${perSet} that this system allows`, advice],
    ENOSPC: [`the system has its ${sets} sets, or its ${inAll} semaphores in all, already`, advice],
  }
  if (errno === 'EEXIST') return taken(key, where)
  const reason = reasons[errno]
  return reason === undefined ? error : refuseLink(where.link, ...reason, error)
}

function taken(key: number, where: Where): IpcsupError {
  const advice = 'Set `existing: true` to use them, remove them with `ipcrm`, or choose another `key`.'
  return refuseLink(where.link, `semaphores with key ${key} exist already and are not of this config`, advice)
}

/** SEMMSL, SEMMNS, SEMOPM, SEMMNI. */
function readLimits(): readonly string[] {
  return readFileSync('/proc/sys/kernel/sem', 'latin1').trim().split(/\s+/)
}
