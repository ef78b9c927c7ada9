import { readPart } from './quoting.js'
import {
  LineError,
  type Operator,
  operators,
  refuseComment,
  refuseInCommand,
  refuseOperator,
  refuseReserved,
  refuseTilde,
  type Supported,
} from './shell-syntax.js'

export interface WordToken {
  readonly type: 'word'
  /** Quotes and backslashes removed. */
  readonly text: string
  /** Nothing of it was quoted or escaped. */
  readonly isPlain: boolean
  /** `text` with a NUL for each part that was quoted or escaped. */
  readonly bare: string
  readonly at: number
}

export interface OperatorToken {
  readonly type: 'operator'
  readonly operator: Supported | '\n'
  /** The digits that stand directly before a redirection. */
  readonly number: string | null
  readonly at: number
}

export type Token = WordToken | OperatorToken

/**
 * Splits a command as a POSIX shell splits words; quotes and backslashes mean what they mean there, nothing is expanded.
 *
 * @throws LineError for whatever a shell would expand or take as an operator, for an open quote, and for no word at all
 */
export function splitWords(command: string): string[] {
  const words: string[] = []
  for (const token of trimLineBreaks(tokenize(command))) {
    if (token.type === 'operator') return refuse(token)
    if (words.length === 0 && token.isPlain) refuseReserved(token.at, token.text)
    words.push(token.text)
  }
  if (words.length === 0) throw new LineError(0, 'there is no command.')
  return words
}

function refuse(token: OperatorToken): never {
  if (token.operator === '\n') refuseOperator(token.at, '\n')
  refuseInCommand(token.at, token.operator)
}

/** Line breaks before the first and after the last word mean nothing: YAML's block text ends with one. */
export function trimLineBreaks(tokens: readonly Token[]): readonly Token[] {
  const isBreak = (token: Token) => token.type === 'operator' && token.operator === '\n'
  const first = tokens.findIndex(token => !isBreak(token))
  return first === -1 ? [] : tokens.slice(first, tokens.findLastIndex(token => !isBreak(token)) + 1)
}

/**
 * Words and operators of a line, in order.
 *
 * @throws LineError for an open quote and for whatever ipcsup does not do as a shell does
 */
export function tokenize(line: string): Token[] {
  const nul = line.indexOf('\0')
  if (nul !== -1) throw new LineError(nul, 'a NUL character cannot be part of a command.')
  const tokens: Token[] = []
  for (let at = skipBlanks(line, 0); at < line.length; at = skipBlanks(line, at)) {
    const operator = operatorAt(line, at)
    if (operator !== null) {
      at = pushOperator(tokens, at, operator, null)
      continue
    }
    const word = readWord(line, at)
    const next = operatorAt(line, word.end)
    if (next !== null && isRedirection(next) && isDescriptor(word.token) && !followsCopy(tokens)) {
      at = pushOperator(tokens, word.end, next, word.token.text)
      continue
    }
    if (next !== null && isRedirection(next) && word.token.isPlain && /^\{[A-Za-z_]\w*\}$/.test(word.token.text))
      throw new LineError(
        at,
        `${word.token.text} before "${next}": a shell puts a new descriptor's number there. Put a blank between them.`,
      )
    tokens.push(word.token)
    at = word.end
  }
  return tokens
}

/** A backslash before a line break joins the lines. */
function skipBlanks(line: string, start: number): number {
  const blanks = /(?:[ \t]|\\\n)*/y
  blanks.lastIndex = start
  return start + blanks.exec(line)![0].length
}

function pushOperator(tokens: Token[], at: number, operator: Operator, number: string | null): number {
  if (!isSupported(operator)) refuseOperator(at, operator)
  tokens.push({ type: 'operator', operator, number, at: number === null ? at : at - number.length })
  return at + operator.length
}

const supported: ReadonlySet<Operator> = new Set<Supported | '\n'>(['|', '|&', '<', '>', '>>', '>|', '>&', '\n'])

function isSupported(operator: Operator): operator is Supported | '\n' {
  return supported.has(operator)
}

function isRedirection(operator: Operator): boolean {
  return operator.startsWith('<') || operator.startsWith('>')
}

function isDescriptor(token: WordToken): boolean {
  return token.isPlain && /^\d+$/.test(token.text)
}

/** In `2>&1>file` the 1 belongs to what stands before it. */
function followsCopy(tokens: readonly Token[]): boolean {
  const last = tokens.at(-1)
  return last?.type === 'operator' && last.operator === '>&'
}

function operatorAt(line: string, at: number): Operator | null {
  return operators.find(operator => line.startsWith(operator, at)) ?? null
}

const endsWord = new Set([' ', '\t', '\n', '<', '>', '&', '|', ';', '(', ')'])

function readWord(line: string, start: number): { token: WordToken; end: number } {
  let text = ''
  let bare = ''
  let isPlain = true
  let at = start
  if (line[start] === '#') refuseComment(start)
  while (at < line.length && !endsWord.has(line[at]!)) {
    const part = readPart(line, at)
    if (line[at] === '~' && startsTilde(text, isPlain)) refuseTilde(at)
    text += part.text
    bare += part.isPlain ? part.text : '\0'
    at = part.end
    isPlain &&= part.isPlain
  }
  return { token: { type: 'word', text, isPlain, bare, at: start }, end: at }
}

/** A shell puts a home directory for `~` at the start of a word, and after `=` or `:` in what looks like an assignment. */
function startsTilde(before: string, isPlain: boolean): boolean {
  return before === '' ? isPlain : /^[A-Za-z_]\w*\+?=(.*:)?$/s.test(before)
}
