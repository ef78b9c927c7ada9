/**
 * When a log file is full and what happens then. The file being written is `path`, older ones are `path.1` (newest),
 * `path.2`, …
 *
 * A file is left at a line end where one comes within its limit. The hard case is an unfinished line at the end of a
 * nearly full file: once written it cannot be taken back, so such a line is held until it is known whether it fits.
 */
import { existsSync, renameSync, rmSync } from 'node:fs'

const newline = 0x0a

export interface Filling {
  /** Bytes in the file being written. */
  readonly size: number
  /** The file is empty or its last byte ended a line. */
  readonly isAtLineStart: boolean
  readonly maxBytes: number
  /** A line that gets longer is no longer kept whole. */
  readonly lineLimitBytes: number
}

/** `write`: the first so many bytes. `hold`: nothing now, the rest of the line may come. */
export type Step = { readonly write: number } | 'rotate' | 'hold'

/**
 * Decides what to do with the first of `bytes` (not empty), to be asked again for the rest.
 *
 * @param isImpatient - nothing more is expected soon: an unfinished line is not held
 */
export function nextStep(filling: Filling, bytes: Buffer, isImpatient: boolean): Step {
  return bytes.length > filling.maxBytes - filling.size
    ? stepAtLimit(filling, bytes)
    : stepWithinLimit(filling, bytes, isImpatient)
}

function stepAtLimit({ size, isAtLineStart, maxBytes }: Filling, bytes: Buffer): Step {
  const room = Math.max(0, maxBytes - size)
  const wholeLines = endOfLastLine(bytes.subarray(0, room))
  if (wholeLines > 0) return { write: wholeLines }
  if (size > 0 && (isAtLineStart || room === 0)) return 'rotate'
  return { write: room }
}

function stepWithinLimit(filling: Filling, bytes: Buffer, isImpatient: boolean): Step {
  const wholeLines = endOfLastLine(bytes)
  const unfinishedBytes = bytes.length - wholeLines
  const lineStart = filling.size + wholeLines
  const isBegun = wholeLines === 0 && !filling.isAtLineStart
  const fitsSurely = lineStart === 0 || lineStart + filling.lineLimitBytes <= filling.maxBytes
  if (unfinishedBytes === 0 || isBegun || fitsSurely) return { write: bytes.length }
  if (wholeLines > 0) return { write: wholeLines }
  return isImpatient ? 'rotate' : 'hold'
}

function endOfLastLine(bytes: Buffer): number {
  return bytes.lastIndexOf(newline) + 1
}

/**
 * Moves `path` to `path.1` and the older ones up by one, so that `files` are left, the next `path` included.
 * When it fails half-way it can be called again: the gap it left is filled first, and nothing is lost twice.
 */
export function rotateFiles(path: string, files: number): void {
  if (files === 1) return rmSync(path, { force: true })
  // Those that an earlier run with more files left.
  for (let index = files; existsSync(`${path}.${index}`); index++) rmSync(`${path}.${index}`)
  let free = 1
  while (free < files - 1 && existsSync(`${path}.${free}`)) free++
  for (let index = free; index > 1; index--) renameSync(`${path}.${index - 1}`, `${path}.${index}`)
  renameSync(path, `${path}.1`)
}
