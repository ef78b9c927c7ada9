/**
 * What a shell would do with a character or an operator that ipcsup does not do. Said in the error: nothing is taken
 * literally in silence.
 */

/** A place in a command line that cannot be understood. */
export class LineError extends Error {
  /** @param at - index of the character in the line, from 0 */
  constructor(
    readonly at: number,
    message: string,
  ) {
    super(`character ${at + 1}: ${message}`)
  }
}

const elsewhere = "or give the whole to a shell (shell: true, or sh -c '…')"

/** Characters that a shell expands where they are not quoted. */
export const expansions = {
  $: 'a shell expands it',
  '`': 'a shell runs what is between backticks',
  '*': 'a shell makes file names of it',
  '?': 'a shell makes file names of it',
  '[': 'a shell makes file names of it',
} as const satisfies Readonly<Record<string, string>>

/** Operators of a shell, longest first, so that the first that fits is the one meant. */
export const operators = [
  ...['<<<', '<<-', '&>>'],
  ...['<<', '<>', '<&', '<(', '>>', '>|', '>&', '>(', '&&', '&>', '||', '|&', ';;'],
  ...['<', '>', '&', '|', ';', '(', ')', '\n'],
] as const

export type Operator = (typeof operators)[number]

/** Operators that a pipeline understands; a command alone understands none. */
export type Supported = '|' | '|&' | '<' | '>' | '>>' | '>|' | '>&'

const unsupported: Readonly<Record<Exclude<Operator, Supported>, string>> = {
  '<<<': 'Here-strings are not supported; start the pipeline with printf',
  '<<-': 'Here-documents are not supported; read a file',
  '<<': 'Here-documents are not supported; read a file',
  '<>': 'Opening a file for both reading and writing is not supported',
  '<&': 'Copying an input descriptor is not supported',
  '<(': 'Process substitution is not supported; declare a pipe and name it in braces',
  '>(': 'Process substitution is not supported; declare a pipe and name it in braces',
  '&>>': 'Write ">> file 2>&1" instead',
  '&>': 'Write "> file 2>&1" instead',
  '&&': 'Lists of commands are not supported; declare processes with needs',
  '||': 'Lists of commands are not supported; declare processes with needs',
  '&': 'Every process runs beside the others, so there is no background',
  ';;': 'Lists of commands are not supported; declare processes with needs',
  ';': 'Lists of commands are not supported; declare processes with needs',
  '(': 'Subshells are not supported',
  ')': 'Subshells are not supported',
  '\n': 'A line break ends a command in a shell; lists of commands are not supported',
}

/** Words that are no commands where a command is expected, and unquoted. */
const reserved = new Set(
  [
    '!',
    '{',
    '}',
    '[[',
    'if',
    'then',
    'elif',
    'else',
    'fi',
    'for',
    'while',
    'until',
    'do',
    'done',
    'case',
    'esac',
  ].concat(['select', 'function', 'time', 'coproc']),
)

export function refuseExpansion(at: number, character: keyof typeof expansions, isDoubleQuoted: boolean): never {
  const place = isDoubleQuoted ? 'between double quotes' : 'unquoted'
  const cure = isDoubleQuoted ? 'use single quotes' : `quote it ('${character}')`
  throw new LineError(
    at,
    `${show(character)} ${place}: ${expansions[character]}, ipcsup does not. To mean it as it is, ${cure}, ${elsewhere}.`,
  )
}

export function refuseTilde(at: number): never {
  throw new LineError(
    at,
    `"~" unquoted: a shell puts a home directory here, ipcsup does not. Write the path, quote it ('~'), ${elsewhere}.`,
  )
}

export function refuseComment(at: number): never {
  throw new LineError(
    at,
    `"#" at the start of a word: a shell takes the rest as a comment. Leave it out, quote it ('#'), ${elsewhere}.`,
  )
}

export function refuseOperator(at: number, operator: Exclude<Operator, Supported>): never {
  throw new LineError(at, `${show(operator)}: ${unsupported[operator]}. To mean it as it is, quote it, ${elsewhere}.`)
}

/** @param operator - one that a pipeline understands, in a command that is none */
export function refuseInCommand(at: number, operator: Supported): never {
  throw new LineError(
    at,
    `${show(operator)} unquoted: a command alone has no pipes and redirections. Use stdin, stdout, stderr or pipelines, quote it, ${elsewhere}.`,
  )
}

/**
 * Words with a meaning of their own where a command is expected.
 *
 * @param text - the word, nothing of it quoted
 */
export function refuseReserved(at: number, text: string): void {
  if (reserved.has(text))
    throw new LineError(
      at,
      `${show(text)} is a word of the shell's own grammar. To run a command of that name, quote it, ${elsewhere}.`,
    )
  const variable = /^([A-Za-z_]\w*)\+?=/.exec(text)
  if (variable !== null)
    throw new LineError(
      at,
      `${show(text)} sets a variable in a shell. Use env: { ${variable[1]}: '…' }, or start with the command env.`,
    )
}

function show(text: string): string {
  return JSON.stringify(text)
}
