/** The child's half of a semaphore, of either system. */
import { closeSync, constants, openSync } from 'node:fs'
import { IpcsupError } from '../errors.js'
import { changeSysvSemaphore, readSysvSemaphoreValues } from '../platform/index.js'
import { closedEnd } from './closed-end.js'
import type { ChildEnd } from './kind.js'
import { callOnce } from './lock-end.js'
import { beginEnd, type ClosableEnd } from './open-end.js'
import { openPermitRecord, RecordFullError } from './permit-record.js'
import { pathOfSemaphore } from './posix-semaphore.js'
import { createWaitingLine, type WaitingLine, type WaitOptions } from './waiting-line.js'

export interface TakeOptions {
  /** Of a System V set; default 0. */
  readonly member?: number
  /** The permit stays taken when this program ends, as after sem_wait. Default: it comes back. */
  readonly keep?: boolean
}

/** Permits to take and give back. */
export interface Semaphore extends ClosableEnd {
  /**
   * Waits for a permit; the answer gives it back. Within this program in order of the calls; between programs whoever
   * tries first: every 1 to 8 ms.
   */
  acquire(options?: TakeOptions & WaitOptions): Promise<() => void>
  /** Takes one if it is free now; null: none is, or somebody waits for it here. */
  tryAcquire(options?: TakeOptions): (() => void) | null
  /** Gives back a permit that was taken here; without one, adds a permit, as sem_post does. */
  release(member?: number): void
  /** Permits that are free. */
  value(member?: number): number
  /** POSIX: whoever inherits it keeps what we hold from coming back, until it is gone too. -1: there is none. */
  readonly descriptor: number
  /** Gives back what was taken here, but for what was taken to `keep`. */
  close(): void
}

/** What the two systems do differently. */
interface Permits {
  readonly descriptor: number
  /** There is one of that number; a set says itself which ones it has. */
  hasMember(member: number): boolean
  /** @param isAgain - tried in vain before: what costs all takers much is left out most of the times */
  tryTake(member: number, keep: boolean, isAgain: boolean): boolean
  give(member: number, what: Given): void
  value(member: number): number
  close(): void
}

/**
 * `taken`: a permit that comes back when we die; nothing, when we have none any more. `kept`: any other, so one is added.
 * `either`: the former where we have one.
 */
type Given = 'taken' | 'kept' | 'either'

export function openSemaphore({ link, hint }: ChildEnd): Semaphore {
  const closed = (): Error => closedEnd(link, 'semaphore')
  const permits = hint.name === undefined ? openSet(hint.id!) : openPosix(hint.name)
  const lines = new Map<string, WaitingLine>()
  const { isOpen, close, once } = beginEnd(() => {
    for (const line of lines.values()) line.close(closed())
    permits.close()
  })

  const refuseClosed = (): void => {
    if (!isOpen()) throw closed()
  }

  const check = (member: number): void => {
    refuseClosed()
    if (!permits.hasMember(member)) throw outOfRange(`Using member ${member} of the semaphore`, noSuchMember)
  }

  const lineOf = (member: number, keep: boolean): WaitingLine => {
    const key = `${member} ${keep}`
    const line = lines.get(key) ?? createWaitingLine('a permit', isAgain => permits.tryTake(member, keep, isAgain))
    lines.set(key, line)
    return line
  }

  const give = (member: number, what: Given): void => {
    if (!isOpen()) return
    permits.give(member, what)
    for (const keep of [false, true]) lines.get(`${member} ${keep}`)?.tryNow()
  }

  return {
    acquire: async ({ member = 0, keep = false, ...waiting } = {}) => {
      check(member)
      await lineOf(member, keep).join(waiting)
      // Closed in the moment in which it was taken: then it was given back already.
      refuseClosed()
      return callOnce(() => give(member, keep ? 'kept' : 'taken'))
    },
    tryAcquire: ({ member = 0, keep = false } = {}) => {
      check(member)
      const isFree = lineOf(member, keep).isEmpty() && permits.tryTake(member, keep, false)
      return isFree ? callOnce(() => give(member, keep ? 'kept' : 'taken')) : null
    },
    release: (member = 0) => {
      check(member)
      give(member, 'either')
    },
    value: (member = 0) => {
      check(member)
      return permits.value(member)
    },
    descriptor: permits.descriptor,
    close,
    once,
  }
}

const retryDelayMs = 1

function openPosix(name: string): Permits {
  const descriptor = openSync(pathOfSemaphore(name), constants.O_RDWR)
  const record = openPermitRecord(descriptor)
  const timers = new Set<NodeJS.Timeout>()

  const giveLater = (): void => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      if (record.held() > 0 && !record.tryGive()) giveLater()
    }, retryDelayMs)
    timers.add(timer)
  }

  return {
    descriptor,
    hasMember: member => member === 0,
    tryTake: (_member, keep, isAgain) => {
      try {
        return keep ? record.tryTakeForGood(isAgain) : record.tryTake(isAgain)
      } catch (error) {
        throw error instanceof RecordFullError ? outOfRange(`Taking a permit of ${name}`, error.message) : error
      }
    },
    give: (_member, what) => {
      // What is given later is still recorded as held.
      const isTaken = record.held() > timers.size
      if (isTaken && what !== 'kept') {
        if (!record.tryGive()) giveLater()
      } else if (what !== 'taken' && !record.post())
        throw outOfRange(`Adding a permit to ${name}`, 'it has the 2147483647 that are the most')
    },
    value: () => record.value(),
    close: () => {
      for (const timer of timers) clearTimeout(timer)
      record.close()
      closeSync(descriptor)
    },
  }
}

// A larger number would be cut by the kernel's `unsigned short`, and be another member.
const largestMember = 65_535
const noSuchMember = 'there is no such member'

function openSet(id: number): Permits {
  const held = new Map<number, number>()
  const change = (member: number, by: 1 | -1, undo: boolean): boolean => {
    try {
      return changeSysvSemaphore(id, member, by, { undo })
    } catch (error) {
      throw explain(id, member, error)
    }
  }
  const count = (member: number): number => held.get(member) ?? 0
  return {
    descriptor: -1,
    hasMember: member => Number.isInteger(member) && member >= 0 && member <= largestMember,
    tryTake: (member, keep) => {
      const isTaken = change(member, -1, !keep)
      if (isTaken && !keep) held.set(member, count(member) + 1)
      return isTaken
    },
    give: (member, what) => {
      const undo = what !== 'kept' && count(member) > 0
      if (what === 'taken' && !undo) return
      change(member, 1, undo)
      if (undo) held.set(member, count(member) - 1)
    },
    value: member => {
      const value = readSysvSemaphoreValues(id)?.[member]
      if (value === undefined) throw outOfRange(`Reading member ${member} of semaphores ${id}`, noSuchMember)
      return value
    },
    close: () => {
      try {
        for (const [member, permits] of held) for (let n = 0; n < permits; n++) change(member, 1, true)
      } catch {
        // A set that was removed takes nothing back.
      }
    },
  }
}

function explain(id: number, member: number, error: unknown): unknown {
  const errno = error instanceof IpcsupError ? error.detail['errno'] : null
  const what = `Using member ${member} of semaphores ${id}`
  if (errno === 'ERANGE') return outOfRange(what, 'it has the 32767 permits that are the most')
  if (errno === 'EFBIG') return outOfRange(what, noSuchMember)
  return error
}

function outOfRange(what: string, why: string): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_VALUE_RANGE', { what, why })
}
