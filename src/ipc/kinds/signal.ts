import { constants } from 'node:os'
import { holdCalls, holdNothing } from '../held-calls.js'
import type { Kind, Route, Side } from '../kind.js'
import type { LinkOptions } from '../options.js'

const events = ['exit', 'ready', 'call'] as const satisfies readonly Route['on'][]

const side: Side = { reads: false, writes: false, listens: false, descriptor: false }

/** A route: what happens to the processes at one side becomes a signal to those at the other. */
export default {
  name: 'signal',
  summary: 'A signal to some processes when others end, are ready, or call for it.',
  systems: ['linux'],
  options: {
    on: {
      about:
        'exit: a process at `from` has ended. ready: it says that it is ready. call: it writes to its descriptor, or somebody runs `ipcsup call`.',
      type: 'choice',
      choices: events,
      required: false,
      default: 'call',
    },
    signal: {
      about: 'What the processes at `to` get.',
      type: 'choice',
      choices: Object.keys(constants.signals) as readonly NodeJS.Signals[],
      required: false,
      default: 'SIGHUP',
    },
  },
  variants: { call: {}, exit: { on: 'exit', signal: 'SIGUSR1' }, ready: { on: 'ready', signal: 'SIGWINCH' } },
  choices: { call: {} },
  form: () => 'route',
  // Calls may all come from outside; an event must be somebody's.
  sides: options =>
    isCalled(options) ? { from: { ...side, descriptor: true, optional: true }, to: side } : bothSilent,
  parts: () => [],
  traits: options => ({
    // A signal to a process that is not there is gone.
    survivesRestart: false,
    showsPeerDeath: options['on'] === 'exit',
    keepsBoundaries: false,
    duplex: false,
    manyReaders: true,
    manyWriters: true,
    named: false,
    showsEnd: false,
  }),
  route: options => ({
    from: 'from',
    to: 'to',
    on: events.find(name => name === options['on']) ?? 'call',
    signal: String(options['signal']),
  }),
  create: (options, where) => (isCalled(options) ? holdCalls(where.link) : holdNothing(where.link)),
  open: async (end, options) => {
    const { openSignal } = await import('../signal-end.js')
    return openSignal(end.descriptor, String(options['signal']))
  },
} satisfies Kind

const bothSilent: Readonly<Record<string, Side>> = { from: side, to: side }

function isCalled(options: LinkOptions): boolean {
  return options['on'] === 'call'
}
