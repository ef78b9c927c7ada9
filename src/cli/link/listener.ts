/** One connection to a listening socket: what `nc -U` and `nc -N` do, for messages too. */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { OpenEnd } from '../../ipc/kind.js'
import { type Outcome, wrongUsage } from '../verb.js'
import { type Action, limitTime, type Use, withEnd } from './action.js'
import { iterate, type Messages, receiveAll, sendAll } from './messages.js'
import { copyIn, copyOut } from './stream.js'

/** What can be done with a connection that carries bytes, and with one that carries messages. */
interface Ways {
  readonly bytes: (connection: Duplex, use: Use) => Promise<Outcome>
  readonly messages: (connection: Messages, use: Use) => Promise<Outcome>
}

/** stdin goes there, what comes back goes to stdout, until the server ends it (or so many messages have come). */
export const connect = makeAction(['timeout', 'count', 'all', 'null', 'raw'], {
  bytes: async (connection, { call }) => {
    // What the server says counts, also when it does not want to hear all.
    sendInput(connection).catch(() => {})
    return copyOut(connection, call.out)
  },
  messages: async (connection, use) => {
    sendAll(use, connection).catch(() => {})
    return receiveAll(use, iterate(connection))
  },
})

/** Nothing is sent; the half that could is left open. */
export const read = makeAction(['timeout', 'count', 'all', 'null', 'raw'], {
  bytes: (connection, { call }) => copyOut(connection, call.out),
  messages: (connection, use) => receiveAll(use, iterate(connection)),
})

/** Of bytes it ends once the server has closed the connection, so that it has surely taken all. */
export const write = makeAction(['timeout', 'null', 'raw'], {
  bytes: async connection => {
    connection.resume()
    const closed = once(connection, 'close')
    await sendInput(connection)
    await closed
    return 0
  },
  messages: (connection, use) => sendAll(use, connection),
})

function makeAction(options: Action['options'], ways: Ways): Action {
  return {
    words: '',
    options: ['side', ...options],
    run: use =>
      withEnd(
        use,
        ({ listens }) => !listens,
        end => (isMessages(end) ? ways.messages(end, use) : carryBytes(use, end as unknown as Duplex, ways.bytes)),
      ),
  }
}

const ofMessages = ['count', 'all', 'null', 'raw'] as const

/** A connection that is not over in time is broken off. */
async function carryBytes(use: Use, connection: Duplex, carry: Ways['bytes']): Promise<Outcome> {
  const { call, access, action } = use
  const wrong = ofMessages.find(option => call.options[option] !== undefined)
  if (wrong !== undefined)
    throw wrongUsage(call, `--${wrong} is of messages, and ${action} carries bytes: "${access.name}" has no messages.`)
  const giveUp = (): void => void connection.destroy(new Error('it was not over in time'))
  return (await limitTime(call, carry(connection, use), giveUp)) ?? 1
}

function isMessages(end: OpenEnd): end is OpenEnd & Messages {
  return 'send' in end && 'receive' in end
}

async function sendInput(connection: Duplex): Promise<void> {
  await copyIn(connection)
  connection.end()
}
