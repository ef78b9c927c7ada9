/** Reading log files from outside, as `ipcsup logs` does: the last lines, across rotation. */
import type { LogFile } from '../controls.js'
import { blockBytes, closeGenerations, type Generation, openGenerations, readBlock } from './generations.js'

export { type FollowOptions, followLogs } from './follow.js'

/** A place in a log that rotation does not move. */
export interface LogPosition {
  readonly device: number
  readonly inode: number
  readonly offset: number
}

/** The last lines of one log. */
export interface LogTail {
  readonly file: LogFile
  /** As in the files: newlines included, the last line maybe unfinished. Empty: no bytes yet, or no lines wanted. */
  readonly bytes: Buffer
  /** Where `bytes` end: from there `followLogs` goes on. Null: the log had no file. */
  readonly position: LogPosition | null
}

const newline = 0x0a

/**
 * Reads the last lines of each log, older files included as far as they are needed.
 *
 * @param lines - of each log, from 0; `Infinity`: all there are
 * @throws IPCSUP_ERR_SYSTEM for a file that is there and cannot be read
 */
export async function readLogTail(files: readonly LogFile[], lines: number): Promise<readonly LogTail[]> {
  return files.map(file => {
    const generations = openGenerations(file.path)
    try {
      return { file, bytes: readLastLines(generations, lines), position: endOf(generations[0]) }
    } finally {
      closeGenerations(generations)
    }
  })
}

function endOf(newest: Generation | undefined): LogPosition | null {
  return newest === undefined ? null : { device: newest.device, inode: newest.inode, offset: newest.sizeBytes }
}

function readLastLines(newestFirst: readonly Generation[], lines: number): Buffer {
  const blocks: Buffer[] = []
  let newlines = 0
  if (lines <= 0) return Buffer.alloc(0)
  for (const block of readBackwards(newestFirst)) {
    blocks.unshift(block)
    newlines += countNewlines(block)
    // One more than lines: the newline before the first of them.
    if (newlines > lines) break
  }
  return lastLines(Buffer.concat(blocks), lines)
}

function* readBackwards(newestFirst: readonly Generation[]): Generator<Buffer> {
  for (const { descriptor, sizeBytes } of newestFirst) {
    for (let end = sizeBytes; end > 0; ) {
      const start = Math.max(0, end - blockBytes)
      yield readBlock(descriptor, start, end - start)
      end = start
    }
  }
}

function countNewlines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, at + 1)) count++
  return count
}

/** The last `lines` (from 1) of `bytes`; an unfinished last line is one. */
function lastLines(bytes: Buffer, lines: number): Buffer {
  let start = bytes.length
  for (let left = lines; left > 0 && start > 0; left--) {
    // The newline at the end of a line is its own: looked for is the one before it.
    start = start < 2 ? 0 : bytes.lastIndexOf(newline, start - 2) + 1
  }
  return bytes.subarray(start)
}
