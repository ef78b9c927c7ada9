/** The child's half of a ring. */
import { closeSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { yieldProcessor } from '../platform/index.js'
import { loadCodec } from './codec.js'
import type { ChildEnd } from './kind.js'
import { receiveFrom } from './message-iteration.js'
import type { MessageReader, ReservingWriter } from './messages.js'
import { beginEnd } from './open-end.js'
import { RingWriter as Lane, openReader, RingMemory } from './ring/index.js'
import { type Attachment, attachRing } from './ring-attachment.js'
import { everybody, ring } from './ring-bells.js'
import { RingSender } from './ring-sender.js'
import { RingSource } from './ring-source.js'

/** The end of a process at the side `write`. */
export interface RingWriter<Value = unknown> extends ReservingWriter<Value> {
  /**
   * Messages that this writer has sent so far, over all its restarts: where one that was killed goes on. It is the
   * sequence of the last one.
   */
  readonly sent: number
}

/** The end of a process at the side `read`. */
export type RingReader<Value = unknown> = MessageReader<Value>

/**
 * @param end - its descriptor is closed; in a worker thread it stays, because that may end at any time, and the next one go on
 * @throws IPCSUP_ERR_RING_LAYOUT when it is no end of a ring, one of another version, or in use
 */
export async function openRingEnd({ descriptor, link }: ChildEnd): Promise<RingWriter | RingReader> {
  let attachment: Attachment
  try {
    attachment = await attachRing(descriptor)
  } finally {
    if (isMainThread) closeSync(descriptor)
  }
  try {
    const codec = await loadCodec(attachment.codec)
    // The first call of each function of the system aborts the program when its thread is ended in it: none is left for later.
    if (!isMainThread) yieldProcessor()
    // The last one here may have stored something, and not rung: nobody sees the death of a thread, or of a program outside.
    ring(attachment.bells, everybody)
    const memory = new RingMemory(attachment.memory, attachment.geometry, link ?? 'ring')
    return attachment.side === 'write'
      ? new RingSender(new Lane(memory, attachment.slot), codec, attachment, link)
      : makeReader(new RingSource(openReader(memory, attachment.slot), codec, attachment, link))
  } catch (error) {
    attachment.close()
    throw error
  }
}

function makeReader(source: RingSource): RingReader {
  const { close, once } = beginEnd(() => source.close())
  return {
    ...receiveFrom(source),
    get missed() {
      return source.missed
    },
    close,
    once,
  }
}
