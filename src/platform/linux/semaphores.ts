/**
 * POSIX named semaphores. glibc keeps one in the file /dev/shm/sem.NAME, whose first 8 bytes are one word: the number of
 * free permits (low half) and of programs that wait (high half).
 */

import { constants } from 'node:fs'
import { check, declare, lastErrno, loadKoffi, systemError } from './native.js'

const semOpen = declare<(name: string, flags: number, mode: number, value: number) => unknown>(
  'void *sem_open(const char *name, int flags, unsigned int mode, unsigned int value)',
)
const semClose = declare<(semaphore: unknown) => number>('int sem_close(void *semaphore)')

/** Makes one that must not exist. The umask takes bits of `mode` away. Throws EEXIST, EINVAL, EACCES, ENOSPC, EMFILE. */
export function createSemaphore(name: string, mode: number, value: number): void {
  const semaphore = semOpen(name, constants.O_CREAT | constants.O_EXCL, mode, value)
  if (semaphore === null) throw systemError(`Creating the semaphore ${name}`, 'sem_open', lastErrno())
  check(semClose(semaphore), `Closing the semaphore ${name}`, 'sem_close')
}

// The number of the call per architecture (asm/unistd.h).
const SYS_FUTEX: Readonly<Record<string, number>> = { x64: 202, arm64: 98, riscv64: 98 }
// linux/futex.h
const FUTEX_WAKE = 1

const futex = declare<(number: number, address: bigint, operation: number, count: number) => number>(
  'long syscall(long number, void *address, long operation, long count)',
)

/** Wakes one program that waits in sem_wait, as sem_post does. */
export function wakeSemaphore(mapping: ArrayBuffer): void {
  const number = SYS_FUTEX[process.arch]
  if (number === undefined) throw systemError('Waking who waits for a semaphore', 'futex', 'ENOSYS')
  check(futex(number, loadKoffi().address(mapping), FUTEX_WAKE, 1), 'Waking who waits for a semaphore', 'futex')
}
