/** What payloads are: values in, bytes out, and back. The same for rings and for frames. */
import { types } from 'node:util'
import { IpcsupError } from '../errors.js'
import type { Codec } from './messages.js'
import { tags } from './ring/layout.js'

export const codecs = ['bytes', 'json', 'msgpack'] as const satisfies readonly Codec[]

export interface PayloadCodec {
  readonly name: Codec
  /**
   * What is sent for a value: bytes, or a string whose UTF-8 is.
   *
   * @throws IPCSUP_ERR_CODEC when there is nothing
   */
  encode(value: unknown): string | Uint8Array
  /** What a payload is marked as: a row of `tags`. */
  tagOf(encoded: string | Uint8Array): number
  /**
   * The value again, of the payload from `start` to `end`; it has no part in that memory.
   *
   * @throws IPCSUP_ERR_CODEC when it is marked as something else, or is not what it is marked as
   */
  decode(memory: Buffer, start: number, end: number, tag: number): unknown
}

/** A package is loaded only for the codec that needs it. */
export async function loadCodec(name: Codec): Promise<PayloadCodec> {
  if (name === 'bytes') return bytesCodec
  if (name === 'json') return jsonCodec
  const { createMsgpackCodec } = await import('./codec-msgpack.js')
  return createMsgpackCodec()
}

const bytesCodec: PayloadCodec = {
  name: 'bytes',
  encode: value => {
    // The first question of the two about arrays is the cheap one; the other is for those of another realm.
    if (typeof value === 'string' || value instanceof Uint8Array || types.isUint8Array(value)) return value
    throw refuse('bytes', value, 'only a string or a Uint8Array, such as a Buffer, goes as it is')
  },
  tagOf: encoded => (typeof encoded === 'string' ? tags.text : tags.bytes),
  decode: (memory, start, end, tag) => {
    if (tag === tags.text) return memory.toString('utf8', start, end)
    if (tag === tags.bytes) return copyOut(memory, start, end)
    throw refuseTag('bytes', tag)
  },
}

const jsonCodec: PayloadCodec = {
  name: 'json',
  encode: value => {
    // What JSON makes of it is an object with a number for each byte.
    if (ArrayBuffer.isView(value)) throw refuse('json', value, 'JSON has no bytes')
    return attempt('json', value, () => JSON.stringify(value) as string | undefined) ?? failNothing(value)
  },
  tagOf: () => tags.json,
  decode: (memory, start, end, tag) => {
    if (tag !== tags.json) throw refuseTag('json', tag)
    return understand('json', () => JSON.parse(memory.toString('utf8', start, end)))
  },
}

const sliceBytes = Uint8Array.prototype.slice as (this: Buffer, start: number, end: number) => Buffer

/** Up to here an array is made within V8's own memory, which is faster than Node's pool. */
const mostInside = 64

/** A copy that belongs to nobody else. */
export function copyOut(memory: Buffer, start: number, end: number): Buffer {
  if (end - start <= mostInside) return sliceBytes.call(memory, start, end)
  const copy = Buffer.allocUnsafe(end - start)
  memory.copy(copy, 0, start, end)
  return copy
}

/** Encodes by another's code, whose errors say why not. */
export function attempt<T>(codec: Codec, value: unknown, encode: () => T): T {
  try {
    return encode()
  } catch (error) {
    if (error instanceof IpcsupError) throw error
    throw refuse(codec, value, (error as Error).message)
  }
}

/** Decodes by another's code. */
export function understand<T>(codec: Codec, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    throw new IpcsupError('IPCSUP_ERR_CODEC', {
      what: 'The message',
      done: 'decoded',
      codec,
      why: (error as Error).message,
      advice: 'Its sender marked it as what it is not. Its `bytes` are as they were sent.',
    })
  }
}

export function refuse(codec: Codec, value: unknown, why: string): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_CODEC', {
    what: nameType(value),
    done: 'sent',
    codec,
    why,
    advice:
      codec === 'bytes'
        ? "Encode it, or let the link do that: `codec: 'json'` or `codec: 'msgpack'`."
        : codec === 'json' && ArrayBuffer.isView(value)
          ? "Use `codec: 'bytes'`, or `codec: 'msgpack'` for bytes inside of values."
          : 'Send what it can say.',
  })
}

export function refuseTag(codec: Codec, tag: number): IpcsupError {
  const found = Object.entries(tags).find(([, row]) => row === tag)?.[0] ?? `unknown (${tag})`
  return new IpcsupError('IPCSUP_ERR_CODEC', {
    what: 'The message',
    done: 'decoded',
    codec,
    why: `its sender marked it as ${found}`,
    advice: 'Let the sender send what the link’s `codec` says, or take its `bytes`.',
  })
}

function failNothing(value: unknown): never {
  throw refuse('json', value, 'JSON has no such value')
}

function nameType(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `A value of type ${value === null ? 'null' : typeof value}`
  return `A value of type ${value.constructor?.name ?? 'object'}`
}
