/** Frames as a writer makes them, and what a reader makes of bytes. */
import { FrameBatch } from '../../../src/ipc/frames/batch.js'
import { FrameDecoder } from '../../../src/ipc/frames/decoder.js'
import { magic } from '../../../src/ipc/frames/layout.js'

export const magicBytes = Buffer.from(magic)
export const limit = 64 * 1024

export interface Found {
  readonly sequence: number
  readonly writer: number
  readonly tag: number
  readonly payload: Buffer
}

/** One writer's frames, one by one: numbered from `first`. */
export function encode(
  payloads: readonly (string | Uint8Array)[],
  { writer = 7, isChecked = true, first = 1 }: { writer?: number; isChecked?: boolean; first?: number } = {},
): Buffer[] {
  const batch = new FrameBatch(writer, isChecked)
  return payloads.map((payload, index) => {
    batch.add(payload, Buffer.byteLength(payload), typeof payload === 'string' ? 2 : 1, first + index)
    const frame = Buffer.from(batch.finish())
    batch.clear()
    return frame
  })
}

export function createDecoder(needsChecksum = true): FrameDecoder {
  return new FrameDecoder({ largestFrame: limit, needsChecksum })
}

/** All frames that are there by now. */
export function takeAll(decoder: FrameDecoder): Found[] {
  const found: Found[] = []
  while (decoder.next()) {
    const { sequence, writer, tag, source, start, end } = decoder
    found.push({ sequence, writer, tag, payload: Buffer.from(source.subarray(start, end)) })
  }
  return found
}

/** In portions of those sizes, again and again. */
export function decode(decoder: FrameDecoder, bytes: Buffer, sizes: readonly number[]): Found[] {
  const found: Found[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!
    const portion = bytes.subarray(at, at + size)
    // Some follow the one before in memory, others do not.
    decoder.push(turn % 3 === 1 ? Buffer.from(portion) : portion)
    at += size
    found.push(...takeAll(decoder))
  }
  decoder.finish()
  return found
}

/** The same numbers for the same seed, from 0 below `below`. */
export function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}
