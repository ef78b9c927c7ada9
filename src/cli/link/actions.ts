/** What can be done with a link in a shell, by its form. */
import type { Form } from '../../ipc/kind.js'
import { receive as receiveMessage, send as sendMessage } from './acknowledged.js'
import type { Action } from './action.js'
import { signal, wait } from './counter.js'
import { receive as receiveDatagram, send as sendDatagram } from './datagrams.js'
import { connect, read as readConnection, write as writeConnection } from './listener.js'
import { read as readMemory, write as writeMemory } from './memory.js'
import { receive, send } from './messages.js'
import { acquire, release, withPermit } from './permits.js'
import { call } from './route.js'
import { show } from './show.js'
import { read, write } from './stream.js'

export const actions = {
  stream: { read, write, show },
  messages: { send, receive, show },
  ring: { send: sendMessage, receive: receiveMessage, show },
  datagrams: { send: sendDatagram, receive: receiveDatagram, show },
  listener: { connect, read: readConnection, write: writeConnection, show },
  memory: { read: readMemory, write: writeMemory, show },
  permits: { acquire, release, with: withPermit, show },
  counter: { signal, wait, show },
  route: { call, show },
  channel: { show },
  calls: { show },
} as const satisfies Record<Form, Readonly<Record<string, Action>>>

/** Every name of an action, for completion and the help. */
export const actionNames: readonly string[] = [
  ...new Set(Object.values(actions).flatMap(byName => Object.keys(byName))),
]
