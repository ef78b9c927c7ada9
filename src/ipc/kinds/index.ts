// Written by scripts/generate-kinds.mjs. Do not edit: add a file beside this one and run it again.
import type { Kind } from '../kind.js'
import fifo from './fifo.js'
import pipe from './pipe.js'
import socketpair from './socketpair.js'

/** Every kind by its name, as a config says it. */
export const kinds = { fifo, pipe, socketpair } satisfies Record<string, Kind>

export type KindName = keyof typeof kinds
