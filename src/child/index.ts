/**
 * `ipcsup/child`: what a Node program under supervision may import to use its ends of links. Every end can be used
 * without it too: the environment tells its descriptor (see the page on the handoff).
 */

export type { FrameConnection, FrameReader, FrameServer, FrameWriter } from '../ipc/frames/ends.js'
export type {
  BatchOptions,
  Message,
  MessageReader,
  MessageWriter,
  ReservingWriter,
  WaitOptions,
} from '../ipc/messages.js'
export type { RingReader, RingWriter } from '../ipc/ring-end.js'
export type {
  Answer,
  Api,
  Callable,
  CallContext,
  CallOptions,
  Client,
  Method,
  MethodOptions,
  StreamAnswer,
} from '../ipc/service/api.js'
export { method } from '../ipc/service/api.js'
export type { CallingEnd, ServingEnd } from '../ipc/service/end.js'
export type { Service } from '../ipc/service/server.js'
export type { StoreReader, Transaction } from '../ipc/service/store/transaction.js'
export { link, linkNames, linksOf } from './link.js'
export { ready, status } from './notify.js'
export { client, type ServeOptions, serve } from './service.js'
export { onStop } from './stop.js'
export type { EndOf, LinkName } from './types.js'
