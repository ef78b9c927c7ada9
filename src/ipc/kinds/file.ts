import { closeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { claimPath } from '../claims.js'
import { checkMode, holdMemory, memorySides, memoryTraits } from '../held-memory.js'
import type { Kind, Where } from '../kind.js'
import { growFile, lookAt, makeFile, type OpenFile, openFile, refuseExisting } from '../memory-file.js'
import { claimSpace } from '../memory-space.js'
import type { LinkOptions, OptionProblem } from '../options.js'
import { type Refuse, refusalsOf } from '../refusal.js'

/** A file that several processes map: as `shm`, and what they write is on the disk after the stop. */
export default {
  name: 'file',
  summary: 'A file that processes map into their memory: shared as `shm`, and there again after a stop or a reboot.',
  systems: ['linux'],
  options: {
    path: {
      about: 'Where it is. Default: in the directory of the run, and gone with it.',
      type: 'path',
      required: false,
      default: null,
    },
    size: {
      about: 'Bytes; space for all of them is reserved at the start. Default, with `existing`: those it has.',
      type: 'size',
      required: false,
      default: null,
    },
    mode: {
      about: 'Permission bits of a file that is made, whatever the umask.',
      type: 'mode',
      required: false,
      default: 0o600,
    },
    existing: {
      about: 'Uses a file that somebody else made; it grows if `size` says more, and is never cut.',
      type: 'boolean',
      required: false,
      default: false,
    },
    temporary: {
      about: 'It is made anew at each start and removed at the end.',
      type: 'boolean',
      required: false,
      default: false,
    },
  },
  variants: { default: { size: '64KiB' } },
  choices: { kept: { size: '1MiB', path: 'data' } },
  form: () => 'memory',
  sides: () => memorySides,
  traits: () => memoryTraits(true),
  parts: () => ['natural', 'path'],
  check: options => [...checkMode(options), ...check(options)],
  claim: ({ path, size, existing, temporary }) => {
    if (existing === true) return null
    // One that is there with the right size is used.
    const sized = `a file of ${size} bytes`
    return claimPath(path, { offers: [sized], accepts: temporary === true ? [] : [sized] })
  },
  advice: ({ temporary, path }) => ({ outlivesStop: temporary !== true && path !== null }),
  create: (options, where) => {
    const path = readPath(options, where)
    const file = find(path, options, where, refusalsOf(where.link))
    return holdMemory({ link: where.link, ...file, hint: { path }, isOnDisk: true })
  },
  open: async end => (await import('../shm.js')).openShm(end),
} satisfies Kind

function readPath({ path }: LinkOptions, where: Where): string {
  return typeof path === 'string' ? path : join(where.runDirectory, `${where.link}.map`)
}

function check({ path, size, existing, temporary }: LinkOptions): OptionProblem[] {
  if (size === 0) return [{ option: 'size', message: 'must be at least 1.' }]
  if (existing !== true)
    return size !== null
      ? []
      : [{ option: 'size', message: 'is needed, such as "64MiB". Only with `existing` it is not.' }]
  if (temporary === true)
    return [{ option: 'temporary', message: 'has no place beside `existing`: what others made is not removed.' }]
  return path !== null ? [] : [{ option: 'path', message: 'is needed for `existing`: which one is meant?' }]
}

function find(path: string, options: LinkOptions, where: Where, refuse: Refuse): OpenFile {
  const { existing, temporary } = options
  const size = options['size'] === null ? null : Number(options['size'])
  if (existing === true) return useExisting(openFile(path, 'follow', refuse), path, size, refuse)
  const isTemporary = temporary === true || options['path'] === null
  const found = lookAt(path, refuse)
  if (!found || isTemporary) {
    const fill = (descriptor: number): void => claimSpace(descriptor, size!, dirname(path), refuse)
    return makeFile({ path, mode: Number(options['mode']), fill, isTemporary }, where, refuse)
  }
  if (!found.isFile()) throw refuseExisting(path, found, refuse)
  if (found.size === size) return useExisting(openFile(path, 'refuse', refuse), path, size, refuse)
  // Whether it is that of the last run nobody knows: a wrong path must not cost somebody a file.
  throw refuse(
    `${path} exists already and has ${found.size} bytes, not ${size}`,
    'Set `existing: true` to let it grow, correct its `size`, or choose another `path`.',
  )
}

/** It is there as a whole already: only what is missing is added. */
function useExisting(file: ReturnType<typeof openFile>, path: string, size: number | null, refuse: Refuse): OpenFile {
  try {
    if (size !== null && size < file.bytes)
      throw refuse(
        `${path} has ${file.bytes} bytes, more than its size of ${size}, and is never cut`,
        'Raise its `size`, or leave it out.',
      )
    if (size !== null) growFile(file, size, path, refuse)
    else if (file.bytes === 0) throw refuse(`${path} is empty`, 'Give it a `size`.')
    return { descriptor: file.descriptor, removeName: () => {} }
  } catch (error) {
    closeSync(file.descriptor)
    throw error
  }
}
