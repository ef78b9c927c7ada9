/** A POSIX named semaphore, the supervisor's half. */
import { closeSync, constants, fchmodSync, fstatSync, lstatSync, openSync } from 'node:fs'
import { createSemaphore, reserveSpace } from '../platform/index.js'
import type { LinkObject, Where } from './kind.js'
import { identify, removeNamed } from './named-objects.js'
import type { LinkOptions } from './options.js'
import { openPermitKeeper, type PermitKeeper } from './permit-keeper.js'
import { recordBytes } from './permit-layout.js'
import { errnoOf, refuseLink } from './refusal.js'

/** Where glibc keeps the semaphore `/name`. */
export function pathOfSemaphore(name: string): string {
  return `/dev/shm/sem.${name.slice(1)}`
}

/** @throws IPCSUP_ERR_LINK_CREATE; then nothing of it is left */
export function holdPosixSemaphore(options: LinkOptions, where: Where): LinkObject {
  const name = nameOf(options, where)
  const { descriptor, removeName } =
    options['existing'] === true ? openExisting(name, where) : make(name, options, where)
  return holdSemaphore(name, descriptor, removeName)
}

interface Made {
  readonly descriptor: number
  readonly removeName: () => void
}

function nameOf({ name }: LinkOptions, where: Where): string {
  const text = typeof name === 'string' ? name : where.uniqueName
  return text.startsWith('/') ? text : `/${text}`
}

function make(name: string, options: LinkOptions, where: Where): Made {
  const path = pathOfSemaphore(name)
  // Before the record says that it is ours.
  if (lstatSync(path, { throwIfNoEntry: false })) throw explain('EEXIST', name, where, null)
  where.record({ type: 'file', name: path, identity: null })
  try {
    createSemaphore(name, 0o600, Number(options['value']))
  } catch (error) {
    throw explain(errnoOf(error), name, where, error)
  }
  const object = identify('file', path)!
  const removeName = (): void => void removeNamed(object)
  try {
    where.record(object)
    return { descriptor: prepare(name, options, where), removeName }
  } catch (error) {
    removeName()
    throw error
  }
}

function prepare(name: string, options: LinkOptions, where: Where): number {
  let descriptor = -1
  try {
    descriptor = openSync(pathOfSemaphore(name), constants.O_RDWR)
    fchmodSync(descriptor, Number(options['mode']))
    reserveSpace(descriptor, recordBytes)
    return descriptor
  } catch (error) {
    if (descriptor >= 0) closeSync(descriptor)
    throw explain(errnoOf(error), name, where, error)
  }
}

// sizeof(sem_t); what the library has used is larger
const semaphoreBytes = 32

function openExisting(name: string, where: Where): Made {
  let descriptor = -1
  try {
    descriptor = openSync(pathOfSemaphore(name), constants.O_RDWR | constants.O_NONBLOCK)
    const { size } = fstatSync(descriptor)
    if (size !== semaphoreBytes && size !== recordBytes)
      throw refuseLink(where.link, `${pathOfSemaphore(name)} is no semaphore`, 'Choose another `name`.')
    reserveSpace(descriptor, recordBytes)
    return { descriptor, removeName: () => {} }
  } catch (error) {
    if (descriptor >= 0) closeSync(descriptor)
    throw explain(errnoOf(error), name, where, error)
  }
}

const retryDelayMs = 5

function holdSemaphore(name: string, descriptor: number, removeName: () => void): LinkObject {
  let held: number | null = descriptor
  let isReleased = false
  let keeper: PermitKeeper | null = null
  let timer: NodeJS.Timeout | null = null

  const getKeeper = (open: number): PermitKeeper => {
    keeper ??= openPermitKeeper(open)
    return keeper
  }

  const mend = (): void => {
    if (held === null || getKeeper(held).mend()) return
    // Somebody is in the middle of taking: a matter of microseconds, unless that one was stopped.
    timer = setTimeout(mendAgain, retryDelayMs)
    timer.unref()
  }

  const mendAgain = (): void => {
    timer = null
    try {
      mend()
    } catch {
      // The file was cut off meanwhile: the next end of a process tells that.
    }
  }

  return {
    sharesDescription: false,
    hint: () => ({ name }),
    take: () => -1,
    release: () => {
      isReleased = true
      return null
    },
    state: () => (isReleased ? 'unknown' : 'open'),
    facts: () => {
      const found = held === null ? null : getKeeper(held).read()
      const { value, holders } = found ?? { value: null, holders: null }
      return { name, queuedBytes: null, capacityBytes: null, value, holders }
    },
    mend: () => {
      if (timer === null) mend()
    },
    destroy: () => {
      isReleased = true
      if (timer) clearTimeout(timer)
      if (held === null) return
      keeper?.close()
      keeper = null
      closeSync(held)
      held = null
      removeName()
    },
  }
}

function explain(errno: string, name: string, where: Where, error: unknown): unknown {
  const path = pathOfSemaphore(name)
  const reasons: Readonly<Record<string, readonly [why: string, advice: string]>> = {
    EEXIST: [
      `${path} exists already and is not of this config`,
      'Set `existing: true` to use it, remove it, or choose another `name`.',
    ],
    ENOENT: [`there is no semaphore ${name} (${path})`, 'Make it, or leave out `existing`.'],
    ENOSPC: ['no space is left in /dev/shm', 'Remove what is not needed there, or enlarge it.'],
    EACCES: [`there is no permission to make or open ${path}`, 'Choose another `name`.'],
    EROFS: ['/dev/shm is on a read-only file system', 'Mount it writable.'],
    ENAMETOOLONG: [`its name is too long (${Buffer.byteLength(name)} bytes)`, 'Choose a shorter `name`.'],
    EISDIR: [`${path} is a directory`, 'Choose another `name`.'],
    ENXIO: [`${path} is no semaphore`, 'Choose another `name`.'],
  }
  const reason = reasons[errno]
  return reason === undefined ? error : refuseLink(where.link, ...reason, error)
}
