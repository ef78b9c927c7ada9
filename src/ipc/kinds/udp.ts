import { claimPort } from '../claims.js'
import { bindSide } from '../held-listener.js'
import type { Kind } from '../kind.js'
import { explainListenAddress, isLoopback, parseListenAddress } from '../listen-address.js'
import { checkMulticast, multicastOptions, wildcardFor } from '../multicast.js'
import { receiveBufferOption } from '../receive-buffer.js'
import { makeUdpSocket } from '../udp-socket.js'

/** A bound socket for datagrams; whoever knows its address may send. */
export default {
  name: 'udp',
  summary: 'A bound UDP socket: datagrams from programs of this machine, of others, or sent to a multicast group.',
  systems: ['linux'],
  options: {
    listen: {
      about: 'Where it is bound: address:port. Port 0: a free one, which placeholders and status have.',
      type: 'string',
      required: false,
      default: '127.0.0.1:0',
    },
    ...multicastOptions,
    reusePort: {
      about: 'Other sockets of the same user may be bound to the same port; the kernel deals out what comes.',
      type: 'boolean',
      required: false,
      default: false,
    },
    receiveBuffer: receiveBufferOption,
  },
  variants: { IPv4: {}, IPv6: { listen: '[::1]:0', receiveBuffer: '64KiB' } },
  choices: { local: {}, everywhere: { listen: ':8080' } },
  form: () => 'datagrams',
  sides: () => ({
    // It can also answer, but whether anybody hears that nobody can tell: as an output it would never be finished.
    bind: bindSide,
    send: { reads: false, writes: true, listens: false, descriptor: false },
  }),
  parts: () => ['natural', 'host', 'port'],
  traits: () => ({
    survivesRestart: true,
    // The hold is a receiver that never dies.
    showsPeerDeath: false,
    keepsBoundaries: true,
    // An answer goes back to the address that a datagram came from.
    duplex: true,
    manyReaders: true,
    manyWriters: true,
    named: true,
    showsEnd: false,
  }),
  advice: ({ listen }) => ({ largestMessageBytes: 65_507, drops: true, leavesMachine: !isLoopback(String(listen)) }),
  check: options => {
    const listen = String(options['listen'])
    const address = parseListenAddress(listen)
    return address === null
      ? [{ option: 'listen', message: explainListenAddress(listen) }]
      : checkMulticast(options, address.host)
  },
  claim: ({ listen, join, reusePort }) => {
    const everywhere = typeof join === 'string' ? wildcardFor(join) : '::'
    return claimPort('udp', listen, everywhere, [
      // Those who listen to a group are no rivals.
      ...(typeof join === 'string' ? ['join'] : []),
      ...(reusePort === true ? ['reusePort'] : []),
    ])
  },
  create: makeUdpSocket,
  open: async (end, options) => {
    const { openBoundSocket, openSendingSocket } = await import('../udp-end.js')
    return end.side === 'bind' ? openBoundSocket(end) : openSendingSocket(end.hint, options)
  },
} satisfies Kind
