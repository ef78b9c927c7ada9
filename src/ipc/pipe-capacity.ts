/** How much fits into a pipe: what a config asks for, and what the kernel grants. */
import { readFileSync } from 'node:fs'
import { IpcsupError } from '../errors.js'
import { changePipeCapacity, readPipeCapacity } from '../platform/index.js'
import type { Where } from './kind.js'
import type { LinkOptions, OptionField } from './options.js'

export const capacityOptions = {
  capacity: {
    about: 'Bytes that fit in; rounded up to a power of two of pages. An error if the kernel refuses.',
    type: 'size',
    required: false,
    default: null,
  },
  preferredCapacity: {
    about: 'The same, but taken only if the kernel grants it and all pipes of this supervisor stay under 16 MiB.',
    type: 'size',
    required: false,
    default: null,
  },
} as const satisfies Record<string, OptionField>

/** @throws IPCSUP_ERR_LINK_CREATE when an explicit capacity is refused; a preferred one never fails */
export function applyCapacity(descriptor: number, options: LinkOptions, where: Where): void {
  const { capacity, preferredCapacity } = options
  if (typeof capacity === 'number') {
    // What a config names is taken whatever the answer. The question makes it count for the others.
    where.mayUsePipeMemory(capacity)
    demandCapacity(descriptor, capacity, where.link)
    return
  }
  const wanted = typeof preferredCapacity === 'number' ? preferredCapacity : readPipeCapacity(descriptor)
  if (where.mayUsePipeMemory(wanted) && wanted === preferredCapacity) tryCapacity(descriptor, wanted)
}

function demandCapacity(descriptor: number, bytes: number, link: string): void {
  try {
    changePipeCapacity(descriptor, bytes)
  } catch (cause) {
    const limit = readLimit('pipe-max-size')
    const all = readLimit('pipe-user-pages-soft')
    throw new IpcsupError(
      'IPCSUP_ERR_LINK_CREATE',
      {
        link,
        why: `the kernel refuses a pipe of ${bytes} bytes; it allows ${limit} bytes for one pipe and ${all} pages for all pipes of a user`,
        advice: 'Lower its `capacity`, or raise /proc/sys/fs/pipe-max-size or /proc/sys/fs/pipe-user-pages-soft.',
      },
      { cause },
    )
  }
}

function tryCapacity(descriptor: number, bytes: number): void {
  try {
    changePipeCapacity(descriptor, bytes)
  } catch {
    // A wish only: the default capacity works as well, just slower.
  }
}

function readLimit(name: string): string {
  try {
    return readFileSync(`/proc/sys/fs/${name}`, 'utf8').trim()
  } catch {
    return 'an unknown number of'
  }
}
