/** The pipes that log streams go through: one for each process and stream, for all its incarnations. */
import { closeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { createPipe, reopenPipe } from '../../platform/index.js'
import { closeUnread } from '../logs/accounts.js'
import type { LogStream, Logs } from '../logs/logs.js'
import { createSilentStreams } from './silent-streams.js'

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
 * @param load - makes the reader, once the first stream is written to
 * @param whenIdle - resolves when all processes that are to start now were spawned: they do not wait for the watching of
 *   streams, and the pipes keep what is written until then
 * @param onFailure - the reader cannot be made; then the streams stay unread
 */
export function createLogPipes(
  load: () => Logs | Promise<Logs>,
  whenIdle: () => Promise<void>,
  onFailure: (error: unknown) => void,
): LogPipes {
  const writeEnds = new Map<string, number>()
  const unwatched: LogStream[] = []
  const unread: LogStream[] = []
  const silent = createSilentStreams(stream => {
    unread.push(stream)
    void attach()
  })
  let loading: Promise<Logs | null> | null = null

  const loadReader = async (): Promise<Logs | null> => {
    try {
      return await load()
    } catch (error) {
      onFailure(error)
      return null
    }
  }

  const attach = async (): Promise<void> => {
    loading ??= loadReader()
    const logs = await loading
    if (logs) for (const stream of unread.splice(0)) logs.attach(stream)
  }

  const watch = (): void => {
    for (const stream of unwatched.splice(0)) silent.add(stream)
  }

  const make = (process: string, stream: 'stdout' | 'stderr'): number => {
    const { read, write } = createPipe()
    writeEnds.set(`${process}.${stream}`, write)
    if (unwatched.push({ process, stream, descriptor: read }) === 1)
      void Promise.race([whenIdle(), delay(longestWaitMs, undefined, { ref: false })]).then(watch)
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
      const endMs = performance.now() + deadlineMs
      for (const name of [...writeEnds.keys()]) release(name)
      watch()
      await Promise.race([silent.whenNone(), delay(deadlineMs, undefined, { ref: false })])
      silent.close()
      if (loading === null) return {}
      await attach()
      const logs = await loading
      // None, unless the reader could not be made.
      const lost = closeUnread(unread.splice(0))
      return { ...lost, ...(await logs?.close({ deadlineMs: Math.max(0, endMs - performance.now()) })) }
    },
  }
}
