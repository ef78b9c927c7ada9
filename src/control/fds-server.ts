/**
 * Gives ends of links to other programs of this user: the `fds` socket in the run directory.
 *
 * A client has a moment to say what it wants, and gets one answer. It cannot make the supervisor wait: an answer fits
 * into an empty socket, so it is sent at once, and what nobody takes from there goes with the client.
 */
import { chmodSync, closeSync, rmSync } from 'node:fs'
import { IpcsupError } from '../errors.js'
import { acceptAll } from '../ipc/accept-all.js'
import { isAllowed } from '../ipc/allowed-peer.js'
import { listenForPackets, readPeer, receiveMessage, sendPacket, watchReadable } from '../platform/index.js'
import type { GivenEnd, OutsideEnds } from '../supervisor/outside-ends.js'
import { type EndAnswer, type EndRequest, fdsSocket } from './fds.js'
import { encodeError } from './wire.js'

/** Who has said nothing yet. Beyond that the eldest must go: each costs a descriptor of the supervisor. */
const maxMuteClients = 32

/** Longer than that is no name of a link. */
const longestRequest = 1024

export interface EndsServer {
  readonly socket: string
  close(): void
}

/**
 * Never keeps the process alive.
 *
 * @param directory - of the run; 0700, so nobody can connect before the socket's own mode is set
 * @param requestTimeoutMs - what a client may take to ask
 */
export function serveEnds(ends: OutsideEnds, directory: string, requestTimeoutMs = 10_000): EndsServer {
  const socket = fdsSocket(directory)
  const listener = listenForPackets(socket, 128)
  chmodSync(socket, 0o600)
  const clients = new Set<() => void>()
  let isClosed = false

  const admit = (client: number): void => {
    const mayAsk = isAllowed(readPeer(client).uid, process.getuid!())
    // Usually it has asked by now.
    if (!mayAsk || answer(client, ends, socket)) return closeSync(client)
    const ask = () => answer(client, ends, socket)
    clients.add(awaitRequest(client, ask, requestTimeoutMs, hangUp => clients.delete(hangUp)))
    if (clients.size > maxMuteClients) [...clients][0]!()
  }

  const stopAccepting = acceptAll(listener, admit)
  return {
    socket,
    close: () => {
      if (isClosed) return
      isClosed = true
      stopAccepting()
      closeSync(listener)
      for (const hangUp of [...clients]) hangUp()
      removeSocket(socket)
    },
  }
}

function removeSocket(socket: string): void {
  try {
    rmSync(socket, { force: true })
  } catch {
    // A file system that became read-only: what the run could not remove is told at its end.
  }
}

/**
 * @param ask - answers the client, if it has said something
 * @returns what hangs up on the client; `forget` is called with it once that has happened
 */
function awaitRequest(
  client: number,
  ask: () => boolean,
  timeoutMs: number,
  forget: (hangUp: () => void) => void,
): () => void {
  let isOpen = true
  const hangUp = (): void => {
    if (!isOpen) return
    isOpen = false
    stop()
    clearTimeout(deadline)
    closeSync(client)
    forget(hangUp)
  }
  const stop = watchReadable(client, () => {
    if (ask()) hangUp()
  })
  stop.unref()
  const deadline = setTimeout(() => {
    // What it said while we were held up ourselves was said in time.
    if (isOpen) ask()
    hangUp()
  }, timeoutMs)
  deadline.unref()
  return hangUp
}

/** @returns whether this client is done: false when it has said nothing yet */
function answer(client: number, ends: OutsideEnds, socket: string): boolean {
  try {
    // Not with what takes descriptors: those that a client sends us the kernel then drops.
    const packet = receiveMessage(client)
    if (packet === null) return false
    if (packet.length > 0) respond(client, Buffer.from(packet).toString(), ends, socket)
  } catch (error) {
    // It is gone, or takes nothing: no concern of the supervisor.
    if (!(error instanceof IpcsupError)) throw error
  }
  return true
}

function respond(client: number, text: string, ends: OutsideEnds, socket: string): void {
  let given: GivenEnd | null = null
  try {
    const { link, side } = parseRequest(text)
    if (side === undefined) return void send(client, ends.describe(link), null)
    given = ends.give(link, side)
    const { descriptor, ...told } = given
    send(client, told, descriptor)
  } catch (error) {
    send(client, { error: encodeError(error, 'an end of a link', socket) }, null)
  } finally {
    if (given !== null && given.descriptor !== null) closeSync(given.descriptor)
  }
}

function send(client: number, told: EndAnswer, descriptor: number | null): void {
  sendPacket(client, Buffer.from(JSON.stringify(told)), descriptor === null ? [] : [descriptor])
}

/** Throws IPCSUP_ERR_REQUEST. */
function parseRequest(text: string): EndRequest {
  const refuse = (why: string) => new IpcsupError('IPCSUP_ERR_REQUEST', { request: text.slice(0, 200), why })
  if (text.length > longestRequest) throw refuse(`it has more than ${longestRequest} characters`)
  const { link, side } = (parse(text) ?? {}) as Readonly<Record<string, unknown>>
  if (typeof link !== 'string') throw refuse('`link` must be the name of a link')
  if (side !== undefined && typeof side !== 'string') throw refuse('`side` must be the name of a side')
  return side === undefined ? { link } : { link, side }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Then it has no link either, and that is said.
    return null
  }
}
