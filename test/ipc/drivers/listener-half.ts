// A Node child that uses the child's half of a link "data" that listens: at the listening side it answers each message
// with itself in upper case, until it is told "stop"; at the other it sends its arguments, one by one, and prints the
// answers. "idle": it only opens its end.
import { once } from 'node:events'
import { readlinkSync, writeSync } from 'node:fs'
import { Server, type Socket } from 'node:net'
import { readHandoff } from '../../../src/ipc/handoff.js'
import type { Kind } from '../../../src/ipc/kind.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import type { MessageEndpoint } from '../../../src/ipc/message-endpoint.js'
import type { PacketServer } from '../../../src/ipc/packet-server.js'

const { kind, side, fd, options, ...hint } = readHandoff(process.env)['data']!
const end = { descriptor: fd ?? -1, side, hint }
const opened = await (kinds as Readonly<Record<string, Kind>>)[kind]!.open(end, options)

/** Which object is open there; null: none. */
const identify = (descriptor: number): string | null => {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    return null
  }
}

/** Messages that come, and how to answer, whatever carries them. */
interface Talk {
  readonly messages: AsyncIterable<Uint8Array>
  send(text: string): Promise<void>
  end(): void
}

function talkOn(connection: Socket | MessageEndpoint): Talk {
  if ('receive' in connection) {
    const send = (text: string) => connection.send(Buffer.from(text))
    return { messages: connection.receive(), send, end: () => connection.close() }
  }
  const send = async (text: string): Promise<void> => void connection.write(text)
  return { messages: connection, send, end: () => void connection.end() }
}

async function answer(connection: Socket | MessageEndpoint): Promise<void> {
  const { messages, send, end: leave } = talkOn(connection)
  for await (const message of messages) {
    const text = Buffer.from(message).toString()
    await send(text.toUpperCase())
    if (text === 'stop') (opened as Server | PacketServer).close()
  }
  leave()
}

async function ask(connection: Socket | MessageEndpoint): Promise<void> {
  const { messages, send, end: leave } = talkOn(connection)
  const answers = messages[Symbol.asyncIterator]()
  for (const word of process.argv.slice(2)) {
    await send(word)
    writeSync(1, `${Buffer.from((await answers.next()).value!).toString()}\n`)
  }
  leave()
}

if (process.argv[2] === 'idle') writeSync(1, 'opened\n')
else if (side === 'connect') await ask(opened as unknown as Socket | MessageEndpoint)
else {
  const link = identify(fd!)
  if (opened instanceof Server) {
    opened.on('connection', connection => void answer(connection))
    await once(opened, 'close')
  } else for await (const connection of opened as unknown as PacketServer) void answer(connection)
  if (identify(fd!) === link) throw new Error('the server did not close its descriptor')
  writeSync(1, 'closed\n')
}
