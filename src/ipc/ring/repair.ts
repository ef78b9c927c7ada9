import { cursor, cursorStart, type Geometry, lane, laneStart } from './layout.js'

/** Words of a ring, wherever it is: 32 bits, by their byte offset, with or without a sign. */
export interface SharedWordAccess {
  read(offset: number): number
  write(offset: number, value: number): void
}

/**
 * Ends what a dead reader of a ring with `share` was in the middle of, so that its claims are whole and its locks free:
 * after its slot is no longer `alive`, and before its next incarnation starts. Then everybody is to be rung: what the
 * dead had claimed is for the others, and it may have cleared the word of a sleeper and not rung.
 */
export function repairClaims(geometry: Geometry, reader: number, words: SharedWordAccess): void {
  if (geometry.mode !== 'share') return
  for (let writer = 0; writer < geometry.writers; writer++) {
    const lock = laneStart(writer) + lane.lock
    // Without the lock it was in the middle of nothing.
    if (words.read(lock) !== reader + 1) continue
    if (isHalfMade(geometry, writer, reader, words)) words.write(claimOf(geometry, writer, reader) + cursor.claimed, 0)
    words.write(lock, 0)
  }
}

/** It holds the lock, so nobody else changes any of these words but the position of a claim, and only if it lives. */
function isHalfMade(geometry: Geometry, writer: number, reader: number, words: SharedWordAccess): boolean {
  const own = claimOf(geometry, writer, reader)
  if (words.read(own + cursor.claimed) !== 1) return false
  const end = words.read(own + cursor.end)
  // The records were not yet taken from those that are for everybody.
  if (((end - words.read(laneStart(writer) + lane.next)) | 0) > 0) return true
  // Nor from the dead reader whose claim it was taking over.
  return Array.from({ length: geometry.readers }, (_, other) => claimOf(geometry, writer, other)).some(
    other => other !== own && words.read(other + cursor.claimed) === 1 && words.read(other + cursor.end) === end,
  )
}

const claimOf = (geometry: Geometry, writer: number, reader: number): number => cursorStart(geometry, writer, reader)
