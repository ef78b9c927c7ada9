/** Frames one after another, as they are then written at once. */
import { randomBytes } from 'node:crypto'
import { checksum } from './crc.js'
import { findMagic, magicBytes } from './find-magic.js'
import { flags, header, sequenceUnit } from './layout.js'
import { applyMask } from './mask.js'

const smallest = 16 * 1024
/** What a large message needed is not kept for ever. */
const kept = 1024 ** 2

export class FrameBatch {
  private bytes = Buffer.allocUnsafeSlow(smallest)
  private view = viewOf(this.bytes)
  private readonly starts: number[] = []
  private length = 0

  /** @param writer - see `header.writer` */
  constructor(
    private readonly writer: number,
    private readonly isChecked: boolean,
  ) {}

  get size(): number {
    return this.length
  }

  /** @param size - bytes of the payload as UTF-8 or as they are */
  add(payload: string | Uint8Array, size: number, tag: number, sequence: number): void {
    const start = this.length
    const end = start + header.bytes + size
    if (end > this.bytes.length) this.grow(end)
    const { bytes, view } = this
    if (typeof payload === 'string') bytes.write(payload, start + header.bytes, size)
    else bytes.set(payload, start + header.bytes)
    // Blank until all is looked through: what is found then is not meant.
    view.setUint32(start + header.magic, 0)
    view.setUint32(start + header.length, size, true)
    view.setUint8(start + header.tag, tag)
    view.setUint8(start + header.flags, this.isChecked ? flags.checked : 0)
    view.setUint16(start + header.sequenceHigh, sequence / sequenceUnit, true)
    view.setUint32(start + header.sequenceLow, sequence % sequenceUnit, true)
    view.setUint32(start + header.writer, this.writer, true)
    view.setUint32(start + header.mask, 0)
    this.starts.push(start)
    this.length = end
  }

  /** The frames, ready to be written; until `clear` nothing else may be done with the batch. */
  finish(): Buffer {
    for (let frame = 0; frame < this.starts.length; frame++) this.seal(frame)
    for (;;) {
      const at = findMagic(this.bytes.subarray(0, this.length), 0)
      if (at === -1) break
      this.maskFrameAt(at)
    }
    const [first, second, third, fourth] = magicBytes as unknown as [number, number, number, number]
    for (const start of this.starts) {
      this.bytes[start] = first
      this.bytes[start + 1] = second
      this.bytes[start + 2] = third
      this.bytes[start + 3] = fourth
    }
    return this.bytes.subarray(0, this.length)
  }

  clear(): void {
    this.starts.length = 0
    this.length = 0
    if (this.bytes.length <= kept) return
    this.bytes = Buffer.allocUnsafeSlow(smallest)
    this.view = viewOf(this.bytes)
  }

  private endOf(frame: number): number {
    return this.starts[frame + 1] ?? this.length
  }

  private seal(frame: number): void {
    const { bytes, view } = this
    const start = this.starts[frame]!
    const payload = this.isChecked ? checksum(bytes, start + header.bytes, this.endOf(frame)) : 0
    view.setUint32(start + header.payloadCheck, payload, true)
    bytes.set(magicBytes, start)
    view.setUint32(start + header.headerCheck, checksum(bytes, start, start + header.headerCheck), true)
    view.setUint32(start, 0)
  }

  /** Whatever is in it, there is a mask with which what a frame begins with is nowhere else: most masks are. */
  private maskFrameAt(at: number): void {
    const frame = this.starts.findLastIndex(start => start <= at)
    const start = this.starts[frame]!
    const mask = randomBytes(4).readUInt32LE()
    applyMask(this.bytes, start + header.bytes, this.endOf(frame), mask)
    // On top of one that did not do.
    const before = this.view.getUint32(start + header.mask, true)
    this.view.setUint32(start + header.mask, (before ^ mask) >>> 0, true)
    this.seal(frame)
  }

  private grow(needed: number): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length))
    this.bytes.copy(bytes, 0, 0, this.length)
    this.bytes = bytes
    this.view = viewOf(bytes)
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}
