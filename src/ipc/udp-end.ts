/**
 * The child's half of a UDP socket: a `dgram.Socket` of Node's. A listener for messages keeps the program alive, and so
 * does what is not sent yet; nothing else does.
 */

import type { Socket } from 'node:dgram'
import { closeSync } from 'node:fs'
import type { ChildEnd, Hint } from './kind.js'
import { findInterface } from './multicast.js'
import type { LinkOptions } from './options.js'

/**
 * The socket that was handed over; owns the descriptor. Node takes datagrams from the moment it binds a socket, and drops
 * those that nobody listens for: so it is bound only once there is a listener for messages, or something to send. Until
 * then they wait in the kernel, also for the next incarnation.
 */
export async function openBoundSocket({ descriptor, hint }: ChildEnd): Promise<Socket> {
  const socket = await createSocket(hint)
  const bind = socket.bind.bind(socket)
  const address = socket.address.bind(socket)
  let isWanted = false
  let isBound = false
  const begin = (): void => {
    if (wasClosed(address)) return
    isBound = true
    bind({ fd: descriptor, exclusive: true })
  }
  // What Node's own `send` calls as well. Node binds later too, so that whoever calls can still listen for `listening`.
  socket.bind = (...given: unknown[]): Socket => {
    const callback = given.at(-1)
    if (typeof callback === 'function') {
      if (isBound) process.nextTick(() => callback.call(socket))
      else socket.once('listening', callback as () => void)
    }
    if (!isWanted) process.nextTick(begin)
    isWanted = true
    return socket
  }
  socket.address = () => (isBound ? address() : { address: hint.host!, family: familyOf(hint), port: hint.port! })
  socket.prependListener('newListener', event => {
    if (event === 'message') socket.bind()
  })
  socket.once('close', () => {
    if (!isBound) closeSync(descriptor)
  })
  return socket
}

/** @param address - of a socket of Node's: only one that was closed says that it does not run */
function wasClosed(address: Socket['address']): boolean {
  try {
    address()
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_SOCKET_DGRAM_NOT_RUNNING'
  }
}

/** A socket of its own, connected to where the link is: `send(bytes)` needs no address, and answers come as messages. */
export async function openSendingSocket(hint: Hint, options: LinkOptions): Promise<Socket> {
  const socket = await createSocket(hint)
  const device = typeof options['interface'] === 'string' ? findInterface(options['interface']) : null
  if (device !== null) {
    await new Promise<void>(resolve => socket.bind({ port: 0, exclusive: true }, resolve))
    const own = device.addresses.find(address => !address.includes(':'))
    socket.setMulticastInterface(familyOf(hint) === 'IPv6' ? `::%${device.name}` : own!)
  }
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.connect(hint.port!, hint.host!, () => {
      socket.off('error', reject)
      resolve()
    })
  })
  return socket
}

async function createSocket(hint: Hint): Promise<Socket> {
  const dgram = await import('node:dgram')
  const socket = dgram.createSocket(familyOf(hint) === 'IPv6' ? 'udp6' : 'udp4')
  socket.unref()
  socket.on('newListener', event => {
    if (event === 'message') socket.ref()
  })
  socket.on('removeListener', event => {
    if (event === 'message' && socket.listenerCount('message') === 0) socket.unref()
  })
  return socket
}

function familyOf({ host }: Hint): 'IPv4' | 'IPv6' {
  return host!.includes(':') ? 'IPv6' : 'IPv4'
}
