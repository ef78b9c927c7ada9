import { findJsonFault } from './json-fault.js'

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
  try {
    return JSON.parse(text)
  } catch (cause) {
    const before = text.slice(0, findJsonFault(text)).split('\n')
    const next = text[findJsonFault(text)]
    const what = next === undefined ? 'the JSON ends too early.' : `${JSON.stringify(next)} is no valid JSON here.`
    throw new SyntaxFault(file, before.length, before.at(-1)!.length + 1, what, { cause })
  }
}
