/**
 * The name that was probably meant: the nearest of `names` by edits (insert, delete, replace, swap two neighbours),
 * case counted. Short words allow one edit, longer ones two, a single letter none: every other letter would be near it.
 * The first of equals wins.
 *
 * @param farthest - at most so many edits, whatever the length
 * @returns null when nothing is near, or when `word` itself is one of the names
 */
export function nearest(word: string, names: Iterable<string>, farthest = 2): string | null {
  let allowed = Math.min(farthest, word.length <= 1 ? 0 : word.length <= 4 ? 1 : 2)
  let best: string | null = null
  for (const name of names) {
    if (name === word) return null
    if (Math.abs(name.length - word.length) > allowed) continue
    const distance = countEdits(word, name)
    if (distance > allowed) continue
    best = name
    allowed = distance - 1
  }
  return best
}

/** ` Did you mean "lines"?` or nothing: the end of a sentence about an unknown name. */
export function suggest(word: string, names: Iterable<string>, farthest = 2): string {
  const name = nearest(word, names, farthest)
  return name === null ? '' : ` Did you mean "${name}"?`
}

/** Optimal string alignment distance: Levenshtein's with swaps of neighbours. */
function countEdits(from: string, to: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const replaced = last[column - 1]! + (from[row - 1] === to[column - 1] ? 0 : 1)
      current[column] = Math.min(replaced, last[column]! + 1, current[column - 1]! + 1)
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1])
        current[column] = Math.min(current[column]!, beforeLast[column - 2]! + 1)
    }
    beforeLast = last
    last = current
  }
  return last[to.length]!
}
