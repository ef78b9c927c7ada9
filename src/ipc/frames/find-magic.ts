import { magic } from './layout.js'

export const magicBytes = Buffer.from(magic)
const [first, second, third, fourth] = magic

export function isMagic(bytes: Buffer, at: number): boolean {
  return bytes[at] === first && bytes[at + 1] === second && bytes[at + 2] === third && bytes[at + 3] === fourth
}

/**
 * Where the next one begins, from `from` on; -1: nowhere. One byte is looked for first, which costs a quarter of what
 * looking for four does, and which text never has.
 */
export function findMagic(bytes: Buffer, from: number): number {
  const at = bytes.indexOf(first, from)
  return at === -1 || isMagic(bytes, at) ? at : bytes.indexOf(magicBytes, at + 1)
}
