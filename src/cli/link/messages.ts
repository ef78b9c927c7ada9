/** Messages that stay whole. */
import type { Outcome } from '../verb.js'
import { type Action, limitTime, readNumber, type Use, withEnd } from './action.js'
import { print, readMessages, readSeparator } from './separators.js'

/** What ends that carry messages have in common. */
export interface Messages {
  send(message: Uint8Array, options?: SendOptions): Promise<void>
  /** One at a time, or all of them as they come. */
  receive(options?: ReceiveOptions): Promise<Received> | AsyncIterable<Received>
  close(): void
}

export type Received = Uint8Array | { readonly bytes: Uint8Array }

interface SendOptions {
  readonly priority?: number
  readonly type?: number
  readonly signal?: AbortSignal
}

type ReceiveOptions = Omit<SendOptions, 'priority'>

export const send: Action = {
  words: '[text…]',
  options: ['side', 'timeout', 'null', 'raw', 'priority', 'type'],
  run: use =>
    withEnd<Messages>(
      use,
      side => side.writes,
      end => sendAll(use, end),
    ),
}

export const receive: Action = {
  words: '',
  options: ['side', 'timeout', 'count', 'all', 'null', 'raw', 'type'],
  run: use =>
    withEnd<Messages>(
      use,
      side => side.reads,
      end => receiveAll(use, iterate(end)),
    ),
}

export async function sendAll(use: Use, end: Pick<Messages, 'send' | 'close'>): Promise<Outcome> {
  const { call, words } = use
  const [priority, type] = [readNumber(call, 'priority', 0), readNumber(call, 'type', 1)]
  const options = { ...(priority === undefined ? {} : { priority }), ...(type === undefined ? {} : { type }) }
  const messages = words.length > 0 ? words.map(word => Buffer.from(word)) : readMessages(call)
  for await (const message of messages) {
    const abort = new AbortController()
    const sent = end.send(message, { ...options, signal: abort.signal }).then(() => true)
    const giveUp = (): void => {
      abort.abort()
      end.close()
    }
    if ((await limitTime(call, sent, giveUp)) === null) return 1
  }
  return 0
}

/** Messages one by one, and what gives up the wait for the next one: it then ends, or fails. */
export interface Incoming {
  next(options: ReceiveOptions): Promise<Uint8Array | null>
  giveUp(): void
}

export async function receiveAll({ call }: Use, incoming: Incoming): Promise<Outcome> {
  const isEndless = call.options.all === true
  const most = isEndless ? Number.POSITIVE_INFINITY : (readNumber(call, 'count', 1) ?? 1)
  const after = readSeparator(call)
  const type = readNumber(call, 'type', -2_147_483_647)
  const options = type === undefined ? {} : { type }
  let count = 0
  while (count < most && call.out.isLost !== true) {
    const message = await limitTime(call, incoming.next(options), incoming.giveUp)
    if (message === null) break
    print(call.out, message, after)
    count++
  }
  return count === most || (isEndless && count > 0) ? 0 : 1
}

export function iterate(end: Messages): Incoming {
  const abort = new AbortController()
  let iterator: AsyncIterator<Received> | null = null
  const receiveOne = async (options: ReceiveOptions): Promise<Received | null> => {
    const coming = iterator === null ? end.receive({ ...options, signal: abort.signal }) : null
    if (coming instanceof Promise) return coming
    iterator ??= coming![Symbol.asyncIterator]()
    const { done, value } = await iterator.next()
    return done === true ? null : value
  }
  return {
    next: async options => {
      const message = await receiveOne(options)
      return message === null || message instanceof Uint8Array ? message : message.bytes
    },
    // An end that knows no signal is closed: whoever waits there is woken.
    giveUp: () => {
      abort.abort()
      end.close()
    },
  }
}
