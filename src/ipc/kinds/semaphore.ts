import type { Kind, Side } from '../kind.js'
import type { LinkOptions, OptionProblem } from '../options.js'
import { holdPosixSemaphore } from '../posix-semaphore.js'
import { holdSysvSemaphore } from '../sysv-semaphore.js'

const sides = {
  use: { reads: false, writes: false, listens: false, descriptor: false },
} as const satisfies Record<string, Side>

// linux/sem.h: SEMVMX
const largestSysvValue = 32_767
// A file name has at most 255 bytes, 4 of them are `sem.`.
const longestName = 251

const isSysv = (options: LinkOptions): boolean => options['system'] === 'sysv'

/** Permits to take and give back, between programs that agree on a name. */
export default {
  name: 'semaphore',
  summary: 'A number of permits: at most so many processes do something at the same time.',
  systems: ['linux'],
  options: {
    system: {
      about: 'posix: named, one number. sysv: a set of n, whose permits the kernel itself brings back (SEM_UNDO).',
      type: 'choice',
      choices: ['posix', 'sysv'] as const,
      required: false,
      default: 'posix',
    },
    value: { about: 'Permits at first.', type: 'integer', min: 0, max: 2 ** 31 - 1, required: false, default: 1 },
    values: {
      about: 'sysv: permits of each member at first. Default: one member, with `value`.',
      type: 'integers',
      min: 0,
      max: largestSysvValue,
      required: false,
      default: null,
    },
    name: {
      about: 'posix: its name, for strangers. Default: one of this run, where placeholders find it.',
      type: 'string',
      required: false,
      default: null,
    },
    key: {
      about: 'sysv: its key, for strangers. Default: a random one.',
      type: 'integer',
      min: 1,
      max: 2 ** 31 - 1,
      required: false,
      default: null,
    },
    mode: { about: 'Permission bits, whatever the umask.', type: 'mode', required: false, default: 0o600 },
    existing: {
      about: 'Uses one that is there already, as it is, and leaves it there.',
      type: 'boolean',
      required: false,
      default: false,
    },
  },
  variants: { posix: {}, 'posix-three': { value: 3 }, sysv: { system: 'sysv', values: [2, 1] } },
  choices: { posix: { value: 2 }, sysv: { system: 'sysv', value: 2 } },
  form: () => 'permits',
  sides: () => sides,
  parts: options => (isSysv(options) ? ['natural', 'id', 'key'] : ['natural', 'name']),
  traits: options => ({
    survivesRestart: true,
    // Of a holder that knows nothing of ipcsup: sem_wait leaves no trace of who took, semop does.
    showsPeerDeath: isSysv(options),
    keepsBoundaries: true,
    duplex: true,
    manyReaders: true,
    manyWriters: true,
    named: true,
    showsEnd: false,
  }),
  check: options => (isSysv(options) ? checkSysv(options) : checkPosix(options)),
  claim: options => {
    const { name, key, existing } = options
    if (existing === true) return null
    if (isSysv(options)) return key === null ? null : { option: 'key', what: `the key ${key} of semaphores` }
    return typeof name === 'string' ? { option: 'name', what: `the semaphore /${name.replace(/^\//, '')}` } : null
  },
  create: (options, where) =>
    isSysv(options) ? holdSysvSemaphore(options, where) : holdPosixSemaphore(options, where),
  open: async end => {
    const { openSemaphore } = await import('../semaphore-end.js')
    return openSemaphore(end)
  },
} satisfies Kind

function checkPosix({ name, key, values, existing }: LinkOptions): readonly OptionProblem[] {
  return [
    ...(key === null ? [] : [problem('key', 'is for system "sysv"; a POSIX semaphore has a `name`.')]),
    ...(values === null ? [] : [problem('values', 'is for system "sysv"; a POSIX semaphore has one `value`.')]),
    ...(typeof name === 'string' && !isName(name)
      ? [problem('name', `must be 1 to ${longestName} bytes without a "/" but at the start, got "${name}".`)]
      : []),
    ...(existing === true && name === null ? [problem('existing', 'needs the `name` of the semaphore.')] : []),
  ]
}

function checkSysv({ name, key, value, values, existing }: LinkOptions): readonly OptionProblem[] {
  return [
    ...(name === null ? [] : [problem('name', 'is for system "posix"; a System V set has a `key`.')]),
    ...(Number(value) > largestSysvValue
      ? [problem('value', `must be at most ${largestSysvValue} with system "sysv", got ${value}.`)]
      : []),
    ...(Array.isArray(values) && values.length === 0 ? [problem('values', 'must have at least one member.')] : []),
    ...(existing === true && key === null ? [problem('existing', 'needs the `key` of the set.')] : []),
  ]
}

function isName(name: string): boolean {
  const bytes = Buffer.byteLength(name.replace(/^\//, ''))
  return bytes > 0 && bytes <= longestName && !name.slice(1).includes('/')
}

const problem = (option: string, message: string): OptionProblem => ({ option, message })
