import type { Server, Socket } from 'node:net'
import { claimPort } from '../claims.js'
import type { FrameConnection, FrameServer } from '../frames/ends.js'
import { checkFrames, frameAdvice, frameOptions, isFramed } from '../frames/options.js'
import { listenerSides } from '../held-listener.js'
import type { Kind } from '../kind.js'
import { explainListenAddress, isLoopback, parseListenAddress } from '../listen-address.js'
import { backlogOption, listenerTraits, nonBlockingOption } from '../listener-kind.js'
import type { LinkOptions, OptionProblem } from '../options.js'
import { makeTcpListener } from '../tcp-listener.js'

type TcpEnd = Server | Socket | FrameConnection | FrameServer

/** A listening TCP socket that outlives its servers. */
export default {
  name: 'tcp',
  summary: 'A port of the network whose clients are never refused, whatever becomes of its server.',
  systems: ['linux'],
  options: {
    listen: {
      about: 'host:port, [address]:port, or :port for every address of this machine. Port 0: any free one.',
      type: 'string',
      required: false,
      default: '127.0.0.1:0',
    },
    backlog: backlogOption,
    nonBlocking: nonBlockingOption,
    reusePort: {
      about: 'Shares the port with other sockets of this user that want it too (SO_REUSEPORT).',
      type: 'boolean',
      required: false,
      default: false,
    },
    ipv6Only: {
      about: 'Of an address of IPv6: takes no connections of IPv4.',
      type: 'boolean',
      required: false,
      default: false,
    },
    ...frameOptions,
  },
  variants: { default: {}, everywhere: { listen: ':0', backlog: 16 }, ipv6: { listen: '[::1]:0', ipv6Only: true } },
  choices: {
    local: {},
    everywhere: { listen: ':8080' },
    framed: { listen: ':8080', frame: 'checked' },
    'framed large': { listen: ':8080', frame: 'checked', maxFrame: '4MiB' },
  },
  form: () => 'listener',
  sides: () => listenerSides,
  parts: () => ['natural', 'host', 'port'],
  traits: options => listenerTraits({ keepsBoundaries: isFramed(options) }),
  advice: options => ({ leavesMachine: !isLoopback(String(options['listen'])), ...frameAdvice(options) }),
  check: (options, given) => [...checkAddress(options), ...checkFrames(options, given)],
  claim: ({ listen, reusePort }) => claimPort('tcp', listen, '::', reusePort === true ? ['reusePort'] : []),
  create: makeTcpListener,
  open: async ({ link, descriptor, side, hint }, options): Promise<TcpEnd> => {
    const { connectTo, serveStreams } = await import('../stream-server.js')
    const address = { host: hint.host!, port: hint.port! }
    if (isFramed(options)) {
      const { connectFramesTo, loadFraming, serveFrames } = await import('../frames/open.js')
      const framing = await loadFraming(options, 'connection', link)
      if (side === 'listen') return serveFrames(descriptor, framing)
      return connectFramesTo(address, framing)
    }
    if (side === 'listen') return serveStreams(descriptor, Number(options['backlog']))
    return connectTo(address)
  },
} satisfies Kind

function checkAddress({ listen, reusePort, ipv6Only }: LinkOptions): OptionProblem[] {
  const text = String(listen)
  const address = parseListenAddress(text)
  if (!address) return [{ option: 'listen', message: explainListenAddress(text) }]
  if (ipv6Only === true && address.host !== null && !address.host.includes(':'))
    return [{ option: 'ipv6Only', message: `means nothing for ${address.host}, an address of IPv4. Leave it out.` }]
  if (reusePort === true && address.port === 0)
    return [{ option: 'reusePort', message: 'needs a port: nobody else can ask for port 0. Give one in `listen`.' }]
  return []
}
