/**
 * A `Controls` over the control socket of another process.
 */
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { IpcsupError } from '../errors.js'
import type { Controls } from '../supervisor/controls.js'
import { controlSocket, type Route, routes, type Verb } from './routes.js'
import { decodeError } from './wire.js'

/** More than any look at thousands of processes takes. */
const longestLookMs = 30_000

/**
 * Connects anew for each call, so it needs no closing.
 *
 * @param directory - of the run
 * @param where - for the message when nobody answers, such as `for /srv/orders/ipcsup.config.ts`
 * @param mostMs - how long a verb that only looks waits for its answer; the others last as long as what they do
 * @throws (each verb) IPCSUP_ERR_NO_SUPERVISOR when nobody listens there; IPCSUP_ERR_CONTROL when the answer is none;
 * else what the verb itself throws there
 */
export function connectControls(directory: string, where: string, { mostMs = longestLookMs } = {}): Controls {
  const socket = controlSocket(directory)
  const verb =
    <V extends Verb>(name: V) =>
    (...args: Parameters<Controls[V]>) =>
      ask(name, args, { socket, where, mostMs }) as ReturnType<Controls[V]>
  return {
    status: verb('status'),
    plan: verb('plan'),
    logFiles: verb('logFiles'),
    startProcesses: verb('startProcesses'),
    stopProcesses: verb('stopProcesses'),
    restartProcesses: verb('restartProcesses'),
    signalProcesses: verb('signalProcesses'),
    callLink: verb('callLink'),
    stop: verb('stop'),
  }
}

async function ask<V extends Verb>(
  verb: V,
  args: Parameters<Controls[V]>,
  { socket, where, mostMs }: { readonly socket: string; readonly where: string; readonly mostMs: number },
): Promise<unknown> {
  const route = routes[verb] as unknown as Route<V>
  const fail = (why: string, cause?: unknown) =>
    new IpcsupError('IPCSUP_ERR_CONTROL', { socket, request: route.path, why }, { cause })
  const timeout = route.method === 'GET' ? mostMs : 0
  const options = { socketPath: socket, method: route.method, path: route.path, agent: false, timeout } as const
  const response = await send(options, route.encode(...args)).catch((cause: unknown) => {
    if (isNobodyThere(cause)) throw new IpcsupError('IPCSUP_ERR_NO_SUPERVISOR', { where }, { cause })
    throw fail((cause as Error).message, cause)
  })
  if (response.status === 204) return undefined
  const data = parse(response.body)
  if (response.status === 200 && data !== undefined) return data
  throw decodeError(data) ?? fail(`the answer was ${response.status} ${response.body.slice(0, 200)}`)
}

function send(options: RequestOptions, body: unknown): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(options, incoming => {
      readText(incoming).then(text => resolve({ status: incoming.statusCode ?? 0, body: text }), reject)
    })
    outgoing.on('error', reject)
    outgoing.on('timeout', () => {
      const why = `nothing came within ${options.timeout} ms; it is stopped (kill -CONT wakes it), or hangs`
      outgoing.destroy(new Error(why))
    })
    outgoing.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

async function readText(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The caller says what came instead.
    return undefined
  }
}

/** No socket; a socket that nobody accepts at; or a supervisor that ended while we asked. */
function isNobodyThere(error: unknown): boolean {
  return ['ENOENT', 'ECONNREFUSED'].includes((error as NodeJS.ErrnoException).code ?? '')
}
