import type { Kind, Side } from '../kind.js'
import type { LinkOptions, OptionProblem } from '../options.js'
import { makePosixQueue, readSize } from '../posix-queue.js'
import { makeSysvQueue } from '../sysv-queue.js'

const systems = ['posix', 'sysv'] as const

/** A message queue of the system: whole messages, with priorities or types, that nobody loses by being killed. */
export default {
  name: 'queue',
  summary: 'Messages that stay whole and wait in the system, by priority (POSIX) or by type (System V).',
  systems: ['linux'],
  options: {
    system: {
      about: 'posix: messages have priorities. sysv: messages have types, and there is no descriptor.',
      type: 'choice',
      choices: systems,
      required: false,
      default: 'posix',
    },
    maxMessages: {
      about: 'posix: how many messages fit in. Default 10, which is also what the system grants everybody.',
      type: 'integer',
      min: 1,
      max: 65_536,
      required: false,
      default: null,
    },
    messageSize: {
      about: 'posix: bytes of one message at most. Default 8KiB, which is also what the system grants everybody.',
      type: 'size',
      required: false,
      default: null,
    },
    maxBytes: {
      about: 'sysv: bytes that fit in. Default: what the system gives (16 KiB). An error if the kernel refuses.',
      type: 'size',
      required: false,
      default: null,
    },
    name: {
      about: 'posix: its name, with or without its slash. Default: one of its own for each run.',
      type: 'string',
      required: false,
      default: null,
    },
    key: {
      about: 'sysv: its key. Default: a random free one.',
      type: 'integer',
      min: 1,
      max: 4_294_967_295,
      required: false,
      default: null,
    },
    mode: { about: 'Permission bits, whatever the umask.', type: 'mode', required: false, default: 0o600 },
    existing: {
      about: 'Uses a queue that is there already, as it is, and leaves it there.',
      type: 'boolean',
      required: false,
      default: false,
    },
  },
  variants: {
    posix: {},
    small: { maxMessages: 2, messageSize: '4KiB', mode: '0660' },
    sysv: { system: 'sysv' },
  },
  choices: { posix: {}, sysv: { system: 'sysv' } },
  form: () => 'messages',
  sides: options => {
    const side = { listens: false, descriptor: !isSysv(options) }
    return {
      read: { ...side, reads: true, writes: false },
      write: { ...side, reads: false, writes: true },
    } satisfies Record<string, Side>
  },
  parts: options => (isSysv(options) ? ['natural', 'id', 'key'] : ['natural', 'name']),
  traits: options => ({
    survivesRestart: true,
    showsPeerDeath: false,
    keepsBoundaries: true,
    // The kernel knows no sides of a queue of System V: its number is all that a process needs.
    duplex: isSysv(options),
    manyReaders: true,
    manyWriters: true,
    named: true,
    // A queue has no end: who waits for a message waits for ever.
    showsEnd: false,
  }),
  check: listProblems,
  claim: ({ system, name, key, existing }) => {
    if (existing === true) return null
    if (system === 'sysv') return key === null ? null : { option: 'key', what: `the key ${key} of message queues` }
    return name === null ? null : { option: 'name', what: `the message queue /${String(name).replace(/^\//, '')}` }
  },
  advice: options => ({ largestMessageBytes: isSysv(options) ? 8192 : readSize(options).messageSize }),
  create: (options, where) => (isSysv(options) ? makeSysvQueue(options, where) : makePosixQueue(options, where)),
  open: async (end, options) => {
    const { openQueueEnd } = await import('../queue-end.js')
    return openQueueEnd(end, isSysv(options) ? 'sysv' : 'posix')
  },
} satisfies Kind

function isSysv(options: LinkOptions): boolean {
  return options['system'] === 'sysv'
}

const otherSystem = { posix: ['maxBytes', 'key'], sysv: ['maxMessages', 'messageSize', 'name'] } as const

function listProblems(options: LinkOptions): readonly OptionProblem[] {
  const system = isSysv(options) ? 'sysv' : 'posix'
  const isGiven = (option: string): boolean => options[option] !== null && options[option] !== undefined
  const foreign = otherSystem[system].filter(isGiven).map(option => ({
    option,
    message: `is not of a queue with system: '${system}'. ${advise(option)}`,
  }))
  return [...foreign, ...(system === 'posix' ? checkPosix(options) : []), ...checkUse(options, isGiven)]
}

function advise(option: string): string {
  return option === 'maxBytes' || option === 'key'
    ? "Set system: 'sysv', or leave it out."
    : 'Leave it out, or leave out `system`.'
}

// ipc/mqueue.c: HARD_MSGSIZEMAX, which is for root.
const largestMessageSize = 16 * 1024 ** 2
// limits.h: NAME_MAX
const longestName = 255

function checkPosix({ name, messageSize }: LinkOptions): readonly OptionProblem[] {
  const rest = typeof name === 'string' ? name.replace(/^\//, '') : null
  const isName = rest === null || (/^[^/\0]+$/.test(rest) && rest !== '.' && rest !== '..')
  const isShort = rest === null || Buffer.byteLength(rest) <= longestName
  const fits = typeof messageSize !== 'number' || (messageSize >= 1 && messageSize <= largestMessageSize)
  return [
    ...(isName
      ? []
      : [{ option: 'name', message: `cannot be "${name}": a name has no slash but at its start, as in "/jobs".` }]),
    ...(isShort ? [] : [{ option: 'name', message: `is too long: ${longestName} bytes at most after its slash.` }]),
    ...(fits ? [] : [{ option: 'messageSize', message: 'must be from 1 byte to 16MiB.' }]),
  ]
}

function checkUse(options: LinkOptions, isGiven: (option: string) => boolean): readonly OptionProblem[] {
  const mode = typeof options['mode'] === 'number' ? options['mode'] : 0o600
  if ((mode & 0o600) !== 0o600)
    return [
      { option: 'mode', message: 'must let the owner read and write: 0600 and more, because ipcsup is the owner.' },
    ]
  if (options['existing'] !== true) return []
  const which = isSysv(options) ? 'key' : 'name'
  const missing = isGiven(which) ? [] : [{ option: 'existing', message: `needs \`${which}\`, to know which queue.` }]
  const sizes = ['maxMessages', 'messageSize', 'maxBytes'].filter(isGiven).map(option => ({
    option,
    message: 'cannot be changed where the queue exists already. Leave it out.',
  }))
  return [...missing, ...sizes]
}
