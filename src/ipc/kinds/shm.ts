import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { createMemory, sealSize } from '../../platform/index.js'
import { checkMode, holdMemory, memorySides, memoryTraits } from '../held-memory.js'
import type { Kind, LinkObject, Where } from '../kind.js'
import { makeFile, openFile } from '../memory-file.js'
import { claimSpace, copyContent, openContent } from '../memory-space.js'
import { type LinkOptions, type OptionProblem, refuseGiven } from '../options.js'
import { type Refuse, refusalsOf } from '../refusal.js'

/** Where the C library keeps what `shm_open` names. */
const directory = '/dev/shm'

/** Memory that several processes map: what one writes the others see at once, without any call. */
export default {
  name: 'shm',
  summary: 'Memory that processes share: large data and counters, without a copy; it survives their crashes.',
  systems: ['linux'],
  options: {
    size: {
      about: 'Bytes; all of them are reserved at the start. Default: those of `from`.',
      type: 'size',
      required: false,
      default: null,
    },
    from: {
      about: 'A file whose bytes it begins with; the rest is zero.',
      type: 'path',
      required: false,
      default: null,
    },
    named: {
      about: 'A POSIX object, for programs that call shm_open, under a name that only this run has.',
      type: 'boolean',
      required: false,
      default: false,
    },
    name: {
      about: 'The same under this name, with or without its slash.',
      type: 'string',
      required: false,
      default: null,
    },
    mode: {
      about: 'Permission bits of a POSIX object, whatever the umask.',
      type: 'mode',
      required: false,
      default: 0o600,
    },
    existing: {
      about: 'Uses the POSIX object that has the `name` already, as it is, and leaves it there.',
      type: 'boolean',
      required: false,
      default: false,
    },
  },
  variants: { default: { size: '64KiB' }, named: { size: '64KiB', named: true } },
  choices: { unnamed: { size: '1MiB' }, named: { size: '1MiB', named: true } },
  form: () => 'memory',
  sides: () => memorySides,
  traits: options => memoryTraits(isNamed(options)),
  parts: options => (isNamed(options) ? ['natural', 'name'] : ['natural']),
  check: (options, given) => [
    ...checkSize(options),
    ...checkName(options),
    ...checkMode(options),
    ...checkUse(options, given),
  ],
  claim: ({ name, existing }) =>
    typeof name === 'string' && existing !== true
      ? { option: 'name', what: `the shared memory /${name.replace(/^\//, '')}` }
      : null,
  create: (options, where) => {
    const refuse = refusalsOf(where.link)
    if (options['existing'] === true) return attach(readName(options, where), where, refuse)
    return isNamed(options) ? makeNamed(options, where, refuse) : makeUnnamed(options, where, refuse)
  },
  open: async end => (await import('../shm.js')).openShm(end),
} satisfies Kind

function isNamed({ named, name }: LinkOptions): boolean {
  return named === true || name !== null
}

/** Without its slash. */
function readName({ name }: LinkOptions, where: Where): string {
  return typeof name === 'string' ? name.replace(/^\//, '') : where.uniqueName
}

function checkSize({ size, from, existing }: LinkOptions): OptionProblem[] {
  if (existing === true) {
    const option = size !== null ? 'size' : from !== null ? 'from' : null
    return option === null ? [] : [{ option, message: 'has no place beside `existing`: it is used as it is.' }]
  }
  if (size === 0) return [{ option: 'size', message: 'must be at least 1.' }]
  if (size !== null || from !== null) return []
  return [{ option: 'size', message: 'is needed, such as "64MiB". Only with `from` it is that of the file.' }]
}

function checkName({ name, existing }: LinkOptions): OptionProblem[] {
  if (typeof name !== 'string')
    return existing === true ? [{ option: 'name', message: 'is needed for `existing`: which one is meant?' }] : []
  const rest = name.replace(/^\//, '')
  if (rest === '' || rest === '.' || rest === '..' || /[/\0]/.test(rest))
    return [{ option: 'name', message: `cannot be "${name}": a name has no slash but at its start, as in "/frames".` }]
  const bytes = Buffer.byteLength(rest)
  if (bytes <= 255) return []
  return [{ option: 'name', message: `has ${bytes} bytes, and the system allows 255. Choose a shorter one.` }]
}

function checkUse(options: LinkOptions, given: Readonly<Record<string, unknown>>): OptionProblem[] {
  if (options['existing'] === true)
    return refuseGiven(given, ['mode'], 'has no place beside `existing`: it is used as it is.')
  if (isNamed(options)) return []
  return refuseGiven(given, ['mode'], 'is of a POSIX object, and this has no name. Leave it out, or give a `name`.')
}

function attach(name: string, { link }: Where, refuse: Refuse): LinkObject {
  const path = join(directory, name)
  const { descriptor, bytes } = openFile(path, 'refuse', refuse)
  if (bytes > 0) return holdMemory({ link, descriptor, hint: { name: `/${name}` }, removeName: keep, isOnDisk: false })
  closeSync(descriptor)
  throw refuse(`${path} has no bytes`, 'Start the program that gives it its size first.')
}

/**
 * As shm_open does, by a file of /dev/shm. Not by shm_open itself: what that makes can be seen before it has its size, and
 * who maps it then dies of SIGBUS.
 */
function makeNamed(options: LinkOptions, where: Where, refuse: Refuse): LinkObject {
  const name = readName(options, where)
  const file = makeFile(
    {
      path: join(directory, name),
      mode: Number(options['mode']),
      fill: descriptor => fill(descriptor, options, directory, refuse),
      isTemporary: true,
    },
    where,
    refuse,
  )
  return holdMemory({ link: where.link, ...file, hint: { name: `/${name}` }, isOnDisk: false })
}

function makeUnnamed(options: LinkOptions, where: Where, refuse: Refuse): LinkObject {
  const descriptor = createMemory(where.uniqueName)
  try {
    fill(descriptor, options, null, refuse)
    sealSize(descriptor)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  return holdMemory({ link: where.link, descriptor, hint: {}, removeName: keep, isOnDisk: false })
}

const keep = (): void => {}

function fill(descriptor: number, options: LinkOptions, place: string | null, refuse: Refuse): void {
  const { from } = options
  if (typeof from !== 'string') return claimSpace(descriptor, Number(options['size']), place, refuse)
  const content = openContent(from, refuse)
  try {
    const size = Number(options['size'] ?? content.bytes)
    if (size === 0) throw refuse(`its content ${from} is empty`, 'Give it a `size`, or fill that file.')
    if (content.bytes > size)
      throw refuse(
        `its content ${from} has ${content.bytes} bytes, more than its size of ${size}`,
        'Raise its `size`, or leave it out.',
      )
    claimSpace(descriptor, size, place, refuse)
    copyContent(content, descriptor)
  } finally {
    closeSync(content.descriptor)
  }
}
