/**
 * A file that only grows: records, each with its length and its checksum before it, so that one that was cut off by a
 * crash is known for what it is.
 *
 * "IPCSUPR1", then for each record: its bytes (u32), CRC-32 of them (u32), both little-endian, and the bytes.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'

const anyMagic = 'IPCSUPR'
const magic = Buffer.from(`${anyMagic}1`)
const headBytes = 8
const pieceBytes = 2 ** 20

/** Of one record: more cannot have been written by us. */
const longestRecordBytes = 2 ** 30

export interface OpenedRecords {
  readonly descriptor: number
  /** Length of the file, up to which all is well. */
  readonly bytes: number
  /** What was cut off at the end: the record of a write that did not get there whole. */
  readonly cutBytes: number
  /** There was room to keep that. */
  readonly isCutKept: boolean
}

/**
 * Opens it, or makes it, and hands over each record in order.
 *
 * @throws Error that says what is wrong, when it is no file of this kind
 */
export function openRecords(path: string, take: (payload: string) => void): OpenedRecords {
  const descriptor = openSync(path, 'a+', 0o600)
  try {
    const size = fstatSync(descriptor).size
    const bytes = readRecords(descriptor, size, take)
    const isCutKept = bytes < size && keepRest(`${path}.cut`, descriptor, bytes, size)
    if (bytes < size) ftruncateSync(descriptor, bytes)
    if (bytes === 0) writeSync(descriptor, magic)
    return { descriptor, bytes: bytes || magic.length, cutBytes: size - bytes, isCutKept }
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

/** Behind a byte that the disk has changed there may be all that was ever done. It comes behind what was kept before. */
function keepRest(path: string, from: number, position: number, end: number): boolean {
  try {
    const descriptor = openSync(path, 'a', 0o600)
    try {
      for (let at = position; at < end; at += pieceBytes)
        writeWhole(descriptor, readAt(from, at, Math.min(pieceBytes, end - at)))
    } finally {
      closeSync(descriptor)
    }
    return true
  } catch {
    // There is no room for it, most likely: the store matters more.
    return false
  }
}

/** Hands over each record of the first `bytes` bytes once more. */
export function readAgain(descriptor: number, bytes: number, take: (payload: string) => void): void {
  if (readRecords(descriptor, bytes, take) < bytes) throw new Error('what it has is not what was written')
}

/** @returns where the last whole record ends; 0: not even the beginning of the file is there */
function readRecords(descriptor: number, size: number, take: (payload: string) => void): number {
  const start = readAt(descriptor, 0, Math.min(size, magic.length))
  if (!magic.subarray(0, start.length).equals(start)) throw explainStart(start)
  if (start.length < magic.length) return 0
  let position = magic.length
  const window = openWindow(descriptor, size)
  while (position + headBytes <= size) {
    const head = window(position, headBytes)
    const [length, checksum] = [head.readUInt32LE(0), head.readUInt32LE(4)]
    if (length === 0 || length > longestRecordBytes || position + headBytes + length > size) break
    const payload = window(position + headBytes, length)
    if (crc32(payload) !== checksum) break
    take(payload.toString())
    position += headBytes + length
  }
  return position
}

function explainStart(start: Buffer): Error {
  if (start.length < magic.length || !start.toString('latin1').startsWith(anyMagic))
    return new Error('it is no store of a service')
  return new Error(
    `it is of another version of ipcsup, which has to be used with it: ${JSON.stringify(start.toString('latin1'))} is not "${magic}"`,
  )
}

/** Reads parts of a file, one after the other, in pieces of at least 1 MiB. */
function openWindow(descriptor: number, size: number): (position: number, length: number) => Buffer {
  let held: Buffer<ArrayBuffer> = Buffer.alloc(0)
  let heldAt = 0
  return (position, length) => {
    if (position < heldAt || position + length > heldAt + held.length) {
      held = readAt(descriptor, position, Math.min(size - position, Math.max(length, pieceBytes)))
      heldAt = position
    }
    return held.subarray(position - heldAt, position - heldAt + length)
  }
}

function readAt(descriptor: number, position: number, length: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.allocUnsafe(length)
  let done = 0
  while (done < length) {
    const count = readSync(descriptor, bytes, done, length - done, position + done)
    if (count === 0) throw new Error('it became shorter while it was read')
    done += count
  }
  return bytes
}

/** The bytes of the records of these payloads. */
export function encodeRecords(payloads: readonly string[]): Buffer {
  return Buffer.concat(payloads.flatMap(encodeRecord))
}

function encodeRecord(payload: string): [Buffer, Buffer] {
  const bytes = Buffer.from(payload)
  const head = Buffer.allocUnsafe(headBytes)
  head.writeUInt32LE(bytes.length, 0)
  head.writeUInt32LE(crc32(bytes), 4)
  return [head, bytes]
}

/** A new file of this kind at `path`, whatever was there, with nothing in it yet. */
export function createRecords(path: string): { readonly descriptor: number; readonly bytes: number } {
  const { O_RDWR, O_CREAT, O_TRUNC, O_APPEND } = constants
  // What could not be written whole is cut off: what is written then must come behind what is left.
  const descriptor = openSync(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0o600)
  writeSync(descriptor, magic)
  return { descriptor, bytes: magic.length }
}

export function writeWhole(descriptor: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done)
}
