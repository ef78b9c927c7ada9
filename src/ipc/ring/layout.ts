/**
 * Where everything is in the memory of a ring, version 1.0. The same for every language: `include/ipcsup_ring.h` and
 * `python/ipcsup_ring.py` have these numbers too, and docs/ring-layout.md says what they mean.
 *
 * All words are unsigned, 32 bits, little-endian. A position counts the bytes of a lane from its beginning, modulo 2^32;
 * the byte is at `position % capacity` of the lane. What different processes write is 128 bytes apart, because a
 * processor fetches cache lines of 64 bytes in pairs.
 */

/** What a ring looks like; all who use it must agree. */
export interface Geometry {
  /** Bytes of each lane; a power of two from 4 KiB to 1 GiB. */
  readonly capacity: number
  /** Lanes: 1 to 32. */
  readonly writers: number
  /** 1 to 32. */
  readonly readers: number
  /** `each`: every reader gets every message. `share`: each message goes to one of the readers. */
  readonly mode: 'one' | 'each' | 'share'
  /** The oldest messages make room for new ones, so no reader ever holds a writer back. Never with `share`. */
  readonly isLossy: boolean
}

export const version = { major: 1, minor: 0 } as const

/** At most that many writers, and that many readers. */
export const mostSlots = 32

/** `IPCSUPR1`, written last: before that it is no ring yet. */
export const magic = { low: 0x53435049, high: 0x31525055 } as const

/** Byte offsets in the first page. Only the host writes here, but for `poison`. */
export const header = {
  magic: 0x000,
  /** major | minor << 16 */
  version: 0x008,
  /** Where the first lane's data begins: a multiple of 4096. */
  dataStart: 0x00c,
  capacity: 0x010,
  writers: 0x014,
  readers: 0x018,
  /** mode (0 one, 1 each, 2 share) | lossy << 2 */
  flags: 0x01c,
  /** 0x01020304 */
  byteOrder: 0x020,
  /** 1: every writer is finished; what is in the lanes is all that will ever come. */
  ended: 0x040,
  /** 1: every reader is finished; nobody will ever take a message. */
  unread: 0x044,
  /** 0, or why somebody found the memory corrupt: a row of `poisons`. Whoever finds it stores it once; it never goes. */
  poison: 0x080,
  /** Rows of 16 bytes for each writer, and for each reader: see `slot`. */
  writerSlots: 0x400,
  readerSlots: 0x600,
} as const

/** A row for each writer and each reader, written by the host. */
export const slot = {
  bytes: 16,
  /** Incarnations that were given it so far. For diagnosis. */
  epoch: 0,
  /** 1 from before an incarnation is started until the host has seen its end. */
  alive: 4,
  /** 1: no incarnation will come again: its cursor holds nobody back. */
  finished: 8,
  /** FNV-1a (32 bits) of the name of its process, as UTF-8; of the one for programs outside, of ''. */
  name: 12,
} as const

export const controlStart = 0x1000

/** Control of a lane: 512 bytes, in lines of 128. */
export const lane = {
  bytes: 512,
  /** Its writer's: everything before this position is published. A record counts from the store to this word on. */
  tail: 0,
  /** Two marks (see `mark`), of which the one whose position is that of `tail` is true. */
  marks: 8,
  /** Its writer's, 64 bits in two words: messages that were not sent because there was no room (`drop-new`). */
  dropped: 32,
  /** Its writer's: how often it found no room and waited. */
  stalls: 40,
  /** Its writer's, in a lossy ring: nothing before this position is there any more. */
  oldest: 64,
  /** 0 awake, 2 asleep: its writer sets it before it sleeps; a reader that makes room clears it and rings. */
  waiting: 128,
  /** In `share` mode: 0, or the reader (from 1) that changes the three words below and the claims of this lane. */
  lock: 256,
  /** In `share` mode: everything before is acknowledged. */
  head: 260,
  /** In `share` mode: everything before was claimed. */
  next: 264,
} as const

/** A position and the 64-bit sequence of the record there: three words. Two of them alternate, so one is always whole. */
export const mark = { bytes: 12, position: 0, sequenceLow: 4, sequenceHigh: 8 } as const

/** Control of a reader: 128 bytes. */
export const reader = {
  bytes: 128,
  /** 0 busy, 1 looks again and again, 2 asleep: a writer that publishes clears it and rings. */
  waiting: 0,
} as const

/** What a reader has done in a lane: 128 bytes; lanes one after another, in each the readers. */
export const cursor = {
  bytes: 128,
  /** Everything before this position is acknowledged. */
  head: 0,
  /** As of a lane, for `head`. */
  marks: 8,
  /**
   * 64 bits in two words, and the same again at 40: messages of a lossy ring that were gone before this reader came to
   * them. The first belongs to the first mark, the second to the second: what is beside the true mark is true.
   */
  missed: 32,
  /** In `share` mode: 1 while this reader has the records from `position` to `end`. */
  claimed: 64,
  position: 68,
  end: 72,
} as const

/** Before each payload; records begin at multiples of 16. */
export const record = {
  bytes: 16,
  /** Of the payload. */
  length: 0,
  /** What the payload is: a row of `tags`. */
  tag: 4,
  sequenceLow: 8,
  sequenceHigh: 12,
  alignment: 16,
} as const

/**
 * What the payload is. `padding`: nothing, up to the end of the lane, because the next record did not fit there; it has
 * the sequence of that one, and is published together with it.
 */
export const tags = { bytes: 1, text: 2, json: 3, msgpack: 4, padding: 255 } as const

/** Why a ring was given up. */
export const poisons = {
  /** A position is where none can be. */
  position: 1,
  /** A record does not fit where it is, or is of no known sort. */
  record: 2,
  /** A record is not the next one. */
  sequence: 3,
  /** A claim of a reader is where none can be. */
  claim: 4,
} as const

export const modes = ['one', 'each', 'share'] as const

export const laneStart = (writer: number): number => controlStart + writer * lane.bytes

export const readerStart = ({ writers }: Geometry, index: number): number => laneStart(writers) + index * reader.bytes

export const cursorStart = (geometry: Geometry, writer: number, index: number): number =>
  readerStart(geometry, geometry.readers) + (writer * geometry.readers + index) * cursor.bytes

/** Where the data of lanes begin, and the size of all. */
export function measure(geometry: Geometry): { readonly dataStart: number; readonly bytes: number } {
  const dataStart = Math.ceil(cursorStart(geometry, geometry.writers, 0) / 4096) * 4096
  return { dataStart, bytes: dataStart + geometry.writers * geometry.capacity }
}

/** Largest payload. */
export const largestMessage = ({ capacity }: Pick<Geometry, 'capacity'>): number => capacity / 2 - record.bytes

export const flagsOf = ({ mode, isLossy }: Geometry): number => modes.indexOf(mode) | (isLossy ? 4 : 0)
