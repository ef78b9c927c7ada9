/** What a message that lies in memory of others is decoded from. */
import { expect, test } from 'vitest'
import { loadCodec } from '../../src/ipc/codec.js'
import type { Codec } from '../../src/ipc/messages.js'
import { ReceivedMessage } from '../../src/ipc/received-message.js'
import { tags } from '../../src/ipc/ring/layout.js'

/** Decoders use these of the memory that they decode. */
const decoding = ['toString', 'utf8Slice', 'latin1Slice', 'asciiSlice', 'dataView'] as const

/** Memory of a ring: whoever decodes from it meets text that changes under V8's hands. */
function guard(memory: Buffer): Buffer {
  const fail = (): never => {
    throw new Error('decoded where it lies')
  }
  for (const name of decoding) Object.defineProperty(memory, name, { get: fail })
  const subarray = (start: number, end: number): Buffer => guard(Buffer.prototype.subarray.call(memory, start, end))
  return Object.defineProperty(memory, 'subarray', { value: subarray })
}

async function receive(codec: Codec, tag: number, value: unknown): Promise<ReceivedMessage> {
  const { encode } = await loadCodec(codec)
  const payload = Buffer.from(encode(value) as Uint8Array)
  const memory = guard(Buffer.concat([Buffer.alloc(16), payload, Buffer.alloc(16)]))
  return new ReceivedMessage(await loadCodec(codec), memory, 16, 16 + payload.length, tag, 1, 0)
}

const large = 'ü'.repeat(2 ** 20)

test.for([
  ['bytes', tags.text, 'Grüße'],
  ['bytes', tags.text, ''],
  ['bytes', tags.text, large],
  ['json', tags.json, { name: 'ü', list: [1, 2] }],
  ['json', tags.json, large],
  ['msgpack', tags.msgpack, { name: 'ü', list: [1, 2.5] }],
  ['msgpack', tags.msgpack, large],
] as const)('a value of codec %s (tag %i) is decoded from a copy', async ([codec, tag, value]) => {
  const message = await receive(codec, tag, value)
  expect(message.value).toEqual(value)
  // Again, and after another one of the same length.
  await receive(codec, tag, value).then(other => other.value)
  expect(message.value).toEqual(value)
})
