/** Lines of JSON, out of bytes and into text. */
import { decodeMembers, decodeValue } from './values.js'
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

/** One line. */
export type Received = Readonly<Record<string, unknown>>

/**
 * Lines that came together, one after another: each is a {@link Received}, or, where there are short ones, a number and
 * behind it the other items of that line.
 */
export type Items = readonly unknown[]

/**
 * Lines out of bytes that come in pieces, their values decoded.
 *
 * @returns a function that is given each piece and gives the objects of the lines that are whole with it; it throws
 *   an `Error` that says what is wrong with a line that is no JSON object, or too long
 */
export function createLineReader(mostBytes = longestLineBytes): (piece: Buffer) => readonly Received[] {
  return createItemReader(0, mostBytes) as (piece: Buffer) => readonly Received[]
}

/**
 * The same where some lines are short.
 *
 * @param shortItems - so many items a short line has; 0: there are none
 */
export function createItemReader(shortItems: number, mostBytes = longestLineBytes): (piece: Buffer) => Items {
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
    return parseLines(text, shortItems)
  }
}

/** All at once is faster than one by one. JSON has no raw line end inside, so each is the end of a line. */
function parseLines(text: string, shortItems: number): Items {
  let items: unknown[]
  try {
    items = parseItems(text.replaceAll('\n', ','))
  } catch {
    // An empty line is nothing; another one that is wrong is named.
    items = text.split('\n').filter(isNotBlank).flatMap(parseLine)
  }
  checkItems(items, shortItems)
  // What JSON has no word for is rare.
  if (text.includes('"$')) decodeItems(items, shortItems)
  return items
}

const parseItems = (text: string): unknown[] => JSON.parse(`[${text}]`)

function checkItems(items: Items, shortItems: number): void {
  let at = 0
  while (at < items.length) {
    const item = items[at]
    if (shortItems > 0 && Number.isFinite(item)) at += shortItems
    else if (typeof item === 'object' && item !== null && !Array.isArray(item)) at += 1
    else throw new Error(`a line is no JSON object: ${shorten(JSON.stringify(item))}`)
  }
  if (at > items.length) throw new Error('a short line is not whole')
}

function decodeItems(items: unknown[], shortItems: number): void {
  for (let at = 0; at < items.length; at++) {
    if (typeof items[at] === 'object') decodeMembers(items[at] as Record<string, unknown>)
    else for (const end = at + shortItems - 1; at < end; ) items[++at] = decodeValue(items[at])
  }
}

const isNotBlank = (text: string): boolean => text.trim() !== ''

function parseLine(text: string): unknown[] {
  try {
    return parseItems(text)
  } catch {
    throw new Error(`a line is no JSON: ${shorten(text)}`)
  }
}

/** What a line has, for who does not understand it. Not the values: not all of them can be said as JSON again. */
export const nameMembers = (line: Received): string => shorten(Object.keys(line).join(', ')) || 'nothing'

const shorten = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}…` : text)
