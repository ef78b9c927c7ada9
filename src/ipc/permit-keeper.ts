/**
 * The record of a POSIX semaphore as the supervisor uses it. Whoever may write the file can cut it off or fill it with
 * anything at any moment, and a look at mapped memory that is gone is a SIGBUS. So the supervisor maps it but never
 * touches it: it reads and writes with system calls, and has the kernel change the semaphore itself, where what is gone
 * is an error. Nothing that is read is believed beyond what it may be.
 */
import { readSync, writeSync } from 'node:fs'
import { IpcsupError } from '../errors.js'
import {
  addPermits,
  clearSemaphoreBit,
  isRangeLocked,
  mapUntouched,
  tryLockRange,
  unlockRange,
} from '../platform/index.js'
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

export interface PermitKeeper {
  /** Free permits, and the pids of those who hold some, the dead included until they are mended. null: the file is cut off. */
  read(): { readonly value: number; readonly holders: readonly number[] } | null
  /**
   * Gives back what the dead held. false: not now, somebody else is in the middle of something.
   *
   * @throws IPCSUP_ERR_SYSTEM, or an error of node:fs: the file is cut off, or the system has no memory
   */
  mend(): boolean
  /** Nothing else may be called then. The descriptor stays open. */
  close(): void
}

/** @param descriptor - the semaphore's file, open for both; the caller's to close */
export function openPermitKeeper(descriptor: number): PermitKeeper {
  const { address, unmap } = mapUntouched(descriptor, recordBytes)
  const markWord = Math.floor(markBit / 32)

  const write = (word: number, value: number): void => void writeSync(descriptor, Int32Array.of(value), 0, 4, 4 * word)

  const load = (): Int32Array => {
    const words = readRecord(descriptor)
    if (words === null) throw cutOff()
    return words
  }

  /** Completes what a taker had begun when it died. */
  const settle = (words: Int32Array): void => {
    const slot = words[intentWord]! - 1
    if (words[intentWord] === 0) return
    if (slot >= 0 && slot < slotCount && words[markWord]! & (1 << (markBit % 32))) {
      words[countOf(slot)] = words[targetWord]!
      write(countOf(slot), words[targetWord]!)
      clearSemaphoreBit(address, markBit)
    }
    write(intentWord, 0)
  }

  /** By powers of two: that many the kernel adds in one step. Killed in between, we have given one of them too few. */
  const giveBack = (slot: number, count: number, free: number): void => {
    // More than there can be nobody has taken.
    let left = count > 0 && count <= largestValue - free ? count : 0
    for (let exponent = 30; left > 0; exponent--) {
      if (left < 2 ** exponent) continue
      left -= 2 ** exponent
      write(countOf(slot), left)
      addPermits(address, exponent)
    }
    write(countOf(slot), 0)
  }

  const bury = (words: Int32Array): void => {
    for (const slot of listUsed(words)) {
      if (words[pidOf(slot)] === 0 || isRangeLocked(descriptor, lockOf(slot))) continue
      if (words[countOf(slot)] !== 0) giveBack(slot, words[countOf(slot)]!, readValue(load()))
      write(pidOf(slot), 0)
    }
  }

  const tryLock = (): boolean => {
    for (let tries = 0; tries < lockTries; tries++) if (tryLockRange(descriptor, recordLock)) return true
    return false
  }

  return {
    read: () => {
      const words = readRecord(descriptor)
      if (words === null) return null
      const holding = listUsed(words).filter(slot => words[countOf(slot)]! > 0)
      return { value: readValue(words), holders: holding.map(slot => words[pidOf(slot)]!) }
    },
    mend: () => {
      const seen = load()
      if (seen[usedWord] === 0 && seen[intentWord] === 0) return true
      if (!tryLock()) return false
      try {
        const words = load()
        settle(words)
        write(lookedWord, Date.now() | 0)
        bury(words)
        return true
      } finally {
        unlockRange(descriptor, recordLock)
      }
    },
    close: unmap,
  }
}

/** null: it is shorter than that. */
function readRecord(descriptor: number): Int32Array | null {
  const words = new Int32Array(recordBytes / 4)
  return readSync(descriptor, words, 0, recordBytes, 0) === recordBytes ? words : null
}

function listUsed(words: Int32Array): number[] {
  const used = Math.min(Math.max(words[usedWord]!, 0), slotCount)
  return [...Array(used).keys()]
}

const readValue = (words: Int32Array): number => words[0]! & largestValue

const cutOff = (): IpcsupError =>
  new IpcsupError('IPCSUP_ERR_SYSTEM', {
    what: 'Using a semaphore that somebody has cut off',
    call: 'pread',
    errno: 'EIO',
  })
