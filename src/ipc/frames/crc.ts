/** CRC-32 as zlib, PNG and Python's `zlib.crc32` have it. */
import { crc32 } from 'node:zlib'

/** Below that a call of native code costs more than the sum itself. */
const nativeFrom = 320

const [table0, table1, table2, table3] = makeTables()

export function checksum(bytes: Buffer, start: number, end: number): number {
  return end - start < nativeFrom ? sum(bytes, start, end) : crc32(bytes.subarray(start, end))
}

/** Four bytes at a time. */
function sum(bytes: Buffer, start: number, end: number): number {
  let crc = -1
  let at = start
  for (; at + 4 <= end; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc = table3[crc & 0xff]! ^ table2[(crc >>> 8) & 0xff]! ^ table1[(crc >>> 16) & 0xff]! ^ table0[crc >>> 24]!
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ table0[(crc ^ bytes[at]!) & 0xff]!
  return ~crc >>> 0
}

function makeTables(): readonly [Int32Array, Int32Array, Int32Array, Int32Array] {
  const first = Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
    return crc
  })
  const follow = (table: Int32Array): Int32Array => table.map(crc => (crc >>> 8) ^ first[crc & 0xff]!)
  const second = follow(first)
  const third = follow(second)
  return [first, second, third, follow(third)]
}
