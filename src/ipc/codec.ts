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
   * The value again; it has no part in the memory where the payload lies.
   *
   * @throws IPCSUP_ERR_CODEC when it is marked as something else, or is not what it is marked as
   */
  decode(payload: Payload): unknown
}

/** What was received. Each is made only when it is asked for. */
export interface Payload {
  /** A row of `tags`. */
  readonly tag: number
  /** The bytes where they lie. */
  readonly bytes: Buffer
  /**
   * A copy of them, good until the next one is made. What is decoded is decoded from there: V8 measures text before it decodes
   * it, and another program that changes it in between would end this one.
   */
  readonly copied: Buffer
  /** The bytes as UTF-8. */
  readonly text: string
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
  decode: payload => {
    if (payload.tag === tags.bytes) return copyOut(payload.bytes)
    if (payload.tag === tags.text) return payload.text
    throw refuseTag('bytes', payload.tag)
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
  decode: payload => {
    if (payload.tag !== tags.json) throw refuseTag('json', payload.tag)
    return understand('json', () => JSON.parse(payload.text))
  },
}

/** What makes an array of Node's sort from another one, as `slice` does; to call that costs twice as much. */
const BufferCopy = (Buffer as unknown as { readonly [Symbol.species]: new (bytes: Uint8Array) => Buffer })[
  Symbol.species
]

/** Up to here an array is made within V8's own memory, which is faster than Node's pool. */
const mostInside = 64

/** A copy that belongs to nobody else. */
export function copyOut(bytes: Buffer): Buffer {
  if (bytes.length <= mostInside) return new BufferCopy(bytes)
  const copy = Buffer.allocUnsafe(bytes.length)
  copy.set(bytes)
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
