import type { Server, Socket } from 'node:net'
import type { SocketType } from '../../platform/index.js'
import { largestPacketBytes } from '../advice.js'
import { claimPath } from '../claims.js'
import type { FrameConnection, FrameServer } from '../frames/ends.js'
import { checkFrames, frameOptions, isFramed } from '../frames/options.js'
import { bindSide, connectSide, listenerSides } from '../held-listener.js'
import type { Kind } from '../kind.js'
import { backlogOption, listenerTraits, nonBlockingOption } from '../listener-kind.js'
import type { MessageEndpoint } from '../message-endpoint.js'
import { type LinkOptions, type OptionProblem, refuseGiven } from '../options.js'
import type { DatagramReceiver, PacketServer } from '../packet-server.js'
import { attachUnixListener } from '../unix-existing.js'
import { makeUnixListener, typeOf } from '../unix-listener.js'
import { explainLength, longestUnixName } from '../unix-path.js'

/** Said in full: inferred, it would lack the endpoint, which can do all that a receiver of datagrams can. */
type UnixEnd = Server | Socket | PacketServer | DatagramReceiver | MessageEndpoint | FrameConnection | FrameServer

const types = ['stream', 'seqpacket', 'dgram'] as const satisfies readonly SocketType[]

/** A listening or bound socket of this machine that outlives its servers. */
export default {
  name: 'unix',
  summary: 'A socket with a path or an abstract name, for servers and clients on this machine.',
  systems: ['linux'],
  options: {
    type: {
      about: 'stream: bytes. seqpacket: messages in order. dgram: messages, without connections.',
      type: 'choice',
      choices: types,
      required: false,
      default: 'stream',
    },
    path: {
      about: 'Where it is, in at most 107 bytes. Default: in the directory of the run, where placeholders find it.',
      type: 'path',
      required: false,
      default: null,
    },
    abstract: {
      about: 'A name without a file, in place of `path`: for every user of this machine.',
      type: 'string',
      required: false,
      default: null,
    },
    mode: {
      about: 'Permission bits of the path, whatever the umask; who connects needs to write. Default: 0600.',
      type: 'mode',
      required: false,
      default: null,
    },
    owner: {
      about: 'Owner of the path: a name of /etc/passwd or a number.',
      type: 'user',
      required: false,
      default: null,
    },
    group: {
      about: 'Group of the path: a name of /etc/group or a number.',
      type: 'group',
      required: false,
      default: null,
    },
    backlog: backlogOption,
    nonBlocking: nonBlockingOption,
    existing: {
      about: 'Connects to the socket of a server that ipcsup did not start, and leaves it there.',
      type: 'boolean',
      required: false,
      default: false,
    },
    ...frameOptions,
  },
  variants: { stream: {}, seqpacket: { type: 'seqpacket', backlog: 16 }, dgram: { type: 'dgram', mode: '0660' } },
  choices: { stream: {}, seqpacket: { type: 'seqpacket' }, dgram: { type: 'dgram' } },
  form: ({ type }) => (type === 'dgram' ? 'datagrams' : 'listener'),
  sides: ({ type, existing }) => {
    if (existing === true) return { connect: connectSide }
    return type === 'dgram' ? { bind: bindSide, connect: connectSide } : listenerSides
  },
  parts: ({ abstract }) => ['natural', abstract === null ? 'path' : 'name'],
  traits: ({ type, ...options }) =>
    type === 'dgram'
      ? { ...listenerTraits({ keepsBoundaries: true }), showsPeerDeath: false, duplex: false }
      : listenerTraits({ keepsBoundaries: type === 'seqpacket' || isFramed(options) }),
  advice: ({ type }) => (type === 'stream' ? {} : { largestMessageBytes: largestPacketBytes }),
  check: (options, given) => [
    ...checkName(options),
    ...checkUse(options),
    ...checkBacklog(options, given),
    ...checkFrames(options, given, options['type'] === 'stream'),
  ],
  claim: ({ path, abstract, type, existing }) => {
    if (existing === true) return null
    // Of abstract names each type has its own.
    if (typeof abstract === 'string') return { option: 'abstract', what: `the abstract name @${abstract} (${type})` }
    return claimPath(path)
  },
  create: (options, where) =>
    options['existing'] === true ? attachUnixListener(options, where) : makeUnixListener(options, where),
  open: async ({ link, descriptor, side, hint }, options): Promise<UnixEnd> => {
    const type = typeOf(options)
    if (isFramed(options)) {
      const [{ connectFrames, loadFraming, serveFrames }, { addressOf, connectDescriptor }] = await Promise.all([
        import('../frames/open.js'),
        import('../unix-client.js'),
      ])
      const framing = await loadFraming(options, 'connection', link)
      if (side === 'listen') return serveFrames(descriptor, framing)
      return connectFrames(await connectDescriptor('stream', addressOf(hint)), framing)
    }
    if (side === 'connect') {
      const { addressOf, connectMessages, connectStream } = await import('../unix-client.js')
      return type === 'stream' ? connectStream(addressOf(hint)) : connectMessages(type, addressOf(hint), link)
    }
    if (type === 'stream') {
      const { serveStreams } = await import('../stream-server.js')
      return serveStreams(descriptor, Number(options['backlog']))
    }
    const { openDatagrams, servePackets } = await import('../packet-server.js')
    return type === 'dgram' ? openDatagrams(descriptor) : servePackets(descriptor, link)
  },
} satisfies Kind

function* checkName({ path, abstract, existing }: LinkOptions): Generator<OptionProblem> {
  if (typeof path === 'string' && typeof abstract === 'string')
    yield { option: 'abstract', message: 'stands in place of `path`. Leave one of them out.' }
  if (existing === true && path === null && abstract === null)
    yield { option: 'existing', message: 'needs the `path` or the `abstract` name of what exists.' }
  if (typeof path === 'string' && isTooLong(path))
    yield { option: 'path', message: `is too long: ${explainLength(path, path)}. Choose a shorter one.` }
  if (typeof abstract !== 'string') return
  if (isTooLong(abstract))
    yield { option: 'abstract', message: `is too long: ${explainLength('it', abstract)}. Choose a shorter one.` }
  if (abstract === '') yield { option: 'abstract', message: 'must be a name of at least one character.' }
}

function checkBacklog({ type, existing }: LinkOptions, given: Readonly<Record<string, unknown>>): OptionProblem[] {
  if (existing === true)
    return refuseGiven(
      given,
      ['backlog'],
      'is a matter of the server that is there. Leave it out, or leave out `existing`.',
    )
  if (type !== 'dgram') return []
  return refuseGiven(given, ['backlog'], 'is of sockets with connections, and type "dgram" has none. Leave it out.')
}

const isTooLong = (text: string): boolean => Buffer.byteLength(text) > longestUnixName

/** What would be taken without a word and do nothing. */
function* checkUse(options: LinkOptions): Generator<OptionProblem> {
  const { abstract, existing } = options
  const why =
    existing === true
      ? 'cannot be changed of what exists already. Leave it out, or leave out `existing`.'
      : 'is of a path: everybody on this machine can connect to an abstract name. Leave it out, or give a `path`.'
  if (existing !== true && abstract === null) return
  for (const option of ['mode', 'owner', 'group']) if (options[option] !== null) yield { option, message: why }
  if (existing === true && options['nonBlocking'] === true) yield { option: 'nonBlocking', message: why }
}
