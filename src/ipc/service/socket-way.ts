/**
 * Bytes through the socket of a connection.
 *
 * Not by `net.Socket`: that gives up what has arrived and was not read yet as soon as a write fails. What a dead instance
 * said last is what tells which of its calls never began.
 */
import { closeSync, readSync, writeSync } from 'node:fs'
import { pollNow, type StopWatching, watchReadable, watchWritable } from '../../platform/index.js'

export interface SocketUser {
  onReadable(): void
  /** @param bytes - only good until it returns */
  onBytes(bytes: Buffer): void
  onWritten(): void
  /** All that waited was written, or nobody will read it. */
  onDrain(): void
  /** The other side has gone, and all that it said here was read. */
  onEnd(): void
}

const bufferBytes = 256 * 1024
const outBytes = 64 * 1024

/** Read into by all, one after the other: what is not a whole line is copied out of it. */
let shared: Buffer | undefined
/** The same for writing. */
let out: Buffer | undefined

/** A line without anything in it. */
const bell = Buffer.from('\n')

const isFullError = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EAGAIN'

/** A copy of what the next one to write uses again. Of the rest of something long none is made at every turn. */
const keep = (rest: Buffer): Buffer => (rest.buffer === out?.buffer ? Buffer.from(rest) : rest)

export class SocketWay {
  readonly descriptor: number
  readonly #user: SocketUser
  /** Nobody is at the other side any more; what it said before is still to be read. */
  isDeaf = false
  /** Nothing comes any more. */
  #isOver = false
  #rest: Buffer | null = null
  #reading: StopWatching | null = null
  #writing: StopWatching | null = null

  /** @param descriptor - of a connected socket that does not block; belongs to the way from now on. Keeps nobody alive. */
  constructor(descriptor: number, user: SocketUser) {
    this.descriptor = descriptor
    this.#user = user
    this.resume()
  }

  /** Something waits until there is room for it. */
  get isFull(): boolean {
    return this.#rest !== null
  }

  /** What there is no room for waits: behind what waits already. */
  write(text: string): void {
    if (this.#rest !== null) this.#rest = Buffer.concat([this.#rest, Buffer.from(text)])
    // A character is at most 3 bytes for each of its units.
    else if (text.length * 3 > outBytes) this.#write(Buffer.from(text))
    else {
      out ??= Buffer.allocUnsafeSlow(outBytes)
      this.#write(out.subarray(0, out.write(text)))
    }
  }

  /** Wakes the other side, which takes nothing of an empty line. */
  ringBell(): void {
    // Not in the middle of a line.
    if (this.#rest !== null) this.#rest = Buffer.concat([this.#rest, bell])
    else
      try {
        writeSync(this.descriptor, bell)
      } catch {
        // It is full of them, or its end is still to be seen.
      }
  }

  #write(bytes: Buffer): void {
    let written = 0
    try {
      while (written < bytes.length && !this.isDeaf) written += writeSync(this.descriptor, bytes, written)
    } catch (error) {
      if (isFullError(error)) return this.#writeLater(keep(bytes.subarray(written)))
      this.isDeaf = true
      // Its end is still to be seen.
      this.resume()
    }
    this.#user.onWritten()
  }

  #writeLater(rest: Buffer): void {
    this.#rest = rest
    this.#writing ??= watchWritable(this.descriptor, () => this.#writeOn())
    this.#writing.unref()
  }

  #writeOn(): void {
    const bytes = this.#rest!
    this.#rest = null
    this.#write(bytes)
    if (this.#rest !== null) return
    this.#user.onDrain()
    // What came in meanwhile may fill it again.
    if (this.#rest === null) this.#stopWriting()
  }

  #stopWriting(): void {
    this.#writing?.()
    this.#writing = null
  }

  pause(): void {
    if (!this.isDeaf) this.#stopReading()
  }

  #stopReading(): void {
    this.#reading?.()
    this.#reading = null
  }

  resume(): void {
    if (this.#isOver || this.#reading !== null) return
    this.#reading = watchReadable(this.descriptor, () => this.#read())
    this.#reading.unref()
  }

  #read(): void {
    this.#user.onReadable()
    shared ??= Buffer.allocUnsafeSlow(bufferBytes)
    let count: number
    try {
      count = readSync(this.descriptor, shared, 0, bufferBytes, null)
    } catch (error) {
      if (isFullError(error)) return
      count = 0
    }
    if (count === 0) return this.#end()
    this.#user.onBytes(shared.subarray(0, count))
    this.#readOnIfLeft()
  }

  #end(): void {
    this.#isOver = true
    this.#stopReading()
    this.#user.onEnd()
  }

  /** libuv tells only once that a connection has broken off, however much of what was said before is still to be read. */
  #readOnIfLeft(): void {
    if (this.#reading === null) return
    const { broken, hungUp } = pollNow(this.descriptor)
    if (broken || hungUp) setImmediate(() => this.#reading !== null && this.#read())
  }

  close(): void {
    this.#isOver = true
    this.#stopReading()
    this.#stopWriting()
    closeSync(this.descriptor)
  }
}
