import { closeSync } from 'node:fs'
import { claimPath } from '../claims.js'
import { holdRing } from '../held-ring.js'
import type { Kind, LinkObject, PlannedUses, Side, Where } from '../kind.js'
import type { Codec } from '../messages.js'
import type { LinkOptions, OptionProblem } from '../options.js'
import { refusalsOf } from '../refusal.js'
import { type Geometry, largestMessage, mostSlots } from '../ring/layout.js'
import type { Full } from '../ring-bag.js'
import { listRingChoices } from '../ring-choices.js'
import { makeRingMemory } from '../ring-memory.js'
import { assignSlots } from '../ring-slots.js'

const sides = {
  write: { reads: false, writes: true, listens: false, descriptor: true },
  read: { reads: true, writes: false, listens: false, descriptor: true, acknowledges: true },
} as const satisfies Record<string, Side>

const smallest = 4096
const largest = 2 ** 30

/** Records in memory that programs share: no system call for a message, and none is lost by the death of anybody. */
export default {
  name: 'ring',
  summary:
    'Messages through shared memory: the fastest way, and neither the death of a writer nor of a reader loses one.',
  systems: ['linux'],
  options: {
    size: {
      about: 'Bytes of each writer’s lane: a power of two from 4KiB to 1GiB. A message has half of that at most.',
      type: 'size',
      required: false,
      default: 262_144,
    },
    readers: {
      about:
        'one: there is one. each: every reader gets every message. each-lossy: so, but who is slow misses some. share: each message goes to one of them.',
      type: 'choice',
      choices: ['one', 'each', 'each-lossy', 'share'] as const,
      required: false,
      default: 'one',
    },
    full: {
      about:
        'Where there is no room: block: the writer waits. drop-new: the message is dropped. drop-old: the oldest ones are.',
      type: 'choice',
      choices: ['block', 'drop-new', 'drop-old'] as const,
      required: false,
      default: 'block',
    },
    codec: {
      about: 'What a message is for Node programs: bytes (or text), or a value, as JSON or MessagePack.',
      type: 'choice',
      choices: ['bytes', 'json', 'msgpack'] as const,
      required: false,
      default: 'bytes',
    },
    memory: {
      about: 'memory: gone with the stop. file: in the file `path`, and what is in it is there at the next start.',
      type: 'choice',
      choices: ['memory', 'file'] as const,
      required: false,
      default: 'memory',
    },
    path: {
      about: 'Where that file is.',
      type: 'path',
      required: false,
      default: null,
    },
  },
  variants: {
    default: {},
    each: { readers: 'each', size: '64KiB' },
    lossy: { readers: 'each-lossy', size: '4KiB' },
    share: { readers: 'share', size: '64KiB' },
  },
  choices: listRingChoices(),
  tracksUses: true,
  form: () => 'ring',
  sides: () => sides,
  parts: () => [],
  traits: ({ readers }) => ({
    survivesRestart: true,
    showsPeerDeath: false,
    keepsBoundaries: true,
    duplex: false,
    manyReaders: readers !== 'one',
    manyWriters: true,
    // A file has a path; but by that alone nobody finds its bells.
    named: false,
    showsEnd: true,
  }),
  check: options => [...checkSize(options), ...checkReaders(options), ...checkMemory(options)],
  checkUses,
  claim: ({ path }) => claimPath(path),
  advice: ({ memory, size, readers, full }) => ({
    copies: readers === 'each' || readers === 'each-lossy',
    drops: readers === 'each-lossy' || full !== 'block',
    library: 'a library of ipcsup',
    largestMessageBytes: largestMessage({ capacity: Number(size) }),
    outlivesStop: memory === 'file',
  }),
  create: makeRing,
  open: async end => (await import('../ring-end.js')).openRingEnd(end),
} satisfies Kind

function makeRing(options: LinkOptions, where: Where): LinkObject {
  const slots = assignSlots(where.uses)
  const path = typeof options['path'] === 'string' ? options['path'] : null
  const geometry: Geometry = {
    capacity: Number(options['size']),
    writers: slots.write.length,
    readers: slots.read.length,
    ...readMode(options),
  }
  const control = makeRingMemory({ geometry, slots, path }, where, refusalsOf(where.link))
  try {
    return holdRing({
      link: where.link,
      control,
      slots,
      full: options['full'] as Full,
      codec: options['codec'] as Codec,
      hint: path === null ? {} : { path },
      isFile: path !== null,
    })
  } catch (error) {
    closeSync(control.descriptor)
    throw error
  }
}

function readMode({ readers, full }: LinkOptions): Pick<Geometry, 'mode' | 'isLossy'> {
  const mode = readers === 'share' ? 'share' : readers === 'one' ? 'one' : 'each'
  return { mode, isLossy: readers === 'each-lossy' || full === 'drop-old' }
}

function checkSize({ size }: LinkOptions): OptionProblem[] {
  if (typeof size !== 'number') return []
  const isPower = Number.isInteger(Math.log2(size))
  if (isPower && size >= smallest && size <= largest) return []
  if (size < smallest || size > largest)
    return [{ option: 'size', message: `must be from 4KiB to 1GiB, and is ${size} bytes.` }]
  const below = 2 ** Math.floor(Math.log2(size))
  return [
    {
      option: 'size',
      message: `must be a power of two, and is ${size} bytes: ${formatSize(below)} or ${formatSize(below * 2)} is next to it.`,
    },
  ]
}

function formatSize(bytes: number): string {
  const [unit, name] = bytes >= 2 ** 30 ? [2 ** 30, 'GiB'] : bytes >= 2 ** 20 ? [2 ** 20, 'MiB'] : [2 ** 10, 'KiB']
  return `${bytes / unit}${name}`
}

function checkReaders({ readers, full }: LinkOptions): OptionProblem[] {
  if (full === 'block') return []
  if (readers === 'share' && full === 'drop-old')
    return [
      {
        option: 'full',
        message: 'cannot be "drop-old" with readers: "share": who has taken a message would lose it. Say "drop-new".',
      },
    ]
  if (readers === 'each-lossy' && full === 'drop-new')
    return [
      {
        option: 'full',
        message: 'cannot be "drop-new" with readers: "each-lossy", where there always is room. Leave it out.',
      },
    ]
  return []
}

function checkMemory({ memory, path }: LinkOptions): OptionProblem[] {
  if (memory === 'file')
    return path === null ? [{ option: 'path', message: 'is needed for memory: "file", such as "orders.ring".' }] : []
  return path === null
    ? []
    : [{ option: 'path', message: 'is that of a file: say memory: "file" too, or leave it out.' }]
}

function checkUses({ readers }: LinkOptions, uses: PlannedUses): OptionProblem[] {
  const slots = assignSlots(uses)
  const problems: OptionProblem[] = []
  if (slots.write.length > mostSlots)
    problems.push({
      option: null,
      message: `has ${slots.write.length - 1} writing processes; a ring can have ${mostSlots - 1}. Use several rings.`,
    })
  if (slots.read.length > mostSlots)
    problems.push({
      option: null,
      message: `has ${slots.read.length} reading processes; a ring can have ${mostSlots}. Use several rings.`,
    })
  if (readers === 'one' && slots.read.length > 1)
    problems.push({
      option: 'readers',
      message:
        `must be said, because ${slots.read.length} processes read it: "each" if every one gets every message, ` +
        '"share" if each message goes to one of them.',
    })
  return problems
}
