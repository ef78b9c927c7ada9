/**
 * The control server: HTTP and JSON over a unix socket in the run directory, an adapter over a `Controls`.
 *
 * Imported late: node:http costs more than the first spawn.
 */
import { chmodSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type ExitStatus, IpcsupError } from '../errors.js'
import { isAllowed } from '../ipc/allowed-peer.js'
import { readPeer } from '../platform/index.js'
import type { Controls } from '../supervisor/controls.js'
import { controlSocket, findVerb, maxRequestBytes, routes } from './routes.js'
import { encodeError } from './wire.js'

/** How long an answer that was given may take to be read once the supervisor ends. */
const lastAnswerMs = 1_000

/** More clients than that at a time are turned away: each costs a descriptor of the supervisor. */
const maxClients = 64

export interface ControlServer {
  readonly socket: string
  /** Takes no more requests, lets answers that are due be read, removes the socket. */
  close(): Promise<void>
}

/**
 * Keeps the process alive until it is closed: a supervisor all of whose processes are parked has nothing else to wait for.
 *
 * @param directory - of the run; 0700, so nobody can connect before the socket's own mode is set
 */
export async function serveControls(controls: Controls, directory: string): Promise<ControlServer> {
  const socket = controlSocket(directory)
  const due = new Set<ServerResponse>()
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 10_000 }, (request, response) => {
    response.once('close', () => due.delete(response))
    void answer(controls, socket, request, response, due)
  })
  server.maxConnections = maxClients
  server.on('connection', connection => {
    if (!mayAsk(connection, process.getuid!())) connection.destroy()
  })
  // What is no HTTP gets no answer: the default one would keep the connection until it is read.
  server.on('clientError', (_error, connection) => connection.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socket, resolve)
  })
  chmodSync(socket, 0o600)
  return { socket, close: () => closeServer(server, due) }
}

function mayAsk(connection: Socket, ownUid: number): boolean {
  // The descriptor of a socket is not in Node's public interface.
  const descriptor = (connection as Socket & { _handle?: { fd?: number } })._handle?.fd
  return descriptor !== undefined && descriptor >= 0 && isAllowed(readPeer(descriptor).uid, ownUid)
}

async function answer(
  controls: Controls,
  socket: string,
  request: IncomingMessage,
  response: ServerResponse,
  due: Set<ServerResponse>,
): Promise<void> {
  const asked = `${request.method} ${request.url}`
  try {
    const verb = findVerb(request.method, request.url)
    if (verb === null) throw new IpcsupError('IPCSUP_ERR_REQUEST', { request: asked, why: 'there is no such verb' })
    const args = routes[verb].decode(
      request.method === 'GET' ? undefined : parse(asked, await readBody(asked, request)),
    )
    due.add(response)
    const result = await (controls[verb] as (...args: unknown[]) => Promise<unknown>).apply(controls, args)
    send(response, result === undefined ? 204 : 200, result)
  } catch (error) {
    const data = encodeError(error, asked, socket)
    send(response, httpStatuses[data.status], data)
  }
}

const httpStatuses = { 0: 500, 1: 409, 2: 400, 3: 503, 4: 500 } satisfies Record<ExitStatus, number>

async function readBody(asked: string, request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxRequestBytes) {
      throw new IpcsupError('IPCSUP_ERR_REQUEST', { request: asked, why: `its body is over ${maxRequestBytes} bytes` })
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parse(asked: string, text: string): unknown {
  try {
    return JSON.parse(text || '{}')
  } catch (cause) {
    throw new IpcsupError('IPCSUP_ERR_REQUEST', { request: asked, why: 'its body is no JSON' }, { cause })
  }
}

/** A client that is gone by now is no concern of the supervisor. */
function send(response: ServerResponse, status: number, data: unknown): void {
  response.on('error', () => {})
  const body = data === undefined ? '' : JSON.stringify(data)
  const length = status === 204 ? {} : { 'content-length': Buffer.byteLength(body) }
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close', ...length }).end(body)
}

/** Waits for answers that were asked for whole; a client that is still asking, or does not read, is hung up on. */
async function closeServer(server: Server, due: ReadonlySet<ServerResponse>): Promise<void> {
  const closed = new Promise(resolve => server.close(resolve))
  const deadline = setTimeout(() => server.closeAllConnections(), lastAnswerMs)
  await Promise.all([...due].map(response => new Promise(resolve => response.once('close', resolve))))
  clearTimeout(deadline)
  server.closeAllConnections()
  await closed
}
