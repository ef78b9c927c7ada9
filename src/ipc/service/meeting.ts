/** The supervisor's answer to the question where the instances of a service are. */
import { closeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { IpcsupError } from '../../errors.js'
import { connectUnixSocket, createUnixSocket } from '../../platform/index.js'
import { errnoOf } from '../refusal.js'
import { openTransport } from './line-transport.js'
import { reviveError } from './remote-error.js'
import type { Items, Received, Transport } from './transport.js'
import { type Directory, encodeLine, guarantees, type MeetingLine } from './wire.js'

export interface Meeting {
  say(line: MeetingLine): void
  /** Resolves when what was said is written. */
  finish(): Promise<void>
  close(): void
}

/** A directory, or why there is none. */
export interface MeetingListener {
  onDirectory(directory: Directory): void
  /** Once: the connection has ended. `refusal`: what the supervisor has refused, and why. */
  onEnd(why: string, refusal: IpcsupError | null): void
}

/**
 * Resolves once it is connected; keeps no program alive.
 *
 * @throws what the system says when nobody is there
 */
export async function openMeeting(path: string, listener: MeetingListener): Promise<Meeting> {
  let transport: Transport
  const onLines = (lines: Items): void => {
    for (const line of lines as readonly Received[]) {
      const directory = readDirectory(line)
      if (directory !== null) listener.onDirectory(directory)
      else if ('error' in line) {
        transport.close()
        const error = reviveError(line['error'])
        return listener.onEnd(error.message, error instanceof IpcsupError ? error : null)
      }
    }
  }
  transport = openTransport(await connect(path), {
    onLines,
    onEnd: why => listener.onEnd(why?.message ?? 'the supervisor has ended', null),
  })
  return {
    say: line => transport.send(encodeLine(line)),
    finish: () => transport.finish(),
    close: () => transport.close(),
  }
}

/** Another program at this path may say anything. */
function readDirectory(line: Received): Directory | null {
  const { service, guarantee, store, servers, instances, finished, over } = line as Partial<Directory>
  if (typeof service !== 'string' || !Array.isArray(instances)) return null
  return {
    service,
    guarantee: guarantees.find(name => name === guarantee) ?? 'at-most-once',
    store: typeof store === 'string' ? store : '',
    servers: Array.isArray(servers) ? servers : [],
    instances,
    finished: Array.isArray(finished) ? finished : [],
    over: over === true,
  }
}

/** A connected socket. Waits while the queue of the listener is full. */
async function connect(path: string): Promise<number> {
  for (;;) {
    const descriptor = tryConnect(path)
    if (descriptor !== null) return descriptor
    await delay(10)
  }
}

/**
 * A connected socket that does not block; null: the queue of its listener is full.
 *
 * @throws what the system says when nobody listens there
 */
export function tryConnect(path: string): number | null {
  const descriptor = createUnixSocket('stream', { nonBlocking: true })
  try {
    connectUnixSocket(descriptor, { path })
    return descriptor
  } catch (error) {
    closeSync(descriptor)
    if (errnoOf(error) === 'EAGAIN') return null
    throw error
  }
}
