/** The child's half of an event. */
import { closeSync, readSync, writeSync } from 'node:fs'
import { IpcsupError } from '../errors.js'
import { pollNow, type StopWatching, watchReadable, watchWritable } from '../platform/index.js'
import { closedEnd } from './closed-end.js'
import { beginEnd, type ClosableEnd } from './open-end.js'

/** A number that one side raises and the other takes. */
export interface Event extends ClosableEnd {
  /**
   * Raises the number by `amount` (1 to 2^64 - 2; default 1). Resolves at once, unless it would become larger than
   * 2^64 - 2: then when somebody has taken enough.
   */
  signal(amount?: number | bigint): Promise<void>
  /** Waits until the number is not 0 and takes it: all of it, or 1 of it in mode `semaphore`. In order of the calls. */
  wait(): Promise<bigint>
}

const momentMs = 5

/** For what no descriptor tells of. */
function waitAMoment(_descriptor: number, onReady: () => void): StopWatching {
  const timer = setTimeout(onReady, momentMs)
  return Object.assign(() => clearTimeout(timer), { unref: () => void timer.unref() })
}

const largestAmount = 2n ** 64n - 2n

/** @param descriptor - belongs to the event from now on */
export function openEvent(descriptor: number, link?: string): Event {
  const { isOpen, wait, close, once } = beginEnd(() => closeSync(descriptor))
  let lastTurn: Promise<unknown> = Promise.resolve()

  async function takeTurn(): Promise<bigint> {
    const number = new BigUint64Array(1)
    while (isOpen()) {
      if (attempt(() => readSync(descriptor, number))) return number[0]!
      await wait(watchReadable, descriptor)
    }
    throw closedEnd(link, 'event')
  }

  async function signal(amount: number | bigint = 1): Promise<void> {
    const number = BigUint64Array.of(checkAmount(amount))
    while (isOpen()) {
      if (attempt(() => writeSync(descriptor, number))) return
      // It is writable as soon as 1 more fits, and would be for ever while `amount` does not.
      await wait(pollNow(descriptor).writable ? waitAMoment : watchWritable, descriptor)
    }
    throw closedEnd(link, 'event')
  }

  return {
    signal,
    wait: () => {
      const turn = lastTurn.then(takeTurn)
      lastTurn = turn.catch(() => {})
      return turn
    },
    close,
    once,
  }
}

function checkAmount(amount: number | bigint): bigint {
  const isWhole = typeof amount === 'bigint' || Number.isSafeInteger(amount)
  if (isWhole && amount >= 1 && amount <= largestAmount) return BigInt(amount)
  throw new IpcsupError('IPCSUP_ERR_VALUE_RANGE', {
    what: `Signalling ${amount}`,
    why: `an event is raised by a whole number from 1 to ${largestAmount}`,
  })
}

/** False when the description, which does not block, would have to wait. */
function attempt(act: () => void): boolean {
  try {
    act()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false
    throw error
  }
}
