/**
 * Frames out of bytes that come in any portions. What is no frame is skipped to where the next one begins, and counted:
 * each byte is looked at a bounded number of times, and nothing is allocated because a header says so.
 */
import { checksum } from './crc.js'
import { findMagic, isMagic } from './find-magic.js'
import { joinPortions } from './intake.js'
import { flags, header, magic, sequenceUnit } from './layout.js'
import { applyMask } from './mask.js'
import { WriterSequences } from './writer-sequences.js'

export interface DecoderSettings {
  /** Bytes of the largest frame, header included. */
  readonly largestFrame: number
  /** Takes no frame without a checksum. */
  readonly needsChecksum: boolean
}

const seamBytes = magic.length - 1
const nothing: Buffer = Buffer.alloc(0)

export class FrameDecoder {
  /** The payload of the frame that `next` has found is from `start` to `end` of it. */
  source: Buffer = nothing
  start = 0
  end = 0
  tag = 0
  sequence = 0
  /** Incarnations of writers, from 0, in the order in which they appeared. */
  writer = 0

  /** Frames that were begun and not finished, or whose bytes were not as they had been sent. */
  torn = 0
  /** Bytes of no frame. */
  skippedBytes = 0

  private bytes: Buffer = nothing
  private at = 0
  /** Came after `bytes` and is not enough to go on. */
  private readonly later: Buffer[] = []
  private laterBytes = 0
  /** Last bytes of what came, in which the beginning of a frame may have begun. */
  private seam: Buffer = nothing
  /** How many bytes from `at` on a frame needs that has begun; 0: not known. */
  private needed = 0
  /** The first beginning of a frame after `at` in `bytes`; -1: none before `lookedTo`. */
  private following = -1
  private lookedTo = 0
  /** What is skipped is counted already. */
  private isSkipping = false
  private readonly writers = new WriterSequences()

  constructor(private readonly settings: DecoderSettings) {}

  /** Messages that are known not to have come. */
  get missed(): number {
    return this.writers.missed
  }

  /** @param chunk - must stay as it is while payloads of it are used */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    if (this.needed > 0 && !this.isEnough(chunk)) {
      this.later.push(chunk)
      this.laterBytes += chunk.length
      return
    }
    const rest = this.bytes.subarray(this.at)
    this.bytes = rest.length + this.laterBytes === 0 ? chunk : joinPortions([rest, ...this.later, chunk])
    this.at = 0
    this.later.length = 0
    this.laterBytes = 0
    this.needed = 0
    this.following = -1
    this.lookedTo = 0
  }

  /** Finds the next frame; false: there is none yet. */
  next(): boolean {
    if (this.needed > 0) return false
    for (;;) {
      const available = this.bytes.length - this.at
      if (available < magic.length) return false
      if (!isMagic(this.bytes, this.at)) this.skip()
      else {
        this.isSkipping = false
        const following = this.findFollowing()
        const end = this.measure(following)
        if (end === 0) return false
        if (end > 0 && this.open(this.at + header.bytes, end)) {
          this.at = end
          return true
        }
        this.skip()
      }
    }
  }

  /** Nothing will come any more. */
  finish(): void {
    const left = this.bytes.length - this.at + this.laterBytes
    if (left > 0) {
      this.countTorn()
      this.skippedBytes += left
    }
    this.bytes = nothing
    this.at = 0
    this.later.length = 0
    this.laterBytes = 0
    this.needed = 0
    this.writers.finish()
  }

  /** Bytes that came and are in no frame yet. */
  get heldBytes(): number {
    return this.bytes.length - this.at + this.laterBytes
  }

  /** What came completes the frame that has begun, or shows that it will never be complete. */
  private isEnough(chunk: Buffer): boolean {
    const seam = this.seam
    this.seam = lastOf(seam, chunk)
    if (this.bytes.length - this.at + this.laterBytes + chunk.length >= this.needed) return true
    if (findMagic(chunk, 0) !== -1) return true
    return findMagic(Buffer.concat([seam, chunk.subarray(0, seamBytes)]), 0) !== -1
  }

  /** Where the frame at `at` ends; 0: that is to come; -1: it is none. */
  private measure(following: number): number {
    const { bytes, at } = this
    const available = bytes.length - at
    if (available < header.bytes) return following === -1 ? 0 : -1
    if (following !== -1 && following < at + header.bytes) return -1
    if (bytes.readUInt32LE(at + header.headerCheck) !== checksum(bytes, at, at + header.headerCheck)) return -1
    const size = header.bytes + bytes.readUInt32LE(at + header.length)
    if (size > this.settings.largestFrame) return -1
    if (following !== -1 && following < at + size) return -1
    if (available >= size) return at + size
    this.needed = size
    this.seam = lastOf(nothing, bytes.subarray(at + magic.length))
    return 0
  }

  private open(start: number, end: number): boolean {
    const { bytes, at } = this
    const isChecked = (bytes[at + header.flags]! & flags.checked) !== 0
    if (
      isChecked
        ? bytes.readUInt32LE(at + header.payloadCheck) !== checksum(bytes, start, end)
        : this.settings.needsChecksum
    )
      return false
    this.tag = bytes[at + header.tag]!
    this.sequence =
      bytes.readUInt16LE(at + header.sequenceHigh) * sequenceUnit + bytes.readUInt32LE(at + header.sequenceLow)
    this.writer = this.writers.count(bytes.readUInt32LE(at + header.writer), this.sequence)
    this.place(start, end, bytes.readUInt32LE(at + header.mask))
    return true
  }

  private place(start: number, end: number, mask: number): void {
    const isMasked = mask !== 0
    this.source = isMasked ? Buffer.from(this.bytes.subarray(start, end)) : this.bytes
    this.start = isMasked ? 0 : start
    this.end = isMasked ? end - start : end
    if (isMasked) applyMask(this.source, 0, this.end, mask)
  }

  /** Of what is behind `at`; what was looked through once is not looked through again. */
  private findFollowing(): number {
    const from = this.at + 1
    if (this.following >= from) return this.following
    this.following = findMagic(this.bytes, Math.max(from, this.lookedTo))
    this.lookedTo = this.following === -1 ? this.bytes.length : this.following
    return this.following
  }

  /** To where a frame begins, or to where one may have begun. */
  private skip(): void {
    this.countTorn()
    const following = this.findFollowing()
    const to = following === -1 ? Math.max(this.at + 1, this.bytes.length - seamBytes) : following
    this.skippedBytes += to - this.at
    this.at = to
  }

  private countTorn(): void {
    if (this.isSkipping) return
    this.isSkipping = true
    this.torn++
    this.writers.noteTorn()
  }
}

function lastOf(before: Buffer, bytes: Buffer): Buffer {
  if (bytes.length >= seamBytes) return bytes.subarray(bytes.length - seamBytes)
  const both = Buffer.concat([before, bytes])
  return both.subarray(Math.max(0, both.length - seamBytes))
}
