/** Looks at the records of a ring that nobody uses, before anybody reads what may have been damaged meanwhile. */
import { readSync } from 'node:fs'
import { type Geometry, measure, record } from './ring/layout.js'
import { RecordHeader } from './ring/record-header.js'
import { distance, type LaneState, type RingSnapshot } from './ring-control.js'

/** A place in a lane where a record begins, or would. `sequence`: null where nothing says which it is. */
interface Stop {
  readonly position: number
  readonly sequence: bigint | null
}

/**
 * Whether what these readers have before them is whole: records one after another, as their writer numbered them, up to
 * the end of each lane.
 */
export function isWhole(
  descriptor: number,
  snapshot: RingSnapshot,
  geometry: Geometry,
  readers: readonly number[],
): boolean {
  return Array.from({ length: geometry.writers }, (_, writer) => {
    const state = snapshot.lane(writer)
    const stops = findStops(snapshot, geometry, state, writer, readers)
    const words = readLane(descriptor, measure(geometry).dataStart + writer * geometry.capacity, geometry.capacity)
    return isLaneWhole(words, geometry, state, stops)
  }).every(Boolean)
}

/** Where records must begin. */
function findStops(
  snapshot: RingSnapshot,
  { mode, isLossy }: Geometry,
  { head, next, oldest }: LaneState,
  writer: number,
  readers: readonly number[],
): Stop[] {
  const cursors = readers.map(reader => snapshot.cursor(writer, reader))
  const at = (position: number): Stop => ({ position, sequence: null })
  if (mode === 'share')
    return [head, next, ...cursors.flatMap(({ claim }) => (claim === null ? [] : [claim.position, claim.end]))].map(at)
  const own = cursors.map(({ head: position, sequence }) => ({ position, sequence }))
  // What was overwritten its reader finds out.
  return isLossy ? [at(oldest), ...own.filter(({ position }) => ((position - oldest) | 0) >= 0)] : own
}

function isLaneWhole(
  words: Words,
  { capacity }: Geometry,
  { tail, sequence }: LaneState,
  stops: readonly Stop[],
): boolean {
  const isPossible = ({ position }: Stop): boolean =>
    position % record.alignment === 0 && distance(position, tail) <= capacity
  if (sequence === null || tail % record.alignment !== 0 || !stops.every(isPossible)) return false
  const inOrder = [...stops].sort((one, other) => distance(other.position, tail) - distance(one.position, tail))
  return walk(words, new RecordHeader(capacity), inOrder, { position: tail, sequence })
}

/** @param stops - the first one that comes first */
function walk(words: Words, header: RecordHeader, stops: readonly Stop[], end: Stop): boolean {
  let position = stops[0]?.position ?? end.position
  // Of the next record; known from the first one at the latest.
  let sequence = stops[0]?.sequence ?? null
  let met = 0
  for (;;) {
    for (; met < stops.length && stops[met]!.position === position; met++) {
      const said = stops[met]!.sequence
      if (said !== null && sequence !== null && said !== sequence) return false
      sequence ??= said
    }
    if (position === end.position) return met === stops.length && (sequence === null || sequence === end.sequence)
    const bytes = header.read(words, position, distance(position, end.position))
    if (bytes === 0) return false
    const own = (BigInt(header.sequenceHigh >>> 0) << 32n) | BigInt(header.sequenceLow >>> 0)
    if (own !== (sequence ?? own)) return false
    sequence = header.isPadding ? own : own + 1n
    position = (position + bytes) >>> 0
  }
}

type Words = Parameters<RecordHeader['read']>[0]

const chunkBytes = 2 ** 20

/** The words of a lane, by their offset in it. */
function readLane(descriptor: number, start: number, capacity: number): Words {
  const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, capacity))
  let from = -1
  return {
    get: offset => {
      const wanted = offset - (offset % chunk.length)
      if (wanted !== from) {
        from = wanted
        const count = readSync(descriptor, chunk, 0, chunk.length, start + from)
        // It is being cut just now: what is missing is no record.
        chunk.fill(0xff, count)
      }
      return chunk.readInt32LE(offset - from)
    },
  }
}
