/** Braces that stay as they are, and that bash makes several words of. A POSIX shell leaves them too. */
import { tokenize } from './words.js'

const expanded = /\{(?:[^{}]*,[^{}]*|-?\d+\.\.-?\d+(?:\.\.-?\d+)?|[A-Za-z]\.\.[A-Za-z](?:\.\.-?\d+)?)\}/

/**
 * Words such as `{a,b}` or `x{1..3}` that are not quoted, each with the sentence about it.
 *
 * @param line - one that `tokenize` takes
 */
export function explainBraces(line: string): string[] {
  if (!line.includes('{')) return []
  return tokenize(line).flatMap(token =>
    token.type === 'word' && expanded.test(token.bare) ? [explain(token.at, token.text)] : [],
  )
}

function explain(at: number, word: string): string {
  const shown = JSON.stringify(word)
  return `character ${at + 1}: ${shown} unquoted: bash makes several words of it, ipcsup does not: it stays as it is. To mean that, quote it, else write the words out, or give the whole to bash (bash -c '…').`
}
