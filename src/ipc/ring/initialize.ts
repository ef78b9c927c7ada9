/** What a ring is at first, and how to tell that memory is the ring that it should be. */
import {
  cursor,
  cursorStart,
  flagsOf,
  type Geometry,
  header,
  lane,
  laneStart,
  magic,
  mark,
  measure,
  slot,
  version,
} from './layout.js'

/** Of the processes, in the order of their slots; '' for programs outside. */
export interface SlotNames {
  readonly writers: readonly string[]
  readonly readers: readonly string[]
}

/** Everything before the lanes' data but the magic, which is written last. The data need not be anything. */
export function initializeControl(geometry: Geometry, names: SlotNames): Buffer {
  const control = Buffer.alloc(measure(geometry).dataStart)
  for (const [offset, value] of listFacts(geometry)) control.writeUInt32LE(value, offset)
  for (const [index, name] of names.writers.entries()) writeName(control, header.writerSlots, index, name)
  for (const [index, name] of names.readers.entries()) writeName(control, header.readerSlots, index, name)
  for (let writer = 0; writer < geometry.writers; writer++) {
    writeFirstMarks(control, laneStart(writer) + lane.marks)
    for (let reader = 0; reader < geometry.readers; reader++)
      writeFirstMarks(control, cursorStart(geometry, writer, reader) + cursor.marks)
  }
  return control
}

/** For offset `header.magic`. */
export function magicBytes(): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(magic.low, 0)
  bytes.writeUInt32LE(magic.high, 4)
  return bytes
}

/** Why memory is not the ring that it should be, as a clause; null: it is. */
export function explainDisagreement(memory: ArrayBuffer, geometry: Geometry): string | null {
  const { bytes } = measure(geometry)
  if (memory.byteLength < header.writerSlots) return `its memory has only ${memory.byteLength} bytes`
  const control = Buffer.from(memory, 0, header.writerSlots)
  if (!control.subarray(header.magic, header.magic + 8).equals(magicBytes())) return 'its memory is no ring'
  const found = control.readUInt32LE(header.version)
  const [major, minor] = [found & 0xffff, found >>> 16]
  // A later minor version only adds what this one may leave alone.
  if (major !== version.major)
    return `its layout has version ${major}.${minor}, and this program knows ${version.major}.${version.minor}`
  const isEqual = listFacts(geometry).every(
    ([offset, value]) => offset === header.version || control.readUInt32LE(offset) === value,
  )
  if (!isEqual) return 'its memory is a ring of another shape'
  return memory.byteLength === bytes ? null : `its memory has ${memory.byteLength} bytes instead of ${bytes}`
}

/** FNV-1a, 32 bits. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

function listFacts(geometry: Geometry): [offset: number, value: number][] {
  return [
    [header.version, version.major | (version.minor << 16)],
    [header.dataStart, measure(geometry).dataStart],
    [header.capacity, geometry.capacity],
    [header.writers, geometry.writers],
    [header.readers, geometry.readers],
    [header.flags, flagsOf(geometry)],
    [header.byteOrder, 0x01020304],
  ]
}

function writeName(control: Buffer, rows: number, index: number, name: string): void {
  control.writeUInt32LE(hashName(name), rows + index * slot.bytes + slot.name)
}

/** The first record has the sequence 1. */
function writeFirstMarks(control: Buffer, start: number): void {
  for (const index of [0, 1]) control.writeUInt32LE(1, start + index * mark.bytes + mark.sequenceLow)
}
