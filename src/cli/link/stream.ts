/** Bytes in, bytes out. */
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { pollNow } from '../../platform/index.js'
import { readInput } from '../input.js'
import type { Output } from '../output.js'
import type { Outcome } from '../verb.js'
import { type Action, withEnd } from './action.js'

/** A reader that is gone is noticed when something is written; while nothing comes, we look. */
const lookMs = 200

export const read: Action = {
  words: '',
  options: ['side'],
  run: use =>
    withEnd<Readable>(
      use,
      side => side.reads,
      stream => copyOut(stream, use.call.out),
    ),
}

export const write: Action = {
  words: '',
  options: ['side'],
  run: use =>
    withEnd<Writable>(
      use,
      side => side.writes,
      async stream => {
        await copyIn(stream)
        return 0
      },
    ),
}

/** To the end of the stream, or until nobody takes it any more. */
export async function copyOut(stream: Readable, out: Output): Promise<Outcome> {
  const timer = setInterval(() => {
    if (pollNow(out.descriptor).broken) stream.destroy()
  }, lookMs)
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      out.write(chunk)
      if (out.isLost) break
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  } finally {
    clearInterval(timer)
  }
  return 0
}

/**
 * All of stdin. When it resolves, the kernel has it; the stream is not ended, because that would end a socket for all who
 * have it.
 */
export async function copyIn(stream: Writable): Promise<void> {
  const broken = once(stream, 'error').then(([error]) => {
    throw error
  })
  const copied = (async () => {
    for await (const chunk of readInput()) {
      const taken = new Promise<void>((resolve, reject) => {
        stream.write(chunk, error => (error ? reject(error) : resolve()))
      })
      await taken
    }
  })()
  await Promise.race([copied, broken])
}
