/**
 * Log streams to which nothing was written yet. Most stay so: they cost a watch each, and a reader (a stream of the log
 * worker, several times as large) only once there is something to read.
 */
import { closeSync } from 'node:fs'
import { countQueuedBytes, type StopWatching, watchReadable } from '../../platform/index.js'
import type { LogStream } from '../logs/logs.js'

export interface SilentStreams {
  /** Takes over the descriptor, until something is written. */
  add(stream: LogStream): void
  /** Resolves when every stream has been written to or has ended. */
  whenNone(): Promise<void>
  /** Gives up those that are left; what was written to one, and nobody has looked at yet, goes to its reader. */
  close(): void
}

/** @param onSpeech - takes over a stream that has something to read */
export function createSilentStreams(onSpeech: (stream: LogStream) => void): SilentStreams {
  const watches = new Map<LogStream, StopWatching>()
  const waiters: (() => void)[] = []

  const finish = (stream: LogStream): void => {
    watches.get(stream)!()
    watches.delete(stream)
    // Readable without a byte: its last writer is gone.
    if (countQueuedBytes(stream.descriptor) > 0) onSpeech(stream)
    else closeSync(stream.descriptor)
  }

  const wake = (stream: LogStream): void => {
    finish(stream)
    if (watches.size === 0) for (const resolve of waiters.splice(0)) resolve()
  }

  return {
    add: stream =>
      watches.set(
        stream,
        watchReadable(stream.descriptor, () => wake(stream)),
      ),
    whenNone: () => (watches.size === 0 ? Promise.resolve() : new Promise(resolve => waiters.push(resolve))),
    close: () => {
      for (const stream of [...watches.keys()]) finish(stream)
    },
  }
}
