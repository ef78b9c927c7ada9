/**
 * Who holds permits of a POSIX semaphore, kept so that the permits of the dead come back: never one too few, never one
 * too many, wherever a taker was killed. `docs/theory.md` says why it is so.
 * Where it is `permit-layout.ts` says.
 */
import { isRangeLocked, reserveSpace, tryLockRange, unlockRange, wakeSemaphore } from '../platform/index.js'
import { mapAlone } from './own-mapping.js'
import {
  countOf,
  intentWord,
  largestValue,
  lockOf,
  lockTries,
  lookedWord,
  markBit,
  pidOf,
  recordBytes,
  recordLock,
  slotCount,
  targetWord,
  usedWord,
} from './permit-layout.js'

const mark = 1n << BigInt(markBit)
const valueMask = BigInt(largestValue)
const waiterShift = 32n
// To look for the dead takes a call for each slot, with the lock: hundreds who wait would do nothing else, and whoever
// gives a permit back would wait for them.
const lookEveryMs = 20

/** Each step is a moment in which a crash must do no harm: what was done so far. */
export type Steps<T> = Generator<string, T, void>

/** What a taker is refused with: all slots are in use. */
export class RecordFullError extends Error {}

export interface PermitRecord {
  /** Free permits. */
  value(): number
  /** Permits that this one took and has not given back. */
  held(): number
  /**
   * Takes a permit that comes back when we die. false: none is free now.
   *
   * @param isAgain - it was tried a moment ago: the dead are looked for only if nobody else did that just now
   */
  tryTake(isAgain?: boolean): boolean
  /** Gives back one that we hold. false: not now, somebody else is in the middle of something. */
  tryGive(): boolean
  /** As sem_trywait and sem_post: nothing is recorded. `post` answers false when there would be too many. */
  tryTakeForGood(isAgain?: boolean): boolean
  post(): boolean
  /** The steps of taking, of giving back, and of giving back what the dead held, for who has the record's lock. */
  readonly steps: { take(): Steps<boolean>; give(): Steps<boolean>; bury(): Steps<void> }
  /** Gives back what we hold, and ends the mapping: nothing else may be called then. The descriptor stays open. */
  close(): void
}

/** @param descriptor - the semaphore's file, open for both; a description of our own, and the caller's to close */
export function openPermitRecord(descriptor: number): PermitRecord {
  reserveSpace(descriptor, recordBytes)
  const { memory, unmap } = mapAlone(descriptor)
  const words = new Int32Array(memory)
  const semaphore = new BigUint64Array(memory, 0, 1)
  let own: number | null = null

  const read = (word: number): number => Atomics.load(words, word)
  const write = (word: number, value: number): void => void Atomics.store(words, word, value)
  const readValue = (): number => Number(Atomics.load(semaphore, 0) & valueMask)
  const isMarked = (): boolean => (Atomics.load(semaphore, 0) & mark) !== 0n
  const usedSlots = (): number[] => [...Array(read(usedWord)).keys()]

  /** Takes (-1) or gives (1) a permit in one step; false when there is none, or no room. */
  const change = (by: 1 | -1, marked: boolean): boolean => {
    for (;;) {
      const seen = Atomics.load(semaphore, 0)
      const value = Number(seen & valueMask)
      if (by < 0 ? value === 0 : value === largestValue) return false
      const next = (seen + BigInt(by)) | (marked ? mark : 0n)
      if (Atomics.compareExchange(semaphore, 0, seen, next) === seen) return true
    }
  }

  const wakeWaiter = (): void => {
    if ((Atomics.load(semaphore, 0) & ~mark) >> waiterShift > 0n) wakeSemaphore(memory)
  }

  /** Completes what was begun, by us or by somebody who is dead. Doing any of it twice is doing it once. */
  function* settle(): Steps<void> {
    const slot = read(intentWord) - 1
    if (slot >= 0 && isMarked()) {
      if (read(targetWord) <= read(countOf(slot))) wakeWaiter()
      yield 'whoever waits was woken'
      write(countOf(slot), read(targetWord))
      yield 'the new count is written'
      Atomics.and(semaphore, 0, ~mark & 0xffff_ffff_ffff_ffffn)
      yield 'the mark is gone'
    }
    write(intentWord, 0)
  }

  function* changeCount(slot: number, by: 1 | -1): Steps<boolean> {
    write(targetWord, read(countOf(slot)) - by)
    write(intentWord, slot + 1)
    yield 'the intent is written'
    const isDone = change(by, true)
    if (isDone) yield by < 0 ? 'the permit is taken' : 'the permit is given back'
    yield* settle()
    return isDone
  }

  /** What the dead held comes back. A slot is free once it holds nothing. */
  function* bury(): Steps<void> {
    for (const slot of usedSlots()) {
      if (slot === own || read(pidOf(slot)) === 0 || isRangeLocked(descriptor, lockOf(slot))) continue
      while (read(countOf(slot)) > 0) if (!(yield* changeCount(slot, 1))) return
      yield 'a dead one holds nothing'
      write(pidOf(slot), 0)
    }
  }

  const findSlot = (): number | null => {
    for (let slot = 0; slot < slotCount; slot++) {
      if (read(pidOf(slot)) !== 0 || !tryLockRange(descriptor, lockOf(slot))) continue
      if (read(usedWord) <= slot) write(usedWord, slot + 1)
      write(countOf(slot), 0)
      write(pidOf(slot), process.pid)
      return slot
    }
    return null
  }

  const claimSlot = (): number => {
    own ??= findSlot()
    // Who ended without closing has left its slot, and as long as permits are free nobody looks for the dead.
    if (own === null) finish(bury())
    own ??= findSlot()
    if (own === null) throw new RecordFullError(`${slotCount} programs hold permits already`)
    return own
  }

  /** null: somebody else has the lock. */
  const withLock = <T>(act: () => T): T | null => {
    let tries = 0
    while (!tryLockRange(descriptor, recordLock)) if (++tries === lockTries) return null
    try {
      finish(settle())
      return act()
    } finally {
      unlockRange(descriptor, recordLock)
    }
  }

  const steps = {
    take: () => changeCount(claimSlot(), -1),
    give: () => changeCount(claimSlot(), 1),
    bury,
  }

  const now = (): number => Date.now() | 0
  const mayTry = (isAgain: boolean): boolean =>
    !isAgain || readValue() > 0 || Math.abs(now() - read(lookedWord)) >= lookEveryMs

  const look = (): void => {
    write(lookedWord, now())
    finish(bury())
  }

  const take = (): boolean => {
    if (readValue() === 0) look()
    return readValue() > 0 && finish(steps.take())
  }

  const mend = (): true => {
    look()
    return true
  }

  const held = (): number => (own === null ? 0 : read(countOf(own)))

  const leave = (): void => {
    while (held() > 0 && finish(steps.give()));
    if (own !== null && held() === 0) write(pidOf(own), 0)
  }

  return {
    value: readValue,
    held,
    tryTake: (isAgain = false) => mayTry(isAgain) && (withLock(take) ?? false),
    tryGive: () => withLock(() => finish(steps.give())) !== null,
    tryTakeForGood: (isAgain = false) =>
      mayTry(isAgain) && (change(-1, false) || (withLock(mend) !== null && change(-1, false))),
    post: () => {
      const isDone = change(1, false)
      if (isDone) wakeWaiter()
      return isDone
    },
    steps,
    close: () => {
      if (own !== null) withLock(leave)
      own = null
      unmap()
    },
  }
}

function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value as T
  }
}
