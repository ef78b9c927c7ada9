/**
 * A frame, byte for byte; the same for every language. docs/frames.md says what the numbers mean.
 *
 * All numbers are unsigned and little-endian. The payload follows the header.
 */
import { tags as ringTags } from '../ring/layout.js'

/*
 * No four bytes of a header from `length` to `writer` can be the magic, whose first and last byte are above 127: the rest
 * of it depends on `mask`.
 */

/**
 * What a frame begins with, and what no writer lets appear anywhere else in one: so where it is, a frame begins. Never
 * part of UTF-8, and no end of it is a beginning of it, so none appears where one frame ends and the next begins either.
 */
export const magic = [0xf5, 0x49, 0x50, 0xd1] as const

export const header = {
  bytes: 32,
  magic: 0,
  /** Of the payload; below 2^30. */
  length: 4,
  /** What the payload is: a row of `tags`. */
  tag: 8,
  /** A sum of `flags`. */
  flags: 9,
  /** From 1, one more for each frame of that writer: divided by 2^31 (below 2^13) in two bytes, the remainder in four. */
  sequenceHigh: 10,
  sequenceLow: 12,
  /** A random number that tells one incarnation of a writer from another: each of its bytes is below 128. */
  writer: 16,
  /** CRC-32 of the payload as it is here; 0 without `flags.checked`. */
  payloadCheck: 20,
  /** Each four bytes of the payload are XORed with these; almost always 0. */
  mask: 24,
  /** CRC-32 of the 28 bytes before. */
  headerCheck: 28,
} as const

export const flags = { checked: 1 } as const

/** As in a ring. */
export const tags = {
  bytes: ringTags.bytes,
  text: ringTags.text,
  json: ringTags.json,
  msgpack: ringTags.msgpack,
} as const

/** Frames up to that size the kernel writes into a pipe all at once or not at all (PIPE_BUF). */
export const atomicBytes = 4096

/** `sequence = high * sequenceUnit + low`. */
export const sequenceUnit = 2 ** 31

export const largestLimit = 1024 ** 3
export const defaultLimit = 1024 ** 2
