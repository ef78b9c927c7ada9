import { bindSide } from '../held-listener.js'
import type { Kind } from '../kind.js'
import { isVersion6, makeRawSocket, numberOf, protocols } from '../raw-socket.js'
import { receiveBufferOption } from '../receive-buffer.js'

/** A raw socket, opened by who may and used by who need not. */
export default {
  name: 'raw',
  summary: 'A raw socket of one IP protocol, such as ICMP: opened by a privileged supervisor, used by any process.',
  systems: ['linux'],
  options: {
    protocol: {
      about: `Protocol above IP: ${Object.keys(protocols).join(', ')}, or its number.`,
      type: 'protocol',
      required: true,
    },
    ipv6: {
      about: 'Packets of IPv6, not of IPv4. Default: only for icmp6.',
      type: 'boolean',
      required: false,
      default: null,
    },
    receiveBuffer: receiveBufferOption,
  },
  // Numbers for experiments: nobody else sends such packets.
  variants: { IPv4: { protocol: 253 }, IPv6: { protocol: 254, ipv6: true, receiveBuffer: '64KiB' } },
  choices: { IPv4: { protocol: 253 } },
  form: () => 'datagrams',
  sides: () => ({ bind: bindSide }),
  parts: () => [],
  traits: () => ({
    survivesRestart: true,
    showsPeerDeath: false,
    keepsBoundaries: true,
    // It sends as well, to any address.
    duplex: true,
    manyReaders: true,
    manyWriters: true,
    named: false,
    showsEnd: false,
  }),
  advice: options => ({
    largestMessageBytes: isVersion6(options) ? 65_535 : 65_515,
    drops: true,
    privilege: 'the capability CAP_NET_RAW',
  }),
  check: ({ protocol }) =>
    numberOf(protocol) === undefined
      ? [
          {
            option: 'protocol',
            message: `there is no protocol "${protocol}". Give a number, or one of ${Object.keys(protocols).join(', ')}.`,
          },
        ]
      : [],
  create: makeRawSocket,
  open: async end => {
    const { openRawSocket } = await import('../raw-end.js')
    return openRawSocket(end.descriptor, end.link)
  },
} satisfies Kind
