/**
 * Where the record of a POSIX semaphore is: in the semaphore's own file, behind what glibc uses of it, so whoever opens
 * the semaphore has it too. `docs/theory.md` says why it is so.
 *
 * In words of 4 bytes: 16 the slot that is about to change (+ 1), 17 what its count will be, 18 how many slots were ever
 * used, 19 when somebody last looked for the dead (ms, as a clock that turns over); from 32 on the slots, each a pid and
 * how many permits it holds.
 * - Only who has the lock of byte 64 changes the record.
 * - A slot is somebody's as long as its first byte is locked: the kernel frees that when the last descriptor is gone.
 * - Takers take and give permits with a mark in the semaphore's word, in one step: bit 62, in the half where glibc counts
 *   who waits. Programs that know nothing of it add and subtract beside it.
 */
import type { ByteRange } from '../platform/index.js'

export const recordBytes = 16_384
export const intentWord = 16
export const targetWord = 17
export const usedWord = 18
export const lookedWord = 19
const firstSlotWord = 32
export const slotCount = (recordBytes / 4 - firstSlotWord) / 2
export const recordLock: ByteRange = { start: 64, length: 1 }
export const markBit = 62
/** Of permits. */
export const largestValue = 2 ** 31 - 1
/** Somebody who has the lock needs microseconds, unless it was stopped or is out of turn. */
export const lockTries = 50

/** The word with the pid of a slot's owner. */
export const pidOf = (slot: number): number => firstSlotWord + 2 * slot
export const countOf = (slot: number): number => pidOf(slot) + 1
export const lockOf = (slot: number): ByteRange => ({ start: 4 * pidOf(slot), length: 1 })
