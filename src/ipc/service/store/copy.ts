/** The file that is to take the place of a log that has grown. */
import { closeSync, fdatasync, openSync, write } from 'node:fs'
import { promisify } from 'node:util'
import { createRecords, encodeRecords, writeWhole } from './record-file.js'

export const sync = promisify(fdatasync)
const writeLater = promisify(write)
const sliceBytes = 1024 * 1024

export interface Copy {
  readonly descriptor: number
  bytes: number
  /** What was written to the old one since; null: both are written at once. */
  late: Buffer[] | null
}

/** Begins it at `path`. From then on what is written to the old one goes to `late` as well. */
export function beginCopy(path: string): Copy {
  return { ...createRecords(path), late: [] }
}

/** Writes what counted when it was begun, beside the running work, and then what came since: now both are written. */
export async function fillCopy(copy: Copy, payloads: Iterable<string>): Promise<void> {
  for (const slice of cutIntoSlices(payloads)) {
    const bytes = encodeRecords(slice)
    for (let done = 0; done < bytes.length; ) done += (await writeLater(copy.descriptor, bytes, done)).bytesWritten
    copy.bytes += bytes.length
  }
  for (const bytes of copy.late!) writeToCopy(copy, bytes)
  copy.late = null
  await sync(copy.descriptor)
}

export function writeToCopy(copy: Copy, bytes: Buffer): void {
  writeWhole(copy.descriptor, bytes)
  copy.bytes += bytes.length
}

function* cutIntoSlices(payloads: Iterable<string>): Generator<string[]> {
  let slice: string[] = []
  let length = 0
  for (const payload of payloads) {
    slice.push(payload)
    length += payload.length
    if (length < sliceBytes) continue
    yield slice
    slice = []
    length = 0
  }
  if (slice.length > 0) yield slice
}

export async function syncDirectory(path: string): Promise<void> {
  const descriptor = openSync(path, 'r')
  try {
    await sync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
