import { createSocketPair } from '../../platform/index.js'
import { holdPair, pairSides } from '../held-pair.js'
import type { Kind } from '../kind.js'

/** Node's own channel, with a child at each end instead of a parent at one. */
export default {
  name: 'node',
  summary: 'Two Node programs that talk with process.send and on("message"), directly to each other.',
  systems: ['linux'],
  options: {
    serialization: {
      about:
        'json: what JSON has; any language can speak it. advanced: what structuredClone takes; both programs must be Node.',
      type: 'choice',
      choices: ['json', 'advanced'] as const,
      required: false,
      default: 'json',
    },
  },
  variants: { json: {}, advanced: { serialization: 'advanced' } },
  form: () => 'channel',
  sides: () => pairSides,
  parts: () => [],
  traits: () => ({
    // What a killed sender left of a message, Node takes for the beginning of the next one, and dies of it.
    survivesRestart: false,
    // The hold is a peer that never dies.
    showsPeerDeath: false,
    keepsBoundaries: true,
    duplex: true,
    manyReaders: false,
    manyWriters: false,
    named: false,
    showsEnd: true,
  }),
  defaultLifetime: 'reset',
  onePerProcess: true,
  variables: (descriptor, options) => ({
    NODE_CHANNEL_FD: String(descriptor),
    NODE_CHANNEL_SERIALIZATION_MODE: String(options['serialization']),
  }),
  advice: () => ({ library: 'Node' }),
  create: (_options, where) => {
    const [a, b] = createSocketPair('stream')
    return holdPair({ link: where.link, type: 'stream', a, b })
  },
  open: async ({ descriptor }) => {
    const { openNodeChannel } = await import('../node-channel.js')
    return openNodeChannel(descriptor)
  },
} satisfies Kind
