// A Node child that uses the child's half of a kind: "send N" sends N messages of 1,000 bytes to the link "data",
// "receive" takes all until its end and prints how many bytes came and whether they were in order, "idle" does nothing.

import { once } from 'node:events'
import { readdirSync, readlinkSync, writeSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { readHandoff } from '../../../src/ipc/handoff.js'
import type { Kind } from '../../../src/ipc/kind.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import type { MessageEndpoint } from '../../../src/ipc/message-endpoint.js'

const { kind, side, fd, options, path } = readHandoff(process.env)['data']!
const hint = path === undefined ? {} : { path }
const identify = (descriptor: number): string | null => {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    return null
  }
}
const link = identify(fd!)
const opened = await (kinds as Record<string, Kind>)[kind]!.open({ descriptor: fd!, side, hint }, options)
const isEndpoint = (end: unknown): end is MessageEndpoint => typeof end === 'object' && end !== null && 'receive' in end
const message = (number: number): Buffer => Buffer.from(`${String(number).padStart(999, '0')}\n`)

async function send(count: number): Promise<void> {
  for (let number = 1; number <= count; number++) {
    if (isEndpoint(opened)) await opened.send(message(number))
    else if (!(opened as Writable).write(message(number))) await once(opened as Writable, 'drain')
  }
  if (isEndpoint(opened)) opened.close()
  else await new Promise<void>(resolve => (opened as Writable).end(resolve))
}

async function receive(): Promise<void> {
  const chunks: Uint8Array[] = []
  const source: AsyncIterable<Uint8Array> = isEndpoint(opened) ? opened.receive() : (opened as Readable)
  for await (const chunk of source) chunks.push(chunk)
  const rows = Buffer.concat(chunks).toString('latin1').split('\n').slice(0, -1)
  const isWhole = rows.every((row, index) => row.length === 999 && Number(row) === index + 1)
  writeSync(1, `${rows.length} ${isWhole ? 'whole' : 'torn'}\n`)
  if (isEndpoint(opened)) opened.close()
}

/** How many descriptors of this process are ends of the link. */
function countOwn(): number {
  return readdirSync('/proc/self/fd').filter(own => identify(Number(own)) === link).length
}

async function closeStream(stream: Readable | Writable): Promise<void> {
  if (stream.closed) return
  const closed = once(stream, 'close')
  stream.destroy()
  await closed
}

const [action, count] = process.argv.slice(2)
if (countOwn() !== 1) throw new Error('the descriptor that was handed over is still open beside the stream')
if (action === 'send') await send(Number(count))
if (action === 'receive') await receive()
if (action !== 'idle' && !isEndpoint(opened)) await closeStream(opened as Readable | Writable)
if (action !== 'idle' && countOwn() !== 0) throw new Error('the stream did not close its descriptor')
