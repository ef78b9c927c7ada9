/** Datagrams to a bound socket, and those that come there. */
import { closeSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { receiveMessage } from '../../platform/index.js'
import { type Action, chooseSide, explainBreaks, withEnd } from './action.js'
import { type Incoming, receiveAll, sendAll } from './messages.js'

/** Node's own socket calls back; those of ours resolve. */
interface Sender {
  send(message: Uint8Array, done?: (error: Error | null) => void): Promise<void> | void
  close(): void
}

export const send: Action = {
  words: '[text…]',
  options: ['side', 'timeout', 'null', 'raw'],
  run: use =>
    withEnd<Sender>(
      use,
      side => !side.listens,
      end =>
        sendAll(use, {
          close: () => end.close(),
          send: message =>
            new Promise((resolve, reject) => {
              const sent = end.send(message, error => (error ? reject(error) : resolve()))
              if (sent instanceof Promise) sent.then(resolve, reject)
            }),
        }),
    ),
}

export const receive: Action = {
  words: '',
  options: ['side', 'timeout', 'count', 'all', 'null', 'raw'],
  run: async use => {
    const side = chooseSide(use, ({ listens }) => listens)
    return explainBreaks(use, async () => {
      const { descriptor } = await use.access.take(side)
      try {
        return await receiveAll(use, receiveFrom(descriptor))
      } finally {
        closeSync(descriptor)
      }
    })
  },
}

const lookMs = 5

/**
 * One datagram at a time: Node's socket would take all that have come, and drop what was not asked for. It looks again and
 * again, since to wait in the event loop makes the socket non-blocking, for the server that shares it too.
 */
function receiveFrom(descriptor: number): Incoming {
  let isOver = false
  return {
    next: async () => {
      while (!isOver) {
        const message = receiveMessage(descriptor)
        if (message !== null) return message
        await wait(lookMs)
      }
      return null
    },
    giveUp: () => {
      isOver = true
    },
  }
}
