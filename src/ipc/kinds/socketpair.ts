import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { IpcsupError } from '../../errors.js'
import { changeSendBuffer, createSocketPair, readSendBuffer, type SocketType } from '../../platform/index.js'
import { largestPacketBytes } from '../advice.js'
import type { FrameConnection } from '../frames/ends.js'
import { checkFrames, frameOptions, isFramed } from '../frames/options.js'
import { holdPair, pairSides } from '../held-pair.js'
import type { Kind, LinkObject, Where } from '../kind.js'
import type { MessageEndpoint } from '../message-endpoint.js'
import type { LinkOptions } from '../options.js'

const types = ['stream', 'dgram', 'seqpacket'] as const satisfies readonly SocketType[]

/** Two connected sockets: both sides read and write. */
export default {
  name: 'socketpair',
  summary: 'Two connected sockets for two processes that talk in both directions, as a stream or in messages.',
  systems: ['linux'],
  options: {
    type: {
      about: 'stream: bytes. seqpacket: messages in order. dgram: messages in order, for programs that want datagrams.',
      type: 'choice',
      choices: types,
      required: false,
      default: 'stream',
    },
    bufferSize: {
      about: 'Bytes of each direction, overhead of the kernel included. An error if the kernel grants less.',
      type: 'size',
      required: false,
      default: null,
    },
    ...frameOptions,
  },
  variants: { stream: {}, dgram: { type: 'dgram' }, seqpacket: { type: 'seqpacket', bufferSize: '64KiB' } },
  choices: { stream: {}, seqpacket: { type: 'seqpacket' }, dgram: { type: 'dgram' } },
  form: options => (options['type'] === 'stream' ? 'stream' : 'messages'),
  sides: () => pairSides,
  parts: () => [],
  traits: options => ({
    survivesRestart: true,
    // The hold is a peer that never dies.
    showsPeerDeath: false,
    keepsBoundaries: options['type'] !== 'stream' || isFramed(options),
    duplex: true,
    // Processes at one side would share one description: one's O_NONBLOCK, offset of messages and shutdown are all's.
    manyReaders: false,
    manyWriters: false,
    named: false,
    showsEnd: true,
  }),
  advice: options => (options['type'] === 'stream' ? {} : { largestMessageBytes: largestPacketBytes }),
  check: (options, given) => [...checkFrames(options, given, options['type'] === 'stream')],
  create: (options, where) => makePair(options, where),
  open: async (end, options): Promise<Socket | MessageEndpoint | FrameConnection> => {
    if (options['type'] !== 'stream') {
      const { openMessageEndpoint } = await import('../message-endpoint.js')
      return openMessageEndpoint(end.descriptor, end.link)
    }
    if (isFramed(options)) {
      const { connectFrames, loadFraming } = await import('../frames/open.js')
      return connectFrames(end.descriptor, await loadFraming(options, 'socket pair', end.link))
    }
    const { openIdleSocket } = await import('../idle-socket.js')
    return openIdleSocket({ fd: end.descriptor, readable: true, writable: true, allowHalfOpen: true })
  },
} satisfies Kind

function makePair(options: LinkOptions, where: Where): LinkObject {
  const type = types.find(name => name === options['type']) ?? 'stream'
  const [a, b] = createSocketPair(type)
  const object = holdPair({ link: where.link, type, a, b })
  const { bufferSize } = options
  if (typeof bufferSize !== 'number') return object
  changeSendBuffer(a, bufferSize)
  changeSendBuffer(b, bufferSize)
  // The kernel doubles what it is asked for, to have room for its overhead.
  const granted = readSendBuffer(a) / 2
  if (granted >= bufferSize) return object
  object.destroy()
  throw new IpcsupError('IPCSUP_ERR_LINK_CREATE', {
    link: where.link,
    why: `the kernel grants a buffer of ${granted} bytes, not ${bufferSize}`,
    advice: `Lower its \`bufferSize\`, or raise /proc/sys/net/core/wmem_max (${readFileSync('/proc/sys/net/core/wmem_max', 'utf8').trim()}).`,
  })
}
