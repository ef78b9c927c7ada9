/** Files of KEY=VALUE lines. */

/**
 * Reads the text of such a file: blank lines and lines that start with `#` mean nothing; a value may be in single
 * quotes (as it is) or in double quotes (`\"`, `\\` and `\n` mean what they say); ` #` after a value starts a comment;
 * `export` before a name means nothing.
 * Nothing is expanded.
 *
 * @throws EnvFileError for the first line that is none of this
 */
export function parseEnvFile(text: string): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const [name, value] = parseLine(trimmed, index + 1)
    variables[name] = value
  }
  return variables
}

/** What is wrong with which line, counted from 1. Never has the value, which may be a secret. */
export class EnvFileError extends Error {
  constructor(
    readonly line: number,
    readonly why: string,
  ) {
    super(`line ${line}: ${why}`)
  }
}

function parseLine(line: string, number: number): [name: string, value: string] {
  const equals = line.indexOf('=')
  if (equals === -1) throw new EnvFileError(number, 'there is no "=" in it')
  // As in files that a shell reads too.
  const name = line
    .slice(0, equals)
    .trimEnd()
    .replace(/^export\s+/, '')
  if (!/^[^\s"'#]+$/.test(name)) throw new EnvFileError(number, 'what is before the "=" is not a name')
  return [name, parseValue(line.slice(equals + 1).trimStart(), number)]
}

function parseValue(text: string, number: number): string {
  const quote = text[0]
  if (quote !== '"' && quote !== "'") return text.replace(/(^|\s+)#.*$/, '')
  const [all, inside, rest] = (quote === '"' ? /^"((?:[^"\\]|\\.)*)"(.*)$/ : /^'([^']*)'(.*)$/).exec(text) ?? []
  if (all === undefined) throw new EnvFileError(number, `the ${quote} is not closed`)
  if (!/^\s*(#.*)?$/.test(rest!)) throw new EnvFileError(number, `there is text after the closing ${quote}`)
  return quote === '"' ? inside!.replace(/\\([\\"n])/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped)) : inside!
}
