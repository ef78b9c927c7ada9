/** A key that an object has twice: `JSON.parse` takes the last one and says nothing. */
export interface RepeatedKey {
  readonly key: string
  /** Keys that lead to the object, from the outermost; of what is in a list, that of the list. */
  readonly within: readonly string[]
  /** Index in the text of its first place, and of the one that is too many. */
  readonly first: number
  readonly again: number
}

interface Level {
  readonly places: Map<string, number>
  /** The key being read; none before the first, and in a list. */
  key: string | null
}

/** @param text - one that `JSON.parse` takes */
export function* findRepeatedKeys(text: string): Generator<RepeatedKey> {
  const levels: Level[] = []
  for (const { 0: token, 1: string, 2: colon, index } of text.matchAll(
    /("[^"\\]*(?:\\.[^"\\]*)*")([ \t\r\n]*:)?|[{}[\]]/g,
  )) {
    if (token === '{' || token === '[') levels.push({ places: new Map(), key: null })
    if (token === '}' || token === ']') levels.pop()
    if (colon === undefined) continue
    const key = JSON.parse(string!) as string
    const level = levels.at(-1)!
    const first = level.places.get(key)
    level.key = key
    if (first === undefined) level.places.set(key, index)
    else yield { key, within: listKeys(levels.slice(0, -1)), first, again: index }
  }
}

function listKeys(levels: readonly Level[]): string[] {
  return levels.flatMap(({ key }) => (key === null ? [] : [key]))
}
