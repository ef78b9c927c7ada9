import { connectSide, listenerSides } from '../held-listener.js'
import { holdService } from '../held-service.js'
import type { Kind } from '../kind.js'
import type { LinkOptions, OptionProblem } from '../options.js'
import { guarantees } from '../service/wire.js'

const exactlyOnce = 'exactly-once'

/** Functions of some processes that others call, over sockets of which ipcsup says where they are. */
export default {
  name: 'service',
  summary: 'Functions that some programs offer and others call, by name, with a stated guarantee.',
  systems: ['linux'],
  options: {
    guarantee: {
      about:
        'What a call that failed on its way means. at-most-once: it is not repeated. at-least-once: it is, and may be done twice. exactly-once: it is, and is done once.',
      type: 'choice',
      choices: guarantees,
      required: false,
      default: 'at-most-once',
    },
    store: {
      about: 'Directory that keeps what was done, with exactly-once, over restarts and stops. Made when it is needed.',
      type: 'path',
      required: false,
      default: null,
    },
  },
  variants: {
    'at-most-once': {},
    'at-least-once': { guarantee: 'at-least-once' },
    'exactly-once': { guarantee: 'exactly-once', store: 'store' },
  },
  form: () => 'calls',
  sides: () => ({ serve: listenerSides.listen, call: connectSide }),
  parts: () => ['natural', 'path'],
  traits: () => ({
    // Who connected and was not served yet is served by the next incarnation.
    survivesRestart: true,
    showsPeerDeath: true,
    keepsBoundaries: true,
    duplex: true,
    manyReaders: true,
    manyWriters: true,
    named: true,
    // A server waits for the next call for ever.
    showsEnd: false,
  }),
  tracksUses: true,
  check: options => [...checkStore(options)],
  claim: ({ store }) => (typeof store === 'string' ? { option: 'store', what: `the store ${store}` } : null),
  advice: () => ({ library: 'a library of ipcsup' }),
  create: holdService,
  open: async end => {
    const { openService } = await import('../service/end.js')
    return openService(end)
  },
} satisfies Kind

const isExactlyOnce = ({ guarantee }: LinkOptions): boolean => guarantee === exactlyOnce

function* checkStore(options: LinkOptions): Generator<OptionProblem> {
  const { store } = options
  if (isExactlyOnce(options) && store === null)
    yield {
      option: 'store',
      message: 'is needed for guarantee "exactly-once": a directory that keeps what was done, such as "calls".',
    }
  if (!isExactlyOnce(options) && store !== null)
    yield { option: 'store', message: 'is for guarantee "exactly-once". Leave it out.' }
}
