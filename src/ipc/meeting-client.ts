/**
 * One program at the meeting socket of a service, as the supervisor has it. Whatever it does costs little: its lines are
 * short and so many a second, and of what it does not read only the newest is kept.
 */
import type { Socket } from 'node:net'
import { IpcsupError } from '../errors.js'
import { createLineReader } from './service/wire.js'
import type { Connection } from './service-roll.js'

/** Room for some thousand names of methods. */
const longestLineBytes = 256 * 1024

/** Then it is not read until the second is over: what it writes meanwhile waits where it is. */
const mostLinesPerSecond = 50

export interface MeetingClient extends Connection {
  /** Has `what` asked for, and tells the answer, once it can take it: now, or when it has read what it was told before. */
  tell(): void
  hangUp(): void
}

export interface MeetingHandlers {
  /** What is to be told. */
  readonly news: () => string
  /** Throws IpcsupError, which ends the connection. */
  readonly receive: (client: MeetingClient, line: Readonly<Record<string, unknown>>) => void
  /** Once. */
  readonly gone: (client: MeetingClient) => void
}

/** @param socket - connected; belongs to the client from now on, and keeps nothing alive */
export function attendTo(socket: Socket, pid: number, { news, receive, gone }: MeetingHandlers): MeetingClient {
  const read = createLineReader(longestLineBytes)
  let isBusy = false
  let isLate = false
  let lines = 0
  let pause: NodeJS.Timeout | null = null

  const tell = (): void => {
    // What it was told before has not left yet: then it is told what is news by the time when that has.
    isLate = isBusy
    if (isBusy || socket.destroyed) return
    isBusy = true
    socket.write(news(), () => {
      isBusy = false
      if (isLate) tell()
    })
  }
  const hangUp = (): void => void socket.destroy()
  const client: MeetingClient = { pid, tell, hangUp }

  const complain = (error: unknown): void => {
    const { name, message, code } = error as Error & { readonly code?: string }
    socket.removeAllListeners('data')
    socket.pause()
    socket.end(`${JSON.stringify({ error: { name, message, ...(code !== undefined && { code }) } })}\n`)
    setTimeout(hangUp, lingerMs).unref()
  }
  const rest = (): void => {
    pause ??= setTimeout(() => {
      pause = null
      lines = 0
      socket.resume()
    }, 1_000).unref()
    if (lines > mostLinesPerSecond) socket.pause()
  }

  socket.on('data', piece => {
    try {
      for (const line of readLines(read, piece)) {
        lines++
        receive(client, line)
      }
    } catch (error) {
      if (!(error instanceof IpcsupError)) throw error
      return complain(error)
    }
    if (lines > 0) rest()
  })
  // It went away in the middle of something: the end follows.
  socket.on('error', () => {})
  socket.once('close', () => {
    if (pause) clearTimeout(pause)
    gone(client)
  })
  socket.unref()
  return client
}

/** How long who is complained to may take to read it. */
const lingerMs = 1_000

function readLines(read: ReturnType<typeof createLineReader>, piece: Buffer): ReturnType<typeof read> {
  try {
    return read(piece)
  } catch (cause) {
    throw new IpcsupError('IPCSUP_ERR_REQUEST', { request: 'a line', why: (cause as Error).message }, { cause })
  }
}
