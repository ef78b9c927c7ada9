/** How a ring stands, for status and graph. */
import { readSync } from 'node:fs'
import type { LinkFacts, ReaderLag } from './facts.js'
import { type Geometry, header, measure, record } from './ring/layout.js'
import { explanations } from './ring/memory.js'
import { distance, type LaneState, type RingControl, type RingSnapshot } from './ring-control.js'
import type { RingSlots } from './ring-slots.js'

export function readRingFacts(control: RingControl, slots: RingSlots): LinkFacts {
  const { geometry } = control
  const snapshot = control.snapshot()
  const lanes = Array.from({ length: geometry.writers }, (_, writer) => snapshot.lane(writer))
  const cursors = lanes.flatMap((_, writer) => [...slots.read.keys()].map(reader => snapshot.cursor(writer, reader)))
  const readers = [...slots.read.keys()].filter(reader => !snapshot.isFinished('read', reader))
  const lagIn = (writer: number, reader: number): ReaderLag => measureLag(snapshot, geometry, lanes, writer, reader)
  const waiting = lanes.map((state, writer) =>
    geometry.mode === 'share'
      ? measureShared(control, state, writer)
      : readers.map(reader => lagIn(writer, reader)).reduce(slowest, none),
  )
  const { bytes, messages } = waiting.reduce(add, none)
  return {
    queuedBytes: bytes,
    capacityBytes: geometry.writers * geometry.capacity,
    messages,
    ring: {
      lag: Object.fromEntries(
        readers.map(reader => [
          slots.read[reader]! || '(outside)',
          lanes.map((_, writer) => lagIn(writer, reader)).reduce(add, none),
        ]),
      ),
      dropped: Number(lanes.reduce((count, { dropped }) => count + dropped, 0n)),
      missed: Number(cursors.reduce((count, { missed }) => count + missed, 0n)),
      stalls: lanes.reduce((count, { stalls }) => count + stalls, 0),
      damage: nameDamage(snapshot.at(header.poison)),
    },
  }
}

const none: ReaderLag = { bytes: 0, messages: 0 }

function add(one: ReaderLag, other: ReaderLag): ReaderLag {
  const isKnown = one.messages !== null && other.messages !== null
  return { bytes: one.bytes + other.bytes, messages: isKnown ? one.messages + other.messages : null }
}

function slowest(one: ReaderLag, other: ReaderLag): ReaderLag {
  return other.bytes > one.bytes ? other : one
}

function measureLag(
  snapshot: RingSnapshot,
  geometry: Geometry,
  lanes: readonly LaneState[],
  writer: number,
  reader: number,
): ReaderLag {
  const { tail, sequence, oldest } = lanes[writer]!
  const { head, sequence: expected, claim } = snapshot.cursor(writer, reader)
  if (geometry.mode === 'share') {
    const bytes = claim === null ? 0 : limit(distance(claim.position, claim.end), geometry)
    return { bytes, messages: bytes === 0 ? 0 : null }
  }
  // What was overwritten it does not have before it any more.
  if (geometry.isLossy && ((head - oldest) | 0) < 0)
    return { bytes: limit(distance(oldest, tail), geometry), messages: null }
  return { bytes: limit(distance(head, tail), geometry), messages: countMessages(expected, sequence) }
}

/** Nobody in particular is behind there: what is in the lane at all. */
function measureShared({ geometry, descriptor }: RingControl, { head, tail, sequence }: LaneState, writer: number) {
  const bytes = limit(distance(head, tail), geometry)
  if (bytes === 0) return none
  const start = measure(geometry).dataStart + writer * geometry.capacity + (head % geometry.capacity)
  return { bytes, messages: countMessages(readSequence(descriptor, start), sequence) }
}

function readSequence(descriptor: number, start: number): bigint {
  const bytes = Buffer.alloc(record.bytes)
  readSync(descriptor, bytes, 0, record.bytes, start)
  return bytes.readBigUInt64LE(record.sequenceLow)
}

/** null: they were read while they changed. */
function countMessages(from: bigint | null, to: bigint | null): number | null {
  return from === null || to === null || from > to ? null : Number(to - from)
}

/** In memory that somebody damaged any word may stand anywhere. */
const limit = (bytes: number, { capacity }: Geometry): number => Math.min(bytes, capacity)

export function nameDamage(poison: number): string | null {
  return poison === 0 ? null : (explanations.get(poison) ?? `poisoned with ${poison}`)
}
