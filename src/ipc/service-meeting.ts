/**
 * The meeting socket of a service: whoever connects is told who serves it, now and after each change, and who serves it
 * registers there. The supervisor answers *where*; calls do not pass here.
 *
 * It begins to listen at once, so that nobody is refused; what it takes to talk is loaded when somebody comes.
 */
import { closeSync } from 'node:fs'
import { IpcsupError } from '../errors.js'
import { readOpenFilesLimit, readPeer } from '../platform/index.js'
import { acceptAll } from './accept-all.js'
import { isAllowed } from './allowed-peer.js'
import { attendTo, type MeetingClient, type MeetingHandlers } from './meeting-client.js'
import { encodeLine, nameMembers } from './service/wire.js'
import type { Roll } from './service-roll.js'

export interface Meeting {
  /** Hangs up on everybody; the listening descriptor is the caller's. */
  close(): void
}

/**
 * Never keeps the process alive.
 *
 * @param listener - non-blocking, close-on-exec
 */
export function holdMeeting(listener: number, roll: Roll): Meeting {
  const clients = new Set<MeetingClient>()
  const serving = new Set<MeetingClient>()
  let isClosed = false
  let news: string | null = null
  let isTelling = false

  const admit = (descriptor: number): void => {
    const { pid, uid } = readPeer(descriptor)
    if (!isAllowed(uid, process.getuid!())) return closeSync(descriptor)
    // Of Node itself: nothing must be opened for it, which may not be possible any more.
    const { Socket } = process.getBuiltinModule('node:net')
    const client = attendTo(new Socket({ fd: descriptor, readable: true, writable: true }), pid, handlers)
    clients.add(client)
    client.tell()
    if (clients.size > mostClients()) dropEldest()
  }
  /** Who serves stays; of the others each can come again. */
  const dropEldest = (): void => {
    const eldest = [...clients].find(client => !serving.has(client))
    if (eldest === undefined) return
    // It is gone when the loop has had its turn, and until then it would be found again.
    clients.delete(eldest)
    eldest.hangUp()
  }

  const handlers: MeetingHandlers = {
    news: () => {
      news ??= encodeLine(roll.directory())
      return news
    },
    receive: (client, line) => {
      if ('register' in line) {
        roll.register(client, line['register'])
        serving.add(client)
      } else if ('load' in line) roll.report(client, line['load'])
      else if ('unregister' in line) roll.withdraw(client)
      else if ('find' in line) client.tell()
      else throw refuseLine(line)
    },
    gone: client => {
      clients.delete(client)
      serving.delete(client)
      roll.withdraw(client)
    },
  }

  roll.onChange = () => {
    news = null
    if (isTelling) return
    isTelling = true
    // Of all changes of a turn everybody is told once.
    setImmediate(() => {
      isTelling = false
      for (const client of clients) client.tell()
    })
  }

  const stopAccepting = acceptAll(listener, admit)
  return {
    close: () => {
      if (isClosed) return
      isClosed = true
      stopAccepting()
      roll.onChange = () => {}
      for (const client of [...clients]) client.hangUp()
    },
  }
}

/** Not more than a quarter of all descriptors: the supervisor has better use for them. */
function mostClients(): number {
  return Math.max(16, Math.min(1024, Math.floor(readOpenFilesLimit().soft / 4)))
}

function refuseLine(line: Readonly<Record<string, unknown>>): IpcsupError {
  const why = 'it must have `register`, `load`, `unregister` or `find`'
  return new IpcsupError('IPCSUP_ERR_REQUEST', { request: nameMembers(line), why })
}
