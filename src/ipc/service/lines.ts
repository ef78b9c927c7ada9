/** Lines of JSON, out of bytes and into text. */
import { decodeValue } from './values.js'
import type { Line } from './wire.js'

/** Bytes of the longest line that is taken: more is a mistake, or an attack on the memory. */
export const longestLineBytes = 64 * 1024 * 1024

/** For what stands around a value in its line. */
const roomBytes = 64 * 1024

/** Whether a value, as JSON, is more than a line takes. A character is at most 3 bytes for each of its units. */
export function isTooLong(text: string): boolean {
  const most = longestLineBytes - roomBytes
  return text.length * 3 > most && Buffer.byteLength(text) > most
}

export function encodeLine(line: Line): string {
  return `${JSON.stringify(line)}\n`
}

/**
 * Lines out of bytes that come in pieces, their values decoded.
 *
 * @returns a function that is given each piece and gives the objects of the lines that are whole with it; it throws
 *   an `Error` that says what is wrong with a line that is no JSON object, or too long
 */
export function createLineReader(
  mostBytes = longestLineBytes,
): (piece: Buffer) => readonly Readonly<Record<string, unknown>>[] {
  let pieces: Buffer[] = []
  let heldBytes = 0
  return piece => {
    const end = piece.lastIndexOf(10)
    if (end === -1) {
      heldBytes += piece.length
      if (heldBytes > mostBytes) throw new Error(`a line has more than ${mostBytes} bytes`)
      // The piece is the caller's, who reads into it again.
      pieces.push(Buffer.from(piece))
      return []
    }
    let text = piece.toString('utf8', 0, end)
    if (pieces.length > 0) text = Buffer.concat([...pieces, piece.subarray(0, end)]).toString()
    pieces = end + 1 < piece.length ? [Buffer.from(piece.subarray(end + 1))] : []
    heldBytes = piece.length - end - 1
    return parseLines(text)
  }
}

/** All at once is faster than one by one. JSON has no raw line end inside, so each is the end of a line. */
function parseLines(text: string): readonly Readonly<Record<string, unknown>>[] {
  let lines: unknown[]
  try {
    lines = text.includes('\n') ? JSON.parse(`[${text.replaceAll('\n', ',')}]`) : [JSON.parse(text)]
  } catch {
    // An empty line is nothing; another one that is wrong is named.
    lines = text.split('\n').filter(isNotBlank).map(parseLine)
  }
  for (const line of lines) {
    if (typeof line !== 'object' || line === null || Array.isArray(line))
      throw new Error(`a line is no JSON object: ${shorten(JSON.stringify(line))}`)
  }
  // What JSON has no word for is rare.
  if (text.includes('"$')) decodeValue(lines)
  return lines as Readonly<Record<string, unknown>>[]
}

const isNotBlank = (text: string): boolean => text.trim() !== ''

function parseLine(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error(`a line is no JSON: ${shorten(text)}`)
  }
}

const shorten = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}…` : text)
