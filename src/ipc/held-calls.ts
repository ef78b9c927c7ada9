/**
 * The supervisor's half of a route: a pipe to which callers write and which the supervisor itself reads, or nothing at
 * all where it sees what happens without being told.
 */
import { closeSync, readSync } from 'node:fs'
import { createPipe, reopenPipe, type StopWatching, watchReadable } from '../platform/index.js'
import { Allowance } from './allowance.js'
import { sideClosed } from './held-pipe.js'
import type { LinkFacts, LinkObject } from './kind.js'

/**
 * So many calls are carried out at once, and then one after each of these times, for which nobody is listened to: what comes
 * meanwhile is one call. Who writes without end costs us, and those at the other side, twenty signals a second and not all
 * of a core.
 */
const mostAtOnce = 20
const pauseMs = 50

/** Time, as a test may have its own. */
export interface CallClock {
  now(): number
  /** Returns what calls it off. Does not keep the program alive. */
  after(delayMs: number, act: () => void): () => void
}

const ownClock: CallClock = {
  now: () => performance.now(),
  after: (delayMs, act) => {
    const timer = setTimeout(act, delayMs).unref()
    return () => clearTimeout(timer)
  },
}

/** What was called is not counted, so nothing waits in it. */
const facts: LinkFacts = { queuedBytes: null, capacityBytes: null }

const callingSide = 'from'

/** How much of what callers write is thrown away at a time: all that a pipe of the usual capacity can have. */
const mostBytes = 64 * 1024

export function holdCalls(link: string, clock = ownClock): LinkObject {
  const ends = createPipe()
  const released = new Set<string>()
  let isOpen = true
  let stop: StopWatching | null = null
  let endPause = (): void => {}
  const allowance = new Allowance(mostAtOnce, pauseMs)

  const listen = (call: () => void): void => {
    stop = watchReadable(ends.read, () => takeCalls(call))
    stop.unref()
  }
  const takeCalls = (call: () => void): void => {
    const count = readNow(ends.read)
    if (count === null) return
    // No writer is left, the hold being given up: it would be readable for ever.
    if (count === 0) return stop?.()
    const delayMs = allowance.take(clock.now())
    if (delayMs > 0) {
      stop?.()
      endPause = clock.after(delayMs, () => listen(call))
    }
    call()
  }
  const closeWrite = (): void => {
    if (!released.has(callingSide)) closeSync(ends.write)
    released.add(callingSide)
  }

  return {
    sharesDescription: false,
    hint: () => ({}),
    take: name => {
      if (name !== callingSide || released.has(name)) throw sideClosed(link, name)
      return reopenPipe(ends.write, 'write', { named: false })
    },
    release: name => {
      if (name === callingSide) closeWrite()
      released.add(name)
      return null
    },
    state: name => (released.has(name) ? 'unknown' : 'open'),
    facts: () => facts,
    onCall: (_side, call) => listen(call),
    destroy: () => {
      if (!isOpen) return
      isOpen = false
      stop?.()
      endPause()
      closeWrite()
      closeSync(ends.read)
    },
  }
}

/** Where no side has a descriptor. */
export function holdNothing(link: string): LinkObject {
  const released = new Set<string>()
  return {
    sharesDescription: false,
    hint: () => ({}),
    take: name => {
      throw sideClosed(link, name)
    },
    release: name => {
      released.add(name)
      return null
    },
    state: name => (released.has(name) ? 'unknown' : 'open'),
    facts: () => facts,
    destroy: () => {},
  }
}

/** Throws away what is there; null: nothing is. */
function readNow(descriptor: number): number | null {
  try {
    return readSync(descriptor, Buffer.allocUnsafe(mostBytes))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return null
    throw error
  }
}
