import { randomBytes } from 'node:crypto'

/** One for each incarnation of a writer: see `header.writer`. */
export function makeWriterNumber(): number {
  return randomBytes(4).readUInt32LE() & 0x7f7f7f7f
}
