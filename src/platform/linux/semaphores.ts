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
const FUTEX_WAKE_OP = 5
// FUTEX_OP(): what is done to a word of 32 bits in one step, here with 2 to the power of the operand.
const FUTEX_OP_ADD = 1
const FUTEX_OP_ANDN = 3
const FUTEX_OP_OPARG_SHIFT = 8

const futex = declare<(number: number, address: bigint, operation: number, count: number) => number>(
  'long syscall(long number, void *address, long operation, long count)',
)

/** Wakes one program that waits in sem_wait, as sem_post does. */
export function wakeSemaphore(mapping: ArrayBuffer): void {
  const number = SYS_FUTEX[process.arch]
  if (number === undefined) throw systemError('Waking who waits for a semaphore', 'futex', 'ENOSYS')
  check(futex(number, loadKoffi().address(mapping), FUTEX_WAKE, 1), 'Waking who waits for a semaphore', 'futex')
}

const futexChange = declare<
  (
    number: number,
    address: bigint,
    operation: number,
    wake: number,
    alsoWake: number,
    word: bigint,
    how: number,
  ) => number
>('long syscall(long number, void *address, long operation, long wake, long alsoWake, void *word, long how)')

/**
 * Adds 2 ** `exponent` permits in one step and wakes as many programs that wait. The kernel touches the memory, not we.
 *
 * @param address - of the semaphore
 * @throws EFAULT when there is no memory behind it any more
 */
export function addPermits(address: bigint, exponent: number): void {
  change(address, 0, FUTEX_OP_ADD, exponent, 2 ** exponent)
}

/** Takes a bit (0 to 63) out of the word of a semaphore, and wakes one who waits. Throws as {@link addPermits}. */
export function clearSemaphoreBit(address: bigint, bit: number): void {
  change(address, Math.floor(bit / 32), FUTEX_OP_ANDN, bit % 32, 1)
}

function change(address: bigint, half: number, operation: number, exponent: number, wake: number): void {
  const what = 'Changing a semaphore'
  const number = SYS_FUTEX[process.arch]
  if (number === undefined) throw systemError(what, 'futex', 'ENOSYS')
  // The rest is a comparison after which others would be woken, too: whoever is woken for nothing waits again.
  const how = (operation | FUTEX_OP_OPARG_SHIFT) * 2 ** 28 + exponent * 2 ** 12
  check(futexChange(number, address, FUTEX_WAKE_OP, wake, 1, address + BigInt(4 * half), how), what, 'futex')
}
