/**
 * What a pipeline line means: its stages, and what is done to their descriptors. Pure, and the only place that knows
 * pipelines.
 */
import { LineError, refuseOperator, refuseReserved } from './shell-syntax.js'
import { type OperatorToken, type Token, tokenize, trimLineBreaks, type WordToken } from './words.js'

type Descriptor = 0 | 1 | 2

/** An explicit redirection of a stage, with the path as it was written. */
export interface StageRedirection {
  readonly fd: Descriptor
  readonly to:
    | { readonly type: 'file'; readonly path: string; readonly mode: 'read' | 'truncate' | 'append' }
    | { readonly type: 'same'; readonly fd: Descriptor }
}

export interface Stage {
  /** `<n>-<name of the command>`, n from 1: readable, and made of the characters of names. */
  readonly label: string
  /** Never empty. */
  readonly words: readonly string[]
  /** In the order in which a shell applies them, after the pipes are in place; `|&` is the last. */
  readonly redirections: readonly StageRedirection[]
}

/**
 * Stages of a line such as `a | b |& c < in > out 2>> err`, in order, joined by pipes.
 *
 * @throws LineError for what is not supported, an empty stage, and a redirection without a file
 */
export function parsePipeline(line: string): readonly Stage[] {
  const tokens = trimLineBreaks(tokenize(line))
  if (tokens.length === 0) throw new LineError(0, 'there is no command.')
  const stages: Stage[] = []
  let rest = tokens
  while (rest.length > 0) {
    const end = rest.findIndex(isPipe)
    const pipe = end === -1 ? null : (rest[end] as OperatorToken)
    stages.push(parseStage(end === -1 ? rest : rest.slice(0, end), pipe, stages.length + 1, line))
    rest = pipe === null ? [] : skipLineBreaks(rest.slice(end + 1))
    if (pipe !== null && rest.length === 0)
      throw new LineError(pipe.at, `there is no command after "${pipe.operator}".`)
  }
  return stages
}

function isPipe(token: Token): boolean {
  return token.type === 'operator' && (token.operator === '|' || token.operator === '|&')
}

/** After a pipe a shell lets the line go on below. */
function skipLineBreaks(tokens: readonly Token[]): readonly Token[] {
  const first = tokens.findIndex(token => token.type !== 'operator' || token.operator !== '\n')
  return first === -1 ? [] : tokens.slice(first)
}

function parseStage(tokens: readonly Token[], pipe: OperatorToken | null, number: number, line: string): Stage {
  const at = tokens[0]?.at ?? pipe?.at ?? line.length
  const words: string[] = []
  const redirections: StageRedirection[] = []
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!
    if (token.type === 'operator') {
      redirections.push(parseRedirection(token, tokens[index + 1]))
      index++
      continue
    }
    if (words.length === 0 && token.isPlain) refuseReserved(token.at, token.text)
    words.push(token.text)
  }
  if (words.length === 0) throw new LineError(at, `stage ${number} has no command.`)
  if (pipe?.operator === '|&') redirections.push({ fd: 2, to: { type: 'same', fd: 1 } })
  return { label: labelStage(number, words[0]!), words, redirections }
}

const defaultDescriptor = { '<': 0, '>': 1, '>>': 1, '>|': 1, '>&': 1 } as const
const fileModes = { '<': 'read', '>': 'truncate', '>>': 'append', '>|': 'truncate' } as const

function parseRedirection(token: OperatorToken, target: Token | undefined): StageRedirection {
  const { operator } = token
  if (operator === '\n') refuseOperator(token.at, operator)
  const sign = `${token.number ?? ''}${operator}`
  if (target?.type !== 'word') throw new LineError(token.at, `there is no file after "${sign}".`)
  // `|` and `|&` end a stage, so what is left is in both tables.
  const kind = operator as keyof typeof defaultDescriptor
  const fd = token.number === null ? defaultDescriptor[kind] : readDescriptor(token.number, token.at, sign)
  if (kind === '>&') return { fd, to: { type: 'same', fd: readCopied(target, sign, token.at) } }
  return { fd, to: { type: 'file', path: target.text, mode: fileModes[kind] } }
}

function readCopied(target: WordToken, sign: string, at: number): Descriptor {
  if (target.text === '-')
    throw new LineError(at, `"${sign}-": closing a descriptor is not supported. Redirect it to /dev/null.`)
  if (!/^\d+$/.test(target.text))
    throw new LineError(at, `after "${sign}" there must be 0, 1 or 2. For a file write "> file 2>&1".`)
  return readDescriptor(target.text, at, `${sign}${target.text}`)
}

function readDescriptor(digits: string, at: number, sign: string): Descriptor {
  const number = Number(digits)
  if (number === 0 || number === 1 || number === 2) return number
  throw new LineError(at, `"${sign}": only the descriptors 0, 1 and 2 can be redirected in a pipeline.`)
}

const longestLabel = 40

function labelStage(number: number, command: string): string {
  const basename = command.replace(/\/+$/, '').split('/').at(-1)!
  const readable = basename.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, longestLabel)
  return `${number}-${readable === '' ? 'command' : readable}`
}
