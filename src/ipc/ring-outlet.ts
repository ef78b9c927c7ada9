/** One lane of a ring with its bells: finds room, writes, publishes in time. It never waits. */
import { IpcsupError } from '../errors.js'
import type { PayloadCodec } from './codec.js'
import { ReusedViews } from './received-message.js'
import type { RingWriter as Lane } from './ring/writer.js'
import { everybody, ring } from './ring-bells.js'

const turnEnd = Promise.resolve()

export class RingOutlet {
  /** What was reserved and is not committed yet. */
  reserved: Buffer | null = null
  isOpen = true
  isEnding = false
  private isScheduled = false
  private readonly views: ReusedViews | null

  /** @param bells - of the readers */
  constructor(
    readonly lane: Lane,
    private readonly codec: PayloadCodec,
    private readonly bells: readonly number[],
    private readonly link = 'ring',
  ) {
    this.views = ReusedViews.of(lane.bytes.length, 1)
  }

  /** @param length - of what was encoded, in bytes. Returns false: there is no room now. */
  put(encoded: string | Uint8Array, length: number): boolean {
    const at = this.findRoom(length)
    if (at < 0) return false
    const { bytes } = this.lane
    if (typeof encoded !== 'string') bytes.set(encoded, at)
    // The faster one, which is the same for ASCII.
    else if (length === encoded.length) bytes.write(encoded, at, length, 'latin1')
    else bytes.write(encoded, at, length)
    this.lane.commit(length, this.codec.tagOf(encoded))
    this.publishLater()
    return true
  }

  hold(bytes: number): boolean {
    const at = this.findRoom(bytes)
    if (at < 0) return false
    const memory = this.lane.bytes
    this.reserved = this.views?.get(0, memory, at, at + bytes) ?? memory.subarray(at, at + bytes)
    return true
  }

  /** @param bytes - default: all that was reserved */
  commit(bytes = this.reserved?.length ?? 0): void {
    const { reserved } = this
    if (reserved === null)
      throw this.misuse('committed to', 'nothing is reserved in it', 'Reserve first: a message is committed once.')
    if (!Number.isInteger(bytes) || bytes < 0 || bytes > reserved.length) {
      throw new IpcsupError('IPCSUP_ERR_VALUE_RANGE', {
        what: `Committing ${bytes} bytes`,
        why: `${reserved.length} were reserved`,
      })
    }
    this.reserved = null
    this.lane.commit(bytes, this.codec.tagOf(reserved))
    this.publishLater()
  }

  flush(): void {
    if (this.isOpen && this.lane.unpublished > 0) ring(this.bells, this.lane.publish())
  }

  /** What is wrong with the ring is told by the next call that can. */
  flushQuietly(): void {
    try {
      this.flush()
    } catch {}
  }

  /** Whoever sleeps is to see that the ring is given up. Returns the error. */
  giveUp(error: unknown): unknown {
    if (error instanceof IpcsupError && error.code === 'IPCSUP_ERR_RING_CORRUPT') ring(this.bells, everybody)
    return error
  }

  /** Of a program that mixes up the steps of a reservation. */
  misuse(what: string, why: string, advice: string): IpcsupError {
    return new IpcsupError('IPCSUP_ERR_LINK_USE', { link: this.link, what, why, advice })
  }

  private findRoom(length: number): number {
    // A reservation is at the very place that would be found.
    if (this.reserved !== null) return -1
    // Once for all that is published together: it is another's word.
    if (this.lane.unpublished === 0 && this.lane.isUnread())
      throw new IpcsupError('IPCSUP_ERR_NO_READER', { what: 'ring' })
    const at = this.lane.reserve(length)
    if (at >= 0) return at
    // Room may be what was not published yet, where the oldest makes room for the new.
    this.flush()
    return this.lane.reserve(length)
  }

  /** At the end of this turn, which is when a program that awaits something has it resolved; or now, if that is time. */
  private publishLater(): void {
    if (this.lane.isDue() || this.isEnding) return this.flush()
    if (this.isScheduled) return
    this.isScheduled = true
    void turnEnd.then(this.publishScheduled)
  }

  private readonly publishScheduled = (): void => {
    this.isScheduled = false
    this.flushQuietly()
  }
}
