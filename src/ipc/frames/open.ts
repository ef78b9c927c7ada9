/** Ends of links with `frame`, over the streams that they would be without. */
import { once } from 'node:events'
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import { loadCodec } from '../codec.js'
import { receiveFrom } from '../message-iteration.js'
import type { Codec } from '../messages.js'
import { beginEnd } from '../open-end.js'
import type { LinkOptions } from '../options.js'
import { serveConnections } from '../packet-server.js'
import type { FrameConnection, FrameReader, FrameServer, FrameWriter } from './ends.js'
import { Intake, openFrameSocket } from './intake.js'
import { isAtomic, limitOf } from './options.js'
import { FrameSender } from './sender.js'
import type { SenderSettings } from './sender-settings.js'
import { FrameSource, type SourceSettings } from './source.js'

/** What its ends need, for as many of them as there will be. */
export interface Framing extends SourceSettings, SenderSettings {}

/**
 * @param what - what carries the frames, as a noun of a sentence
 * @param link - its name, for messages
 */
export async function loadFraming(options: LinkOptions, what: string, link?: string): Promise<Framing> {
  const isChecked = options['frame'] === 'checked'
  const hasMany = what === 'pipe' && isAtomic(options)
  return {
    codec: await loadCodec((options['codec'] ?? 'bytes') as Codec),
    needsChecksum: isChecked,
    isChecked,
    largestFrame: limitOf(options),
    isAtomic: hasMany,
    what,
    link,
    advice: hasMany
      ? 'With one writer `maxFrame` of its link may be more than 4096. Several writers of larger messages need a link of kind `ring`, or a `socketpair` of type `seqpacket` for each.'
      : 'Raise `maxFrame` of its link.',
    onTorn: countTorn(link === undefined ? `this ${what}` : `link "${link}"`),
  }
}

/** @param descriptor - of a pipe; belongs to the reader from now on */
export function receiveFrames<Value>(descriptor: number, framing: Framing): FrameReader<Value> {
  const intake = new Intake()
  const socket = openFrameSocket(descriptor, intake, { readable: true, writable: false })
  const source = new FrameSource<Value>(socket, intake, framing)
  const { close, once } = beginEnd(() => {
    source.close()
    socket.destroy()
  })
  return join(describeReader(source), { close, once })
}

/** @param descriptor - of a pipe; belongs to the writer from now on */
export function sendFrames<Value>(descriptor: number, framing: Framing): FrameWriter<Value> {
  const socket = openFrameSocket(descriptor, null, { readable: false, writable: true })
  const sender = new FrameSender<Value>(socket, framing)
  const { close, once } = beginEnd(() => sender.close(() => socket.destroy()))
  return join(describeSender(sender, framing), { close, once })
}

/** @param descriptor - of a connected socket; belongs to the connection from now on */
export function connectFrames<Value>(descriptor: number, framing: Framing): FrameConnection<Value> {
  const intake = new Intake()
  const socket = openFrameSocket(descriptor, intake, { readable: true, writable: true, allowHalfOpen: true })
  return talkFrames(socket, intake, framing)
}

/** Resolves once it is connected; rejects with the error of Node when nobody listens there. */
export async function connectFramesTo<Value>(to: TcpNetConnectOpts, framing: Framing): Promise<FrameConnection<Value>> {
  const intake = new Intake()
  const socket = connect({ ...to, allowHalfOpen: true, onread: intake.onread }).pause()
  await once(socket, 'connect')
  return talkFrames(socket.unref(), intake, framing)
}

/** @param descriptor - of a listening socket; belongs to the server from now on */
export function serveFrames<Value>(descriptor: number, framing: Framing): FrameServer<Value> {
  return serveConnections(descriptor, accepted => connectFrames<Value>(accepted, framing), framing.link)
}

function talkFrames<Value>(socket: Socket, intake: Intake, framing: Framing): FrameConnection<Value> {
  socket.setNoDelay(true)
  const source = new FrameSource<Value>(socket, intake, framing)
  const sender = new FrameSender<Value>(socket, framing)
  const { close, once } = beginEnd(() => {
    source.close()
    sender.close(() => socket.destroy())
  })
  const end = (): void => sender.close(() => socket.end())
  return join(join(describeReader(source), describeSender(sender, framing)), { close, once, end })
}

function describeReader<Value>(source: FrameSource<Value>) {
  const { decoder } = source
  return join(receiveFrom(source), {
    get missed() {
      return decoder.missed
    },
    get torn() {
      return decoder.torn
    },
    get skippedBytes() {
      return decoder.skippedBytes
    },
  })
}

function describeSender<Value>(sender: FrameSender<Value>, { largestFrame }: Framing) {
  return {
    largestFrame,
    largestMessage: sender.largestMessage,
    trySend: (value: Value) => sender.trySend(value),
    send: sender.send.bind(sender) as FrameSender<Value>['send'],
    flush: () => sender.flush(),
  }
}

/** Both in one object, getters included. */
function join<One extends object, Other extends object>(one: One, other: Other): One & Other {
  return Object.defineProperties(one, Object.getOwnPropertyDescriptors(other)) as One & Other
}

/**
 * A line in the log of the process, because nothing else would tell a person: at the first, and then each time they have
 * doubled, over all connections of the link.
 */
function countTorn(what: string): (torn: number) => void {
  let [all, told] = [0, 0]
  return torn => {
    all += torn
    if (all < 2 * told) return
    told = all
    const frames = all === 1 ? '1 frame was' : `${all} frames were`
    process.emitWarning(
      `${frames} torn on ${what}: its sender was ended in the middle of it, or somebody else writes there too`,
      { type: 'IpcsupWarning', code: 'IPCSUP_FRAME_TORN' },
    )
  }
}
