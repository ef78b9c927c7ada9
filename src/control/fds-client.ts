/** Asks a supervisor for an end of a link, over the `fds` socket of its run. */
import { closeSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { IpcsupError } from '../errors.js'
import { connectPackets, type ReceivedPacket, receivePacket, sendPacket, watchReadable } from '../platform/index.js'
import type { DescribedLink, GivenEnd } from '../supervisor/outside-ends.js'
import { type EndRequest, fdsSocket, mostPacketBytes } from './fds.js'
import { decodeError } from './wire.js'

const answerTimeoutMs = 10_000

/** How soon it is tried again where too many are waiting. */
const retryMs = 10

export interface EndsClient {
  describe(link: string): Promise<DescribedLink>
  /** Its descriptor is for the caller to close. */
  take(link: string, side: string): Promise<GivenEnd>
}

/**
 * Connects anew for each question, so it needs no closing.
 *
 * @param directory - of the run
 * @param where - for the message when nobody answers, such as `for /srv/orders/ipcsup.config.ts`
 * @param patienceMs - how long to wait for the socket itself: processes are started before it is there
 * @throws (each) IPCSUP_ERR_NO_SUPERVISOR when nobody listens there; IPCSUP_ERR_CONTROL when the answer is none; else what
 * the supervisor throws, such as IPCSUP_ERR_SIDE_CLOSED
 */
export function connectEnds(directory: string, where: string, patienceMs = 0): EndsClient {
  const place = { socket: fdsSocket(directory), where, patienceMs }
  return {
    describe: async link => (await ask(place, { link })).told as unknown as DescribedLink,
    take: async (link, side) => {
      const { told, descriptor } = await ask(place, { link, side })
      return { ...(told as unknown as Omit<GivenEnd, 'descriptor'>), descriptor }
    },
  }
}

interface Answer {
  readonly told: Readonly<Record<string, unknown>>
  readonly descriptor: number | null
}

interface Place {
  readonly socket: string
  readonly where: string
  readonly patienceMs: number
}

async function ask(place: Place, request: EndRequest): Promise<Answer> {
  const fail = (why: string, cause?: unknown) =>
    new IpcsupError('IPCSUP_ERR_CONTROL', { socket: place.socket, request: `link ${request.link}`, why }, { cause })
  const deadlineMs = performance.now() + place.patienceMs + answerTimeoutMs
  const connection = await connect(place, fail, deadlineMs)
  let packet: ReceivedPacket | null
  try {
    sendPacket(connection, Buffer.from(JSON.stringify(request)))
    packet = await receive(connection, deadlineMs)
  } catch (error) {
    throw fail((error as Error).message, error)
  } finally {
    closeSync(connection)
  }
  if (packet === null) throw fail(`it took more than ${answerTimeoutMs / 1000} s`)
  return read(packet, fail)
}

type Fail = (why: string, cause?: unknown) => IpcsupError

async function connect({ socket, where, patienceMs }: Place, fail: Fail, deadlineMs: number): Promise<number> {
  const patientUntilMs = performance.now() + patienceMs
  for (;;) {
    try {
      const connection = connectPackets(socket)
      if (connection !== null) return connection
    } catch (error) {
      const errno = error instanceof IpcsupError ? error.detail['errno'] : undefined
      if (errno !== 'ENOENT' && errno !== 'ECONNREFUSED') throw fail((error as Error).message, error)
      if (performance.now() >= patientUntilMs)
        throw new IpcsupError('IPCSUP_ERR_NO_SUPERVISOR', { where }, { cause: error })
    }
    if (performance.now() > deadlineMs) throw fail('too many others are asking')
    await wait(retryMs)
  }
}

/** null: nothing came in time. */
function receive(connection: number, deadlineMs: number): Promise<ReceivedPacket | null> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void): void => {
      clearTimeout(timer)
      stop()
      done()
    }
    const timer = setTimeout(() => settle(() => resolve(null)), Math.max(0, deadlineMs - performance.now()))
    const stop = watchReadable(connection, () => {
      try {
        const packet = receivePacket(connection, mostPacketBytes)
        if (packet !== null) settle(() => resolve(packet))
      } catch (error) {
        settle(() => reject(error))
      }
    })
  })
}

function read({ bytes, descriptors }: ReceivedPacket, fail: Fail): Answer {
  const told = parse(bytes.toString())
  if (told !== null && !('error' in told)) return { told, descriptor: descriptors[0] ?? null }
  for (const descriptor of descriptors) closeSync(descriptor)
  if (bytes.length === 0) throw fail('it hung up')
  throw decodeError(told?.['error']) ?? fail(`the answer was ${bytes.toString().slice(0, 200)}`)
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const told: unknown = JSON.parse(text)
    return typeof told === 'object' ? (told as Readonly<Record<string, unknown>> | null) : null
  } catch {
    return null
  }
}
