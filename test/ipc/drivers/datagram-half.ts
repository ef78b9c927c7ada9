// A Node child that uses the child's half of a bound socket, or of one that sends there: "send TEXT…" sends each, "receive N"
// prints N, "idle" only opens its end and goes.

import type { Socket } from 'node:dgram'
import { writeSync } from 'node:fs'
import { link } from '../../../src/child/index.js'
import type { MessageEndpoint } from '../../../src/ipc/message-endpoint.js'
import type { RawSocket } from '../../../src/ipc/raw-end.js'

type Data = Socket | RawSocket | MessageEndpoint
const data = (await link('data')) as Data
const [action, ...words] = process.argv.slice(2)
/** Where what a raw socket sends comes back to itself. */
const loopback = process.env['LOOPBACK']!

async function send(text: string): Promise<void> {
  const bytes = Buffer.from(text)
  if ('receive' in data)
    return loopback ? (data as RawSocket).send(bytes, loopback) : (data as MessageEndpoint).send(bytes)
  await new Promise<void>((resolve, reject) => data.send(bytes, failure => (failure ? reject(failure) : resolve())))
}

async function* receive(): AsyncGenerator<Uint8Array> {
  if ('receive' in data) {
    for await (const received of data.receive()) yield received instanceof Uint8Array ? received : received.bytes
  } else {
    for (;;) yield await new Promise<Uint8Array>(resolve => data.once('message', resolve))
  }
}

const actions = {
  send: async () => {
    for (const text of words) await send(text)
  },
  receive: async () => {
    let left = Number(words[0])
    for await (const bytes of receive()) {
      // What is sent are letters; the header of IP before them, if any, ends in an address, which has none.
      writeSync(1, `${/[a-z]*$/.exec(Buffer.from(bytes).toString('latin1'))![0]}\n`)
      if (--left === 0) break
    }
  },
  idle: async () => {},
}
await actions[action as keyof typeof actions]()
if (action !== 'idle') data.close()
