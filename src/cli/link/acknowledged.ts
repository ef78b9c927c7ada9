/** Messages that stay until who reads them acknowledges them. */
import { isUtf8 } from 'node:buffer'
import { setTimeout as wait } from 'node:timers/promises'
import { IpcsupError } from '../../errors.js'
import type { Codec, Message, MessageReader, MessageWriter } from '../../ipc/messages.js'
import { type Outcome, wrongUsage } from '../verb.js'
import { type Action, readTimeout, type Use, withEnd } from './action.js'
import { type Incoming, receiveAll, sendAll } from './messages.js'

export const send: Action = {
  words: '[text…]',
  options: ['side', 'timeout', 'null', 'raw'],
  run: use =>
    inTurn(use, () =>
      withEnd<MessageWriter>(
        use,
        side => side.writes,
        end =>
          sendAll(use, {
            send: async (message, options) => {
              if (!(await end.send(toValue(use, message), options ?? {}))) throw dropped(use)
            },
            close: () => end.close(),
          }),
      ),
    ),
}

export const receive: Action = {
  words: '',
  options: ['side', 'timeout', 'count', 'all', 'null', 'raw'],
  run: use =>
    inTurn(use, () =>
      withEnd<MessageReader>(
        use,
        side => side.reads,
        async end => {
          const { next, giveUp } = acknowledgePrinted(use, end)
          const outcome = await receiveAll(use, { next, giveUp })
          if (use.call.out.isLost !== true) end.ack()
          return outcome
        },
      ),
    ),
}

const busyMs = 20

/** Programs outside have one place for all of them: who finds it taken waits, as long as `--timeout` says. */
async function inTurn(use: Use, act: () => Promise<Outcome>): Promise<Outcome> {
  const deadlineMs = performance.now() + (readTimeout(use.call) ?? Number.POSITIVE_INFINITY)
  for (;;) {
    try {
      return await act()
    } catch (error) {
      const isBusy = error instanceof IpcsupError && error.detail['errno'] === 'EBUSY'
      // The end that a process inherited is its own.
      if (!isBusy || use.access.own !== null) throw error
      if (performance.now() > deadlineMs) return 1
      await wait(busyMs)
    }
  }
}

/** A message is acknowledged once it is printed: when the next one is asked for. */
function acknowledgePrinted(use: Use, end: MessageReader): Incoming {
  const abort = new AbortController()
  return {
    next: async () => {
      end.ack()
      const message = await end.receive({ signal: abort.signal })
      return message === null ? null : toBytes(use, message)
    },
    giveUp: () => abort.abort(),
  }
}

const codecOf = ({ access }: Use): Codec => access.options['codec'] as Codec

/** What is no text (UTF-8), or is meant raw, goes as bytes; where values are sent, all of it is JSON. */
function toValue(use: Use, message: Uint8Array): unknown {
  if (codecOf(use) === 'bytes')
    return use.call.options.raw === true || !isUtf8(message) ? message : Buffer.from(message).toString()
  const text = Buffer.from(message).toString()
  try {
    return JSON.parse(text)
  } catch {
    const what = `Messages of link "${use.access.name}" are values: write them as JSON`
    throw wrongUsage(use.call, `${what}, such as '{"size": 3}' or '"text"', got '${text.slice(0, 60)}'.`)
  }
}

function toBytes(use: Use, message: Message): Uint8Array {
  return codecOf(use) === 'msgpack' ? Buffer.from(JSON.stringify(message.value)) : message.bytes
}

function dropped({ access }: Use): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_LINK_USE', {
    link: access.name,
    what: 'used',
    why: 'there is no room for the message, and it says `full: "drop-new"`',
    advice: 'See `ipcsup status` for who does not read.',
  })
}
