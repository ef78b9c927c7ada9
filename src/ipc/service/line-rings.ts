/** Lines in memory: a ring there and a ring back. Only bytes: records may end anywhere in a line. */
import type { OwnMapping } from '../own-mapping.js'
import { openReader, type Reader, RingMemory, RingWriter } from '../ring/index.js'
import { type Geometry, largestMessage, record, tags } from '../ring/layout.js'

/** Of each of the two. */
export const lineGeometry: Geometry = { capacity: 64 * 1024, writers: 1, readers: 1, mode: 'one', isLossy: false }

/** What is larger goes in pieces, so that one can be read while the next one waits for room. */
const pieceBytes = lineGeometry.capacity / 4
/** Then the writer is told that there is room. */
const ackBytes = lineGeometry.capacity / 4

/** What was read, of all connections one after the other. */
let copied: Buffer | undefined

/** Rings of a connection, open at one side. Every method may throw IPCSUP_ERR_RING_CORRUPT; nothing is of use then. */
export class LineRings {
  readonly #writer: RingWriter
  readonly #reader: Reader
  readonly #out: RingMemory
  readonly #back: RingMemory
  readonly #mappings: readonly OwnMapping[]
  readonly #wakePeer: () => void
  #unacknowledgedBytes = 0

  /** @param wakePeer - the other side sleeps */
  constructor(out: OwnMapping, back: OwnMapping, wakePeer: () => void) {
    this.#out = new RingMemory(out.memory, lineGeometry, 'service')
    this.#back = new RingMemory(back.memory, lineGeometry, 'service')
    this.#writer = new RingWriter(this.#out, 0)
    this.#reader = openReader(this.#back, 0)
    this.#mappings = [out, back]
    this.#wakePeer = wakePeer
  }

  /** Publishes bytes. @returns what there was no room for; null: nothing. The other side tells when there is room. */
  write(bytes: Buffer): Buffer | null {
    for (let written = 0; written < bytes.length; ) {
      const piece = bytes.subarray(written, written + pieceBytes)
      const at = this.#findRoom(piece.length)
      if (at < 0) return bytes.subarray(written)
      this.#writer.bytes.set(piece, at)
      this.#publish(piece.length)
      written += piece.length
    }
    return null
  }

  #findRoom(length: number): number {
    const at = this.#writer.reserve(length)
    if (at >= 0 || this.#writer.sleep(length)) return at
    this.#writer.wake()
    // Nobody here ever says that a ring is unread: without room it would wait for a bell that nobody rings.
    if (!this.#writer.hasRoom(length)) throw this.#out.poison('position')
    return this.#writer.reserve(length)
  }

  #publish(length: number): void {
    this.#writer.commit(length, tags.text)
    if (this.#writer.publish() !== 0) this.#wakePeer()
  }

  /** Is there anything to read? */
  hasNext(): boolean {
    return this.#reader.hasNext()
  }

  /** The next bytes, which are only good until this is called again, for any connection. After `hasNext`. */
  read(): Buffer {
    this.#reader.next()
    const { source, offset, length } = this.#reader
    // A record without bytes needs room, too.
    this.#unacknowledgedBytes += record.bytes + length
    // A writer that goes on writing where it has published: V8, which counts the characters first, would crash on that.
    copied ??= Buffer.allocUnsafeSlow(largestMessage(lineGeometry))
    source.copy(copied, 0, offset, offset + length)
    return copied.subarray(0, length)
  }

  /** What was read was dealt with. The other side is told when that is worth while, or now. */
  acknowledge(now: boolean): void {
    if (!now && this.#unacknowledgedBytes < ackBytes) return
    this.#unacknowledgedBytes = 0
    if (this.#reader.ackAll() !== 0) this.#wakePeer()
  }

  /** Has the other side read all there is, and waits for more? */
  isPeerIdle(): boolean {
    return this.#writer.isReaderWaiting()
  }

  /** From now on the other side sees that this one waits. */
  watch(): void {
    this.#reader.watch()
  }

  /** From now on the other side wakes this one when it has written. false: it has already. */
  sleep(): boolean {
    if (this.#reader.sleep()) return true
    // Nor does anybody here ever say that a ring has ended: who believed it would look again for ever.
    if (!this.#reader.hasNext()) throw this.#back.poison('position')
    return false
  }

  /** It need not. */
  wake(): void {
    this.#reader.wake()
  }

  close(): void {
    // Somebody may be in the middle of a look at it.
    setImmediate(() => {
      for (const mapping of this.#mappings) mapping.unmap()
    })
  }
}
