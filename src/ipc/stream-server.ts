/** The child's half of stream sockets with an address, as Node's own servers and sockets. */
import { closeSync } from 'node:fs'
import { connect, Server, Socket } from 'node:net'
import { nextTick } from 'node:process'

/**
 * A server at a listening descriptor, which it owns. It takes nothing, and does not keep the process alive, until
 * somebody listens for 'connection': a connection that came before would be lost.
 *
 * @param backlog - what the link has: Node listens again, and would lower it for all who share the socket
 */
export function serveStreams(descriptor: number, backlog: number): Server {
  const server = new Server()
  let state: 'waiting' | 'begun' | 'closed' = 'waiting'
  const begin = (event: string | symbol): void => {
    if (event !== 'connection' || state !== 'waiting') return
    state = 'begun'
    server.removeListener('newListener', begin)
    nextTick(() => server.listen({ fd: descriptor }, backlog))
  }
  server.on('newListener', begin)
  server.once('close', () => {
    if (state === 'waiting') closeSync(descriptor)
    state = 'closed'
  })
  return server
}

/** Resolves once it is connected; rejects with the error of Node when nobody listens there. */
export function connectTo(to: { readonly host: string; readonly port: number }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(to)
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(keepOnlyForReaders(socket))
    })
  })
}

/** @param descriptor - of a connection; belongs to the socket from now on */
export function wrapConnection(descriptor: number): Socket {
  return new Socket({ fd: descriptor, readable: true, writable: true })
}

/** It keeps the process alive from when somebody reads it, and while something is being written. */
export function keepOnlyForReaders(socket: Socket): Socket {
  const keep = (event: string | symbol): void => {
    if (event !== 'data' && event !== 'readable') return
    socket.removeListener('newListener', keep)
    socket.ref()
  }
  return socket.on('newListener', keep).unref()
}
