// Written by scripts/generate-kinds.mjs. Do not edit: add a file beside this one and run it again.
import type { Kind } from '../kind.js'
import event from './event.js'
import fifo from './fifo.js'
import file from './file.js'
import lock from './lock.js'
import node from './node.js'
import pipe from './pipe.js'
import queue from './queue.js'
import raw from './raw.js'
import ring from './ring.js'
import semaphore from './semaphore.js'
import service from './service.js'
import shm from './shm.js'
import signal from './signal.js'
import socketpair from './socketpair.js'
import tcp from './tcp.js'
import udp from './udp.js'
import unix from './unix.js'

/** Every kind by its name, as a config says it. */
export const kinds = {
  event,
  fifo,
  file,
  lock,
  node,
  pipe,
  queue,
  raw,
  ring,
  semaphore,
  service,
  shm,
  signal,
  socketpair,
  tcp,
  udp,
  unix,
} satisfies Record<string, Kind>

export type KindName = keyof typeof kinds
