import { closeSync, readFileSync } from 'node:fs'
import { createEvent, duplicateDescriptor, makeNonBlocking } from '../../platform/index.js'
import { sideClosed } from '../held-pipe.js'
import type { Kind, LinkObject, Side, Where } from '../kind.js'
import type { LinkOptions } from '../options.js'

const side = { reads: false, writes: false, listens: false, descriptor: true } as const satisfies Side
const sides = { signal: side, wait: side } as const satisfies Record<string, Side>

/** An eventfd: a number in the kernel that one side raises and the other takes. */
export default {
  name: 'event',
  summary: 'A number that one side raises and the other waits for: the cheapest way to wake somebody.',
  systems: ['linux'],
  options: {
    mode: {
      about: 'counter: who waits takes the whole number. semaphore: takes 1 of it.',
      type: 'choice',
      choices: ['counter', 'semaphore'] as const,
      required: false,
      default: 'counter',
    },
    initial: {
      about: 'What the number is at first.',
      type: 'integer',
      min: 0,
      max: 2 ** 32 - 1,
      required: false,
      default: 0,
    },
  },
  variants: { counter: {}, semaphore: { mode: 'semaphore', initial: 2 } },
  form: () => 'counter',
  sides: () => sides,
  parts: () => [],
  traits: options => ({
    survivesRestart: true,
    showsPeerDeath: false,
    keepsBoundaries: options['mode'] === 'semaphore',
    // Every descriptor of an eventfd can do both.
    duplex: true,
    manyReaders: true,
    manyWriters: true,
    named: false,
    showsEnd: false,
  }),
  create: (options, where) => holdEvent(options, where),
  open: async end => {
    const { openEvent } = await import('../event-end.js')
    return openEvent(end.descriptor, end.link)
  },
} satisfies Kind

function holdEvent(options: LinkOptions, where: Where): LinkObject {
  const mode = options['mode'] === 'semaphore' ? 'semaphore' : 'counter'
  let held: number | null = createEvent(Number(options['initial']), mode)
  const released = new Set<string>()
  const close = (): void => {
    if (held !== null) closeSync(held)
    held = null
  }
  return {
    // All children share one description, on purpose: it must stay non-blocking, so the host must not change it.
    sharesDescription: false,
    hint: () => ({}),
    take: name => {
      if (held === null || released.has(name)) throw sideClosed(where.link, name)
      // A child may have changed it, for all.
      makeNonBlocking(held)
      return duplicateDescriptor(held)
    },
    release: name => {
      released.add(name)
      if (Object.keys(sides).every(other => released.has(other))) close()
      return null
    },
    state: name => (released.has(name) ? 'unknown' : 'open'),
    facts: () => ({ queuedBytes: null, capacityBytes: null, value: held === null ? null : readNumber(held) }),
    destroy: () => {
      for (const name of Object.keys(sides)) released.add(name)
      close()
    },
  }
}

/** Without taking it; above 2^53 it is not exact. */
function readNumber(descriptor: number): number | null {
  const digits = /^eventfd-count:\s*([0-9a-f]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1]
  return digits === undefined ? null : Number.parseInt(digits, 16)
}
