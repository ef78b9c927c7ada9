/** MessagePack, as every language reads it. */
import { Packr } from 'msgpackr'
import { attempt, type PayloadCodec, refuse, refuseTag, understand } from './codec.js'
import { tags } from './ring/layout.js'

export function createMsgpackCodec(): PayloadCodec {
  const packr = new Packr({
    // An extension of this package's own, which others do not read.
    useRecords: false,
    mapsAsObjects: true,
    encodeUndefinedAsNil: true,
    // A number where it is exact, else a bigint; its types do not know that it can.
    int64AsType: 'auto' as 'number',
    // What is decoded must not be memory that is soon another message.
    copyBuffers: true,
    writeFunction: () => failFunction(),
  })
  return {
    name: 'msgpack',
    encode: value => attempt('msgpack', value, () => packr.pack(value)),
    tagOf: () => tags.msgpack,
    decode: payload => {
      if (payload.tag !== tags.msgpack) throw refuseTag('msgpack', payload.tag)
      return understand('msgpack', () => packr.unpack(payload.copied))
    },
  }
}

function failFunction(): never {
  throw refuse('msgpack', failFunction, 'MessagePack has no functions')
}
