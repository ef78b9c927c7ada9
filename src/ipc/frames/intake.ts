/** What comes into a socket of Node's, as portions of memory that stay as they are. */
import { Socket, type SocketConstructorOpts } from 'node:net'

const slabBytes = 256 * 1024
const readBytes = 64 * 1024
const leastBytes = 16 * 1024

/**
 * Portions that come one after another lie one after another in memory where they can, so a frame in two of them need not
 * be copied. Node's own way allocates 64 KiB for each, and once paused takes another one in.
 */
export class Intake {
  /** To whom portions are given. Nothing comes before the socket is resumed. */
  sink: (portion: Buffer) => void = () => {}
  private slab = Buffer.allocUnsafeSlow(slabBytes)
  private used = 0

  /** Of a socket that this is the intake of. */
  readonly onread = {
    buffer: (): Uint8Array => this.room(),
    callback: (bytes: number, _room: Uint8Array): boolean => {
      const portion = this.slab.subarray(this.used, this.used + bytes)
      this.used += bytes
      this.sink(portion)
      return true
    },
  }

  private room(): Uint8Array {
    if (slabBytes - this.used < leastBytes) {
      this.slab = Buffer.allocUnsafeSlow(slabBytes)
      this.used = 0
    }
    return this.slab.subarray(this.used, this.used + readBytes)
  }
}

/** A socket that takes nothing in before it is resumed, and keeps no program alive. Owns the descriptor. */
export function openFrameSocket(descriptor: number, intake: Intake | null, options: SocketConstructorOpts): Socket {
  const onread = intake === null ? {} : { onread: intake.onread }
  // Node's own option for its stdin, which its documentation does not have.
  const unstarted = { manualStart: true }
  return new Socket({ fd: descriptor, ...options, ...onread, ...unstarted }).unref()
}

/** As one; without a copy where they lie one after another. */
export function joinPortions(portions: readonly Buffer[]): Buffer {
  const [first] = portions
  if (first === undefined) return nothing
  let end = first.byteOffset
  for (const { buffer, byteOffset, length } of portions) {
    if (buffer !== first.buffer || byteOffset !== end) return Buffer.concat(portions)
    end += length
  }
  return Buffer.from(first.buffer, first.byteOffset, end - first.byteOffset)
}

const nothing = Buffer.alloc(0)
