/**
 * What an end of a ring is handed as: the one message that lies in a packet socket, to be looked at and never taken. With it
 * come the memory (open for reading and writing), the end's own bell, and the bells of the other side in slot order: a
 * writer has those of all readers, a reader those of all writers.
 */
import { IpcsupError } from '../errors.js'
import { codecs } from './codec.js'
import type { Codec } from './messages.js'
import { flagsOf, type Geometry, modes, mostSlots } from './ring/layout.js'

/** What happens to a message for which there is no room. */
export type Full = 'block' | 'drop-new' | 'drop-old'

const fulls = ['block', 'drop-new', 'drop-old'] as const satisfies readonly Full[]

export interface Bag {
  readonly side: 'write' | 'read'
  /** Which of the writers, or of the readers. */
  readonly slot: number
  readonly geometry: Geometry
  readonly full: Full
  readonly codec: Codec
}

export const bagBytes = 48
const magic = 'IPCSUPB1'
const version = 1
const sides = ['write', 'read'] as const

export function encodeBag({ side, slot, geometry, full, codec }: Bag): Buffer {
  const bytes = Buffer.alloc(bagBytes)
  bytes.write(magic, 'latin1')
  const words = [
    version,
    sides.indexOf(side),
    slot,
    geometry.capacity,
    geometry.writers,
    geometry.readers,
    flagsOf(geometry),
    fulls.indexOf(full),
    codecs.indexOf(codec),
  ]
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, 8 + index * 4)
  return bytes
}

/** @throws IPCSUP_ERR_RING_LAYOUT when it is none, or one of another version */
export function decodeBag(bytes: Buffer): Bag {
  if (bytes.length !== bagBytes || bytes.toString('latin1', 0, 8) !== magic)
    throw noRing('its descriptor is not that of a ring')
  const [found, side, slot, capacity, writers, readers, flags, full, codec] = readWords(bytes)
  if (found !== version)
    throw otherLayout(`its end was handed over in version ${found}, and this program knows version ${version}`)
  const geometry = { capacity, writers, readers, mode: modes[flags & 3]!, isLossy: (flags & 4) !== 0 }
  const bag = { side: sides[side]!, slot, geometry, full: fulls[full]!, codec: codecs[codec]! }
  if (!isPossible(bag)) throw noRing('what was handed over as its end makes no sense')
  return bag
}

type Words = readonly [number, number, number, number, number, number, number, number, number]

function readWords(bytes: Buffer): Words {
  return Array.from({ length: 9 }, (_, index) => bytes.readUInt32LE(8 + index * 4)) as unknown as Words
}

function isPossible({ side, slot, geometry, full, codec }: Bag): boolean {
  const { capacity, writers, readers, mode } = geometry
  const isPowerOfTwo = (capacity & (capacity - 1)) === 0 && capacity >= 4096 && capacity <= 2 ** 30
  const areCounts = [writers, readers].every(count => count >= 1 && count <= mostSlots)
  const isSlot = slot < (side === 'write' ? writers : readers)
  return isPowerOfTwo && areCounts && isSlot && [side, mode, full, codec].every(word => word !== undefined)
}

export function noRing(why: string): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_RING_LAYOUT', {
    why,
    advice: 'Start this program by ipcsup with an end of that link, and pass the descriptor on as it is.',
  })
}

export function otherLayout(why: string): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_RING_LAYOUT', {
    why,
    advice: 'Use the same version of ipcsup for the supervisor and for the program.',
  })
}
