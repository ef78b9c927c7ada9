/** Who has which slot of a ring. */
import type { Where } from './kind.js'
import type { RingSide } from './ring-control.js'

/** Names of processes by slot; '' is the one for the embedding app and programs outside. */
export type RingSlots = Readonly<Record<RingSide, readonly string[]>>

/** In the order of the Plan. Outside can always write; it can read where no process does. */
export function assignSlots(uses: Where['uses']): RingSlots {
  const of = (side: RingSide): string[] => [
    ...new Set(uses.filter(use => use.side === side).map(({ process }) => process)),
  ]
  const readers = of('read')
  return { write: [...of('write'), ''], read: readers.length > 0 ? readers : [''] }
}
