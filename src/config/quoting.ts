import { expansions, LineError, refuseExpansion } from './shell-syntax.js'

/** A piece of a word without its quotes and backslashes. */
export interface Part {
  readonly text: string
  readonly isPlain: boolean
  readonly end: number
}

/**
 * One character of a word, or one quoted stretch of it.
 *
 * @throws LineError for a quote that is not closed and for what a shell would expand
 */
export function readPart(line: string, at: number): Part {
  const character = line[at]!
  if (character === "'") return readSingleQuoted(line, at)
  if (character === '"') return readDoubleQuoted(line, at)
  if (character === '\\') return readEscaped(line, at)
  if (isExpansion(character)) refuseExpansion(at, character, false)
  return { text: character, isPlain: true, end: at + 1 }
}

function isExpansion(character: string): character is keyof typeof expansions {
  return Object.hasOwn(expansions, character)
}

function readEscaped(line: string, at: number): Part {
  const next = line[at + 1]
  // Shells disagree here: dash keeps it, bash does so only where no line break came before.
  if (next === undefined) throw new LineError(at, 'nothing follows the backslash: write \\\\ for one, or leave it out.')
  // Before a line break it joins the lines; the word is then as if nothing had been there.
  if (next === '\n') return { text: '', isPlain: true, end: at + 2 }
  return { text: next, isPlain: false, end: at + 2 }
}

function readSingleQuoted(line: string, at: number): Part {
  const close = line.indexOf("'", at + 1)
  if (close === -1) throw new LineError(at, 'the single quote is not closed.')
  return { text: line.slice(at + 1, close), isPlain: false, end: close + 1 }
}

function readDoubleQuoted(line: string, start: number): Part {
  let text = ''
  let at = start + 1
  while (line[at] !== '"') {
    const character = line[at]
    if (character === undefined) throw new LineError(start, 'the double quote is not closed.')
    if (character === '$' || character === '`') refuseExpansion(at, character, true)
    const escaped = character === '\\' ? line[at + 1] : undefined
    // Only these lose their backslash between double quotes.
    if (escaped !== undefined && '$`"\\\n'.includes(escaped)) {
      if (escaped !== '\n') text += escaped
      at += 2
      continue
    }
    text += character
    at++
  }
  return { text, isPlain: false, end: at + 1 }
}
