/** Clients that ask without a pause, each request on a connection of its own, and what became of every one. */
import { connect, type TcpSocketConnectOpts } from 'node:net'
import { until } from './conditions.js'

export type Address = { readonly port: number } | { readonly path: string }

export interface Outcomes {
  /** The whole page, as expected. */
  answered: number
  /** No connection: by the code of the error. */
  refused: Record<string, number>
  /** A connection that ended before the whole page had come: whoever served it was killed. */
  cut: number
  /** Whole answers of another status, by it. */
  otherStatus: Record<string, number>
  timedOut: number
}

export interface Load extends AsyncDisposable {
  readonly outcomes: Outcomes
  /** Every page that came whole at least once. */
  readonly pages: ReadonlySet<string>
  /** Resolves when that many more were answered. */
  answers(more: number): Promise<void>
  /** No new requests; resolves with the outcomes when the last one is over. */
  stop(): Promise<Outcomes>
}

export interface LoadOptions {
  readonly clients: number
  readonly path: string
  /** What the body of a whole answer is. */
  readonly page: RegExp
}

const requestTimeoutMs = 60_000

export function createLoad(address: Address, options: LoadOptions): Load {
  const outcomes: Outcomes = { answered: 0, refused: {}, cut: 0, otherStatus: {}, timedOut: 0 }
  const pages = new Set<string>()
  let isStopped = false
  const run = async (): Promise<void> => {
    while (!isStopped) {
      const page = count(outcomes, await request(address, options.path), options.page)
      if (page !== null) pages.add(page)
    }
  }
  const clients = Promise.all(Array.from({ length: options.clients }, run))
  const stop = async (): Promise<Outcomes> => {
    isStopped = true
    await clients
    return outcomes
  }
  return {
    outcomes,
    pages,
    answers: more => {
      const wanted = outcomes.answered + more
      return until(`${more} more answers than ${JSON.stringify(outcomes)}`, () => outcomes.answered >= wanted)
    },
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  }
}

interface Ended {
  readonly isConnected: boolean
  readonly text: string
  /** Of the error that ended it; null: none did. */
  readonly error: string | null
}

/** One request. Never rejects. */
export function request(address: Address, path: string): Promise<Ended> {
  return new Promise(resolve => {
    const socket = connect({ host: '127.0.0.1', ...address } as TcpSocketConnectOpts)
    let isConnected = false
    let text = ''
    let error: string | null = null
    socket.setEncoding('latin1')
    socket.setTimeout(requestTimeoutMs, () => socket.destroy(Object.assign(new Error(), { code: 'timeout' })))
    socket.once('connect', () => {
      isConnected = true
      socket.write(`GET ${path} HTTP/1.0\r\nHost: localhost\r\n\r\n`)
    })
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      error = cause.code ?? cause.message
    })
    socket.once('close', () => resolve({ isConnected, text, error }))
  })
}

/** The page, if it came whole. */
function count(outcomes: Outcomes, { isConnected, text, error }: Ended, page: RegExp): string | null {
  const [, status = '', body = ''] = /^HTTP\/1\.\d (\d+) .*?\r\n\r\n(.*)$/s.exec(text) ?? []
  const isWhole = status === '200' && page.test(body)
  if (error === 'timeout') outcomes.timedOut++
  else if (!isConnected) add(outcomes.refused, error ?? 'closed')
  else if (isWhole) outcomes.answered++
  else if (status === '' || status === '200') outcomes.cut++
  else add(outcomes.otherStatus, status)
  return isWhole ? body : null
}

function add(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1
}
