/** Lines through a unix socket, and from some time on through memory, which both sides have agreed on. */
import { nextTick } from 'node:process'
import { LineBytes } from './line-bytes.js'
import type { LineRings } from './line-rings.js'
import { createItemReader } from './lines.js'
import { RingTalk } from './ring-talk.js'
import { type RingUser, RingWay } from './ring-way.js'
import { SocketWay } from './socket-way.js'
import type { Items, Listener, ShortValue, Transport } from './transport.js'

/** So much goes at once: the other side begins with it while this one makes more. */
const promptLength = 8192
/** In memory a dozen short lines are enough while the other side has nothing else to do: both work at the same time then. */
const leastPromptLength = 192

/** @param descriptor - of a connected socket that does not block; belongs to the transport from now on. Keeps nobody alive. */
export function openTransport(descriptor: number, listener: Listener): Transport {
  return new LineTransport(descriptor, listener)
}

class LineTransport implements Transport, RingUser {
  readonly #listener: Listener
  readonly #socket: SocketWay
  readonly #talk: RingTalk
  /** null: all is at the socket. */
  #ring: RingWay | null = null
  /** Those of the other side come through memory. */
  #isIn = false
  #readItems = createItemReader(0)
  #isOpen = true
  /** What is to be sent at the socket. */
  #lines = ''
  /** What is to be sent in memory; null: the next lines go through the socket. */
  #bytes: LineBytes | null = null
  #isScheduled = false
  #onFinish: (() => void) | null = null

  constructor(descriptor: number, listener: Listener) {
    this.#listener = listener
    this.#socket = new SocketWay(descriptor, {
      onReadable: () => this.#isIn || this.onReadable(),
      onBytes: bytes => this.#hearSocket(bytes),
      onWritten: () => this.onWritten(),
      onDrain: () => this.onDrain(),
      onEnd: () => this.#endSocket(),
    })
    this.#talk = new RingTalk(descriptor, {
      say: line => this.send(line),
      ringBell: () => this.#socket.ringBell(),
      onLeave: rings => this.#leaveSocket(rings),
      onFollow: () => this.#follow(),
    })
  }

  get takesShort(): boolean {
    return this.#bytes !== null
  }

  send(lines: string): void {
    if (this.#bytes === null) this.#lines += lines
    else this.#bytes.text(lines)
    this.#flushSoon()
  }

  sendShort(number: number, name: string | null, value: ShortValue): void {
    this.#bytes!.shortLine(number, name, value)
    this.#flushSoon()
  }

  #flushSoon(): void {
    if (this.#isPrompt()) this.flush()
    if (this.#isScheduled || this.#waiting === 0) return
    this.#isScheduled = true
    // A tick that is asked for by a microtask comes when all microtasks are done: once for everything that they send.
    queueMicrotask(this.#scheduleFlush)
  }

  #isPrompt(): boolean {
    const waiting = this.#waiting
    if (waiting < leastPromptLength) return false
    return waiting > promptLength || (this.#bytes !== null && this.#ring!.isPeerIdle())
  }

  /** About so many bytes are to be sent. */
  get #waiting(): number {
    return this.#bytes === null ? this.#lines.length : this.#bytes.length
  }

  readonly #scheduleFlush = (): void => nextTick(this.#flushLater)

  readonly #flushLater = (): void => {
    this.#isScheduled = false
    this.flush()
  }

  flush(): boolean {
    if (!this.#isOpen) return true
    if (this.#waiting > 0 && !this.#isFull()) this.#write()
    return !this.#isFull() && !this.#socket.isDeaf
  }

  /** The other side looks into its ring when it has read all that was said at the socket. */
  #isFull(): boolean {
    return this.#socket.isFull || this.#ring?.isFull === true
  }

  #write(): void {
    if (this.#bytes !== null) return this.#ring!.write(this.#bytes.take())
    const lines = this.#lines
    this.#lines = ''
    this.#socket.write(lines)
  }

  async finish(): Promise<void> {
    while (!this.flush() && !this.#socket.isDeaf && this.#isOpen)
      await new Promise<void>(resolve => {
        this.#onFinish = resolve
      })
  }

  pause(): void {
    // Then the socket is still heard: the other side says there when it has made room.
    if (this.#isIn) this.#ring!.pause()
    else this.#socket.pause()
  }

  resume(): void {
    if (this.#isIn) this.#ring!.resume()
    // It may have been paused before.
    this.#socket.resume()
  }

  offerRing(): void {
    this.#talk.offer()
  }

  hearRing(said: unknown): void {
    this.#talk.hear(said)
  }

  #leaveSocket(rings: LineRings): void {
    this.#write()
    this.#ring = new RingWay(rings, this)
    this.#bytes = new LineBytes()
  }

  #follow(): void {
    this.#isIn = true
    this.#readItems = createItemReader(this.#listener.shortItems ?? 0)
    this.#ring!.begin()
  }

  #hearSocket(bytes: Buffer): void {
    if (!this.#isIn) this.onBytes(bytes)
    // What comes after the last line at the socket only wakes.
    if (this.#isIn) this.#ring!.wake()
  }

  #endSocket(): void {
    if (!this.#isIn) return this.#end(null)
    this.#socket.isDeaf = true
    // What it has published is still to be read.
    this.#ring!.finish()
  }

  isExpecting(): boolean {
    return this.#listener.isExpecting?.() === true
  }

  onReadable(): void {
    this.#listener.onReadable?.()
  }

  onWritten(): void {
    this.#listener.onWritten?.()
  }

  onDrain(): void {
    this.flush()
    if (this.#isFull()) return
    this.#onFinish?.()
    if (!this.#socket.isDeaf) this.#listener.onDrain?.()
  }

  onBytes(bytes: Buffer): void {
    let items: Items
    try {
      items = this.#readItems(bytes)
    } catch (error) {
      return this.#end(error as Error)
    }
    if (items.length > 0) this.#listener.onLines(items)
  }

  onEnd(why: Error | null): void {
    // What is to be said of that is said at the socket.
    if (why !== null) this.#bytes = null
    this.#end(why)
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
    this.#ring?.close()
    this.#talk.close()
    this.#socket.close()
    this.#onFinish?.()
  }
}
