/** The child's half of a lock. */
import { closeSync } from 'node:fs'
import { tryLockRange, unlockRange } from '../platform/index.js'
import { closedEnd } from './closed-end.js'
import { beginEnd, type ClosableEnd } from './open-end.js'
import { createWaitingLine, type WaitOptions } from './waiting-line.js'

/** Mutual exclusion between programs, and within this one. */
export interface Lock extends ClosableEnd {
  /**
   * Runs `act` while this program holds the lock, and passes on what it returns or throws. Within the program in order
   * of the calls; between programs whoever tries first: every 1 to 8 ms. Not reentrant: `act` must not wait for it.
   */
  hold<T>(act: () => T | Promise<T>, options?: WaitOptions): Promise<T>
  /** Takes the lock if it is free now; the answer gives it back. null: somebody has it, or waits for it here. */
  tryHold(): (() => void) | null
  /**
   * Who inherits it keeps the lock: a program that was started with it while the lock was held has it too, until the
   * lock is given back or all of them are gone.
   */
  readonly descriptor: number
  /** Frees the lock if it is held. */
  close(): void
}

/** @param descriptor - of an own description of the lock file, open for writing; belongs to the lock from now on */
export function openLock(descriptor: number, link?: string): Lock {
  const closed = (): Error => closedEnd(link, 'lock')
  let isHeld = false
  const tryOnce = (): boolean => {
    // The kernel lets a description have its own lock twice.
    if (isHeld) return false
    isHeld = tryLockRange(descriptor)
    return isHeld
  }
  const line = createWaitingLine('the lock', tryOnce)
  const { isOpen, close, once } = beginEnd(() => {
    isHeld = false
    line.close(closed())
    closeSync(descriptor)
  })

  const free = (): void => {
    if (!isHeld || !isOpen()) return
    unlockRange(descriptor)
    isHeld = false
    line.tryNow()
  }

  const refuseClosed = (): void => {
    if (!isOpen()) throw closed()
  }

  return {
    hold: async (act, options) => {
      refuseClosed()
      await line.join(options)
      // Closed in the moment in which it was taken.
      refuseClosed()
      try {
        return await act()
      } finally {
        free()
      }
    },
    tryHold: () => {
      refuseClosed()
      return line.isEmpty() && tryOnce() ? callOnce(free) : null
    },
    descriptor,
    close,
    once,
  }
}

/** Who gives back twice must not free what somebody else of this program has taken meanwhile. */
export function callOnce(act: () => void): () => void {
  let isCalled = false
  return () => {
    if (isCalled) return
    isCalled = true
    act()
  }
}
