/** Reading log files while they grow and rotate, told by the kernel (inotify) when there is something: no polling. */
import { closeSync, type FSWatcher, statSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { IpcsupError } from '../../errors.js'
import type { LogFile } from '../controls.js'
import { closeGenerations, type Generation, isSame, openGenerations, readBlock } from './generations.js'
import type { LogPosition, LogTail } from './read.js'

export interface FollowOptions {
  /** Go on where these ended, without a gap; default: from the end that each file has now. */
  readonly from?: readonly LogTail[]
}

/** Is waited for, so that a slow printer holds back the reading. */
export type OnLogChunk = (file: LogFile, bytes: Buffer) => void | Promise<void>

/**
 * Gives what is appended to the logs, in order for each, until `signal` is aborted; then it resolves. A log that does
 * not exist yet is followed from its first byte. Of a log that rotates faster than it is read whole files may be missed.
 *
 * @throws IPCSUP_ERR_SYSTEM when a file cannot be read, or inotify has no more watches
 */
export async function followLogs(
  files: readonly LogFile[],
  onChunk: OnLogChunk,
  signal: AbortSignal,
  { from }: FollowOptions = {},
): Promise<void> {
  // Watched before the first look: what comes between the two is not missed.
  const changes = watchLogs(files)
  const followed = files.map(file => new FollowedLog(file, startOf(file, from)))
  const stop = () => changes.wake()
  signal.addEventListener('abort', stop)
  try {
    while (!signal.aborted) {
      for (const log of followed) {
        if (changes.take(log.file)) await log.readOn(onChunk, signal)
      }
      await changes.next()
    }
  } finally {
    signal.removeEventListener('abort', stop)
    changes.close()
    for (const log of followed) log.close()
  }
}

function startOf(file: LogFile, from: readonly LogTail[] | undefined): LogPosition | null {
  const tail = from?.find(({ file: { path } }) => path === file.path)
  if (tail !== undefined) return tail.position
  const generations = openGenerations(file.path)
  closeGenerations(generations)
  const newest = generations[0]
  return newest === undefined ? null : { device: newest.device, inode: newest.inode, offset: newest.sizeBytes }
}

class FollowedLog {
  readonly file: LogFile
  readonly #start: LogPosition | null
  #current: Generation | null = null
  #offset = 0

  constructor(file: LogFile, start: LogPosition | null) {
    this.file = file
    this.#start = start
  }

  async readOn(onChunk: OnLogChunk, signal: AbortSignal): Promise<void> {
    if (this.#current === null) this.#begin()
    for (let isMore = true; isMore && !signal.aborted; ) {
      // Asked before reading: a file is written until it is renamed, so only the end found after that is its end.
      const wasNewest = this.#isNewest()
      await this.#readToEnd(onChunk, signal)
      isMore = !wasNewest && !signal.aborted && this.#moveOn()
    }
  }

  close(): void {
    if (this.#current !== null) closeSync(this.#current.descriptor)
    this.#current = null
  }

  #begin(): void {
    const start = this.#start
    const generations = openGenerations(this.file.path)
    const known = start === null ? undefined : generations.find(generation => isSame(generation, start))
    this.#enter(known ?? generations.at(-1), generations, known === undefined ? 0 : start!.offset)
  }

  /** To the next newer file, if there is one. */
  #moveOn(): boolean {
    const generations = openGenerations(this.file.path)
    const place = generations.findIndex(generation => this.#current !== null && isSame(generation, this.#current))
    // Not found: it was rotated away, and the oldest that is left comes next.
    const next = place === -1 ? generations.at(-1) : generations[place - 1]
    if (next === undefined) {
      closeGenerations(generations)
      return false
    }
    this.close()
    this.#enter(next, generations, 0)
    return true
  }

  #enter(next: Generation | undefined, generations: readonly Generation[], offset: number): void {
    closeGenerations(generations.filter(generation => generation !== next))
    this.#current = next ?? null
    this.#offset = offset
  }

  async #readToEnd(onChunk: OnLogChunk, signal: AbortSignal): Promise<void> {
    while (this.#current !== null && !signal.aborted) {
      const bytes = readBlock(this.#current.descriptor, this.#offset)
      if (bytes.length === 0) return
      this.#offset += bytes.length
      await onChunk(this.file, bytes)
    }
  }

  #isNewest(): boolean {
    const found = statSync(this.file.path, { throwIfNoEntry: false })
    return (
      found !== undefined && this.#current !== null && isSame({ device: found.dev, inode: found.ino }, this.#current)
    )
  }
}

interface Changes {
  /** Resolves when `take` may say true again, or on `wake`. */
  next(): Promise<void>
  wake(): void
  /** Whether something happened to the log since it was last asked; the first time, yes. */
  take(file: LogFile): boolean
  close(): void
}

function watchLogs(files: readonly LogFile[]): Changes {
  const changed = new Set(files.map(file => basename(file.path)))
  let isAwake = false
  let resume = () => {}
  const wake = () => {
    isAwake = true
    resume()
  }
  const note = (name: string | null) => {
    for (const file of name === null ? files.map(({ path }) => basename(path)) : [name]) changed.add(file)
    wake()
  }
  const closers = [...new Set(files.map(file => dirname(file.path)))].map(directory => watchDirectory(directory, note))
  return {
    async next() {
      if (!isAwake) await new Promise<void>(resolve => (resume = resolve))
      isAwake = false
    },
    wake,
    take: file => changed.delete(basename(file.path)),
    close: () => closers.forEach(close => void close()),
  }
}

/** Tells names of what happens in `directory`; null: anything may have. Until it exists, its nearest ancestor is watched. */
function watchDirectory(directory: string, note: (name: string | null) => void): () => void {
  let watcher: FSWatcher
  const begin = (): void => {
    const target = nearestExisting(directory)
    watcher = startWatch(target, name => (target === directory ? note(name) : beginAgain()))
    // Made between the look and the watch.
    if (nearestExisting(directory) !== target) beginAgain()
  }
  const beginAgain = (): void => {
    watcher.close()
    begin()
    note(null)
  }
  begin()
  return () => watcher.close()
}

function nearestExisting(directory: string): string {
  return statSync(directory, { throwIfNoEntry: false }) === undefined ? nearestExisting(dirname(directory)) : directory
}

function startWatch(target: string, listener: (name: string | null) => void): FSWatcher {
  try {
    return watch(target, (_event, name) => listener(name))
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    const detail = { what: `Watching ${target}`, call: syscall ?? 'inotify', errno: code ?? 'unknown' }
    throw new IpcsupError('IPCSUP_ERR_SYSTEM', detail, { cause: error })
  }
}
