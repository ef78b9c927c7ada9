import { CursorReader } from './cursor-reader.js'
import { LossyReader } from './lossy-reader.js'
import type { RingMemory } from './memory.js'
import type { Reader } from './reader.js'
import { ShareReader } from './share-reader.js'

/** The reader of a slot, of the sort that the ring asks for. Goes on where the last incarnation acknowledged. */
export function openReader(memory: RingMemory, slot: number): Reader {
  const { mode, isLossy } = memory.geometry
  if (mode === 'share') return new ShareReader(memory, slot)
  return isLossy ? new LossyReader(memory, slot) : new CursorReader(memory, slot)
}
