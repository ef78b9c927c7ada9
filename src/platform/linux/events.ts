/** Event descriptors: a number in the kernel that is raised by writing and taken by reading. */
import { constants } from 'node:fs'
import { check, declare } from './native.js'

// sys/eventfd.h
const EFD_SEMAPHORE = 1
const EFD_CLOEXEC = 0o2000000

const eventfd = declare<(initial: number, flags: number) => number>('int eventfd(unsigned int initial, int flags)')

/**
 * A close-on-exec, non-blocking event descriptor; the caller closes it.
 *
 * @param initial - 0 to 2^32 - 1
 * @param mode - counter: a read takes all; semaphore: a read takes 1
 */
export function createEvent(initial: number, mode: 'counter' | 'semaphore'): number {
  const flags = EFD_CLOEXEC | constants.O_NONBLOCK | (mode === 'semaphore' ? EFD_SEMAPHORE : 0)
  return check(eventfd(initial, flags), 'Creating an event', 'eventfd')
}
