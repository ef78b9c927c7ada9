import { findJsonFault } from './json-fault.js'
import { findRepeatedKeys } from './json-repeats.js'
import { quote } from './problems.js'

/** A place in the text of a config that its language does not allow. */
export class SyntaxFault extends Error {
  /** @param line - from 1; @param column - from 1 */
  constructor(
    readonly file: string,
    readonly line: number,
    readonly column: number,
    what: string,
    options?: { cause?: unknown },
  ) {
    super(`${file}:${line}:${column}: ${what}`, options)
  }
}

/** A config whose export is no data. */
export class ExportFault extends Error {}

/** @throws SyntaxFault */
export function parseJson(file: string, given: string): unknown {
  // Some editors write a byte order mark; JSON.parse takes none.
  const text = given.replace(/^\ufeff/, '')
  const parsed = parseOrRefuse(file, text)
  refuseRepeatedKeys(file, text)
  return parsed
}

function parseOrRefuse(file: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const at = findJsonFault(text)
    const next = text[at]
    const what = next === undefined ? 'the JSON ends too early.' : `${JSON.stringify(next)} is no valid JSON here.`
    const { line, column } = locate(text, at)
    throw new SyntaxFault(file, line, column, what, { cause })
  }
}

function refuseRepeatedKeys(file: string, text: string): void {
  // The rest of a package.json is not ours to judge.
  const isPackage = file.endsWith('/package.json')
  for (const { key, within, first, again } of findRepeatedKeys(text)) {
    if (isPackage && (within[0] ?? key) !== 'ipcsup') continue
    const { line, column } = locate(text, again)
    const what = `the key ${quote(key)} is there already, in line ${locate(text, first).line}. Keep one of the two.`
    throw new SyntaxFault(file, line, column, what)
  }
}

/** From 1, both. */
function locate(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at).split('\n')
  return { line: before.length, column: before.at(-1)!.length + 1 }
}
