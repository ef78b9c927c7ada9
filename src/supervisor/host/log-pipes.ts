/** The pipes that log streams go through: one for each process and stream, for all its incarnations. */
import { closeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { createPipe, reopenPipe } from '../../platform/index.js'
import type { LogStream, Logs } from '../logs/logs.js'

// A start of thousands takes seconds; by then a pipe may be full and its writer wait.
const longestWaitMs = 300

export interface LogPipes {
  /** A write end for a new child, with a description of its own; the caller closes it. */
  take(process: string, stream: 'stdout' | 'stderr'): number
  /** Gives up the write ends held for a process: its streams end with their last writer. */
  release(process: string): void
  /** Ends all streams and waits until they are read, at most `deadlineMs`; answers the bytes dropped, by stream. */
  close(deadlineMs: number): Promise<Readonly<Record<string, number>>>
}

/**
 * @param load - makes the reader. It is called once the host is idle, so that processes do not wait for its loading: the
 *   pipes keep what they write until then.
 * @param whenIdle - resolves when all processes that are to start now were spawned
 * @param onFailure - the reader cannot be loaded; then the streams stay unread
 */
export function createLogPipes(
  load: () => Logs | Promise<Logs>,
  whenIdle: () => Promise<void>,
  onFailure: (error: unknown) => void,
): LogPipes {
  const writeEnds = new Map<string, number>()
  let waiting: LogStream[] = []
  let loading: Promise<Logs | null> | null = null

  const loadReader = async (): Promise<Logs | null> => {
    // The worker would take the core on which the children start.
    await Promise.race([whenIdle(), delay(longestWaitMs, undefined, { ref: false })])
    try {
      return await load()
    } catch (error) {
      onFailure(error)
      return null
    }
  }

  const attachWaiting = async (): Promise<void> => {
    loading ??= loadReader()
    const logs = await loading
    if (!logs) return
    for (const stream of waiting) logs.attach(stream)
    waiting = []
  }

  const make = (process: string, stream: 'stdout' | 'stderr'): number => {
    const { read, write } = createPipe()
    waiting.push({ process, stream, descriptor: read })
    writeEnds.set(`${process}.${stream}`, write)
    void attachWaiting()
    return write
  }

  const release = (name: string): void => {
    const descriptor = writeEnds.get(name)
    if (descriptor !== undefined) closeSync(descriptor)
    writeEnds.delete(name)
  }

  return {
    take: (process, stream) =>
      reopenPipe(writeEnds.get(`${process}.${stream}`) ?? make(process, stream), 'write', { named: false }),
    release: process => {
      release(`${process}.stdout`)
      release(`${process}.stderr`)
    },
    close: async deadlineMs => {
      for (const name of [...writeEnds.keys()]) release(name)
      if (loading === null) return {}
      await attachWaiting()
      const logs = await loading
      for (const { descriptor } of waiting.splice(0)) closeSync(descriptor)
      return (await logs?.close({ deadlineMs })) ?? {}
    },
  }
}
