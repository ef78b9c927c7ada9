/**
 * One log stream: from the pipe of a process into its file and onto the screen.
 *
 * A stream is read only when both have taken all that was read before. So a full disk or a terminal that nobody reads
 * fills the pipe, and the process waits in its write: memory stays as it is, nothing is lost.
 */
import { readSync } from 'node:fs'
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net'
import { type LogFileOptions, LogFileWriter, type Trouble } from './file.js'
import { LineSplitter } from './lines.js'
import type { LogStream } from './logs.js'
import type { LineSource, Screen } from './screen.js'
import type { StreamAccount } from './stream-account.js'

export interface FlowingStreamOptions {
  readonly source: LogStream
  readonly account: StreamAccount
  readonly file: LogFileOptions
  readonly screen: Screen | null
  /** What is read goes here first; shared by all streams, because each is done with it before the next is read. */
  readonly buffer: Buffer
  /** The file began or ceased to take bytes. */
  readonly onTrouble: (trouble: Trouble | null) => void
  /** Something is kept that needs `tick`. */
  readonly onKept: () => void
  /** Every writer is gone and all bytes are where they belong; the descriptors are closed. */
  readonly onDone: () => void
}

// The most that a pipe holds, unless an administrator raised it (fs.pipe-max-size).
const pipeLimitBytes = 1_048_576

export class FlowingStream {
  readonly #options: FlowingStreamOptions
  readonly #file: LogFileWriter
  readonly #lines: LineSource
  readonly #socket: Socket
  #unshown: Buffer | null = null
  #shownTo = 0
  #hasNews = false
  #isPaused = false
  #isEnded = false
  #isDone = false
  #trouble: Trouble | null = null

  constructor(options: FlowingStreamOptions) {
    this.#options = options
    const { process, stream, descriptor } = options.source
    options.account.take()
    this.#file = new LogFileWriter(options.file)
    this.#lines = { process, stream, splitter: new LineSplitter(options.file.lineLimitBytes) }
    const socketOptions: SocketConstructorOpts & { readonly onread: OnReadOpts } = {
      fd: descriptor,
      readable: true,
      writable: false,
      onread: { buffer: options.buffer, callback: length => this.#take(options.buffer.subarray(0, length)) },
    }
    this.#socket = new Socket(socketOptions)
    // A pipe that cannot be read is at its end; 'close' follows.
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => this.#end())
  }

  /** To be called each second while it says true: bytes are kept that time alone moves on. */
  tick(): boolean {
    const isQuiet = !this.#hasNews
    this.#hasNews = false
    if (isQuiet || this.#file.trouble !== null) this.#writeKept()
    if (isQuiet && this.#unshown === null) this.#options.screen?.showUnfinished(this.#lines, this.#isEnded)
    this.#goOn()
    return this.#needsTick
  }

  /**
   * Ends the reading now. What is in the pipe is still written to the file.
   *
   * @returns bytes that could not be written
   */
  abandon(): number {
    if (this.#isDone) return 0
    this.#socket.pause()
    this.#writeKept()
    const unwritten = this.#isEnded ? 0 : this.#readRest()
    this.#writeKept()
    const droppedBytes = unwritten + this.#file.keptBytes
    this.#finish()
    return droppedBytes
  }

  /** Answers whether to read on: what onread wants to know. */
  #take(chunk: Buffer): boolean {
    this.#hasNews = true
    this.#write(chunk)
    this.#reportTrouble()
    this.#show(chunk)
    if (this.#needsTick) this.#options.onKept()
    this.#isPaused = !this.#isFree
    return this.#isFree
  }

  get #isFree(): boolean {
    return this.#file.trouble === null && this.#unshown === null
  }

  get #needsTick(): boolean {
    if (this.#isDone) return false
    return this.#file.keptBytes > 0 || (this.#options.screen !== null && this.#lines.splitter.hasUnfinished)
  }

  #show(chunk: Buffer): void {
    const { screen } = this.#options
    if (screen === null) return
    const shownTo = screen.show(this.#lines, chunk, 0)
    if (shownTo === chunk.length) return
    this.#unshown = Buffer.from(chunk.subarray(shownTo))
    this.#shownTo = 0
    screen.waitFor(this.#showOn)
  }

  readonly #showOn = (): void => {
    const { screen } = this.#options
    if (screen === null) return
    if (this.#unshown !== null) {
      this.#shownTo = screen.show(this.#lines, this.#unshown, this.#shownTo)
      if (this.#shownTo < this.#unshown.length) return screen.waitFor(this.#showOn)
      this.#unshown = null
      if (this.#needsTick) this.#options.onKept()
    }
    this.#goOn()
  }

  #end(): void {
    if (this.#isDone) return
    this.#isEnded = true
    this.#writeKept()
    this.#goOn()
  }

  /** Reads on, or finishes, if nothing is in the way. */
  #goOn(): void {
    if (this.#isDone || !this.#isFree) return
    if (!this.#isEnded) return this.#readOn()
    const { screen } = this.#options
    if (screen === null || screen.showUnfinished(this.#lines, true)) this.#finish()
    else screen.waitFor(this.#showOn)
  }

  #readOn(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#socket.resume()
  }

  #write(bytes: Buffer): void {
    const { account } = this.#options
    // Before: the write may never return.
    account.hold(this.#file.keptBytes + bytes.length)
    this.#file.write(bytes)
    account.hold(this.#file.keptBytes)
  }

  #writeKept(): void {
    this.#file.flush()
    this.#options.account.hold(this.#file.keptBytes)
    this.#reportTrouble()
  }

  #reportTrouble(): void {
    const { trouble } = this.#file
    if (trouble?.why !== this.#trouble?.why) this.#options.onTrouble(trouble)
    this.#trouble = trouble
  }

  /** Bytes read from the pipe that the file did not take. */
  #readRest(): number {
    let unwrittenBytes = 0
    for (let readBytes = 0; readBytes < pipeLimitBytes; ) {
      const length = readNow(this.#options.source.descriptor, this.#options.buffer)
      if (length === 0) break
      readBytes += length
      if (this.#file.trouble === null) this.#write(this.#options.buffer.subarray(0, length))
      else unwrittenBytes += length
    }
    return unwrittenBytes
  }

  #finish(): void {
    this.#isDone = true
    this.#options.account.finish()
    this.#socket.destroy()
    this.#file.close()
    if (this.#trouble !== null) this.#options.onTrouble(null)
    this.#options.onDone()
  }
}

/** 0: nothing there now, or the end. */
function readNow(descriptor: number, buffer: Buffer): number {
  try {
    return readSync(descriptor, buffer)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
    throw error
  }
}
