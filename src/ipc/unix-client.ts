/** The child's half of the connecting side of unix sockets. */
import { closeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connectUnixSocket, createUnixSocket, type SocketType, type UnixAddress } from '../platform/index.js'
import type { Hint } from './kind.js'
import { type MessageEndpoint, openMessageEndpoint } from './message-endpoint.js'
import { errnoOf } from './refusal.js'

/** Where the hint of a link says that its socket is. */
export function addressOf({ path, name = '@' }: Hint): UnixAddress {
  return path === undefined ? { abstract: name.slice(1) } : { path }
}

/** Of `seqpacket` and `dgram`. */
export async function connectMessages(type: SocketType, address: UnixAddress, link?: string): Promise<MessageEndpoint> {
  return openMessageEndpoint(await connectDescriptor(type, address), link)
}

/** Not by Node's `connect`: Node 20 fills an abstract name up with NULs, and so connects to another one. */
export async function connectStream(address: UnixAddress): Promise<Socket> {
  const { keepOnlyForReaders, wrapConnection } = await import('./stream-server.js')
  return keepOnlyForReaders(wrapConnection(await connectDescriptor('stream', address)))
}

/** Resolves once it is connected; rejects when nobody is there. Waits while the queue of the server is full. */
export async function connectDescriptor(type: SocketType, address: UnixAddress): Promise<number> {
  const descriptor = createUnixSocket(type, { nonBlocking: true })
  try {
    while (!tryConnect(descriptor, address)) await delay(10)
    return descriptor
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

/** false: the queue is full, and the kernel has no event for its having room again. */
function tryConnect(descriptor: number, address: UnixAddress): boolean {
  try {
    connectUnixSocket(descriptor, address)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return false
    throw error
  }
}
