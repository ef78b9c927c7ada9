/**
 * Lines between two programs. What carries them is behind an interface, so that it can be a unix socket or something
 * faster.
 *
 * Not by `net.Socket`: that gives up what has arrived and was not read yet as soon as a write fails. What a dead instance
 * said last is what tells which of its calls never began.
 */
import { closeSync, readSync, writeSync } from 'node:fs'
import { nextTick } from 'node:process'
import { pollNow, type StopWatching, watchReadable, watchWritable } from '../../platform/index.js'
import { createLineReader } from './wire.js'

/** One JSON object. */
export type Received = Readonly<Record<string, unknown>>

export interface Listener {
  /** Lines that arrived together. */
  onLines(lines: readonly Received[]): void
  /** All that waited has been written. */
  onDrain?(): void
  /** About to read, and having written: places for tests. */
  onReadable?(): void
  onWritten?(): void
  /** Once, at the end, unless it was closed here: nothing comes any more. `why`: what was wrong with a line. */
  onEnd(why: Error | null): void
}

export interface Transport {
  /** Takes lines with their ends. All of one turn of the program go together, at its end. */
  send(lines: string): void
  /** Writes what was taken, now. true: all of it is where the other side can read it, whatever happens to this one. */
  flush(): boolean
  /** Resolves when all is written, or nobody is there to read it. */
  finish(): Promise<void>
  /** Reads no more, for the time being. */
  pause(): void
  resume(): void
  /** Nobody is told. What was not written is lost. */
  close(): void
}

const bufferBytes = 256 * 1024
const outBytes = 64 * 1024

/** So much goes at once: the other side begins with it while this one makes more. */
const promptLength = 8192

const isFull = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EAGAIN'

/** A copy of what the next one to write uses again. Of the rest of something long none is made at every turn. */
const keep = (rest: Buffer): Buffer => (rest.buffer === out?.buffer ? Buffer.from(rest) : rest)

/** Read into by all, one after the other: what is not a whole line is copied out of it. */
let shared: Buffer | undefined
/** The same for writing. */
let out: Buffer | undefined

/** @param descriptor - of a connected socket that does not block; belongs to the transport from now on. Keeps nobody alive. */
export function openTransport(descriptor: number, listener: Listener): Transport {
  return new SocketTransport(descriptor, listener)
}

class SocketTransport implements Transport {
  readonly #descriptor: number
  readonly #listener: Listener
  readonly #readLines = createLineReader()
  #isOpen = true
  /** Nobody is at the other side any more; what it said before is still to be read. */
  #isDeaf = false
  #lines = ''
  #isScheduled = false
  #rest: Buffer | null = null
  #reading: StopWatching | null = null
  #writing: StopWatching | null = null
  #onFinish: (() => void) | null = null

  constructor(descriptor: number, listener: Listener) {
    this.#descriptor = descriptor
    this.#listener = listener
    this.resume()
  }

  send(lines: string): void {
    this.#lines += lines
    if (this.#lines.length > promptLength && this.#rest === null) this.flush()
    if (this.#isScheduled || this.#lines === '') return
    this.#isScheduled = true
    // A tick that is asked for by a microtask comes when all microtasks are done: once for everything that they send.
    queueMicrotask(this.#scheduleFlush)
  }

  readonly #scheduleFlush = (): void => nextTick(this.#flushLater)

  readonly #flushLater = (): void => {
    this.#isScheduled = false
    this.flush()
  }

  flush(): boolean {
    if (this.#rest !== null) return false
    if (this.#lines === '' || !this.#isOpen) return true
    const lines = this.#lines
    this.#lines = ''
    // A character is at most 3 bytes for each of its units.
    if (lines.length * 3 > outBytes) return this.#write(Buffer.from(lines))
    out ??= Buffer.allocUnsafeSlow(outBytes)
    return this.#write(out.subarray(0, out.write(lines)))
  }

  #write(bytes: Buffer): boolean {
    let written = 0
    try {
      while (written < bytes.length && !this.#isDeaf) written += writeSync(this.#descriptor, bytes, written)
    } catch (error) {
      if (isFull(error)) return this.#writeLater(keep(bytes.subarray(written)))
      this.#isDeaf = true
      // Its end is still to be seen.
      this.resume()
    }
    this.#listener.onWritten?.()
    return !this.#isDeaf
  }

  #writeLater(rest: Buffer): false {
    this.#rest = rest
    this.#writing ??= watchWritable(this.#descriptor, () => {
      const bytes = this.#rest!
      this.#rest = null
      if (!this.#write(bytes) && this.#rest !== null) return
      // What came in meanwhile may fill it again.
      if (!this.flush() && this.#rest !== null) return
      this.#writing?.()
      this.#writing = null
      this.#onFinish?.()
      if (!this.#isDeaf) this.#listener.onDrain?.()
    })
    this.#writing.unref()
    return false
  }

  async finish(): Promise<void> {
    while (!this.flush() && !this.#isDeaf && this.#isOpen)
      await new Promise<void>(resolve => {
        this.#onFinish = resolve
      })
  }

  pause(): void {
    if (this.#isDeaf) return
    this.#reading?.()
    this.#reading = null
  }

  resume(): void {
    if (!this.#isOpen || this.#reading !== null) return
    this.#reading = watchReadable(this.#descriptor, () => this.#read())
    this.#reading.unref()
  }

  #read(): void {
    this.#listener.onReadable?.()
    shared ??= Buffer.allocUnsafeSlow(bufferBytes)
    let count: number
    try {
      count = readSync(this.#descriptor, shared, 0, bufferBytes, null)
    } catch (error) {
      if (isFull(error)) return
      count = 0
    }
    if (count === 0) return this.#end(null)
    let lines: readonly Received[]
    try {
      lines = this.#readLines(shared.subarray(0, count))
    } catch (error) {
      return this.#end(error as Error)
    }
    if (lines.length > 0) this.#listener.onLines(lines)
    this.#readOnIfLeft()
  }

  /** libuv tells only once that a connection has broken off, however much of what was said before is still to be read. */
  #readOnIfLeft(): void {
    if (!this.#isOpen || this.#reading === null) return
    const { broken, hungUp } = pollNow(this.#descriptor)
    if (broken || hungUp) setImmediate(() => this.#reading !== null && this.#read())
  }

  #end(why: Error | null): void {
    if (!this.#isOpen) return
    // Whoever sends nonsense is told so before the connection ends.
    this.#listener.onEnd(why)
    this.flush()
    this.close()
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#reading?.()
    this.#reading = null
    this.#writing?.()
    this.#writing = null
    this.#onFinish?.()
    closeSync(this.#descriptor)
  }
}
