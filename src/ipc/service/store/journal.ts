/** Which calls were begun, and what was replied: so that none is done twice. */

/** What is known of a call. */
export interface Entry {
  /** JSON of an object with `value`, `error` or `stream`; null: begun, and not recorded as done. */
  readonly reply: string | null
  /** When it was recorded, in ms since 1970. */
  readonly atMs: number
}

/** Replies that their callers have not acknowledged are kept so long, */
export const longestAgeMs = 7 * 24 * 60 * 60 * 1000
/** and no more than so many, the newest. */
const mostEntries = 1_000_000

export class Journal {
  readonly #entries = new Map<string, Entry>()
  readonly #most: number
  /** The latest `atMs` of all that were forgotten without having been acknowledged. */
  #forgottenBeforeMs = 0

  constructor(most = mostEntries) {
    this.#most = most
  }

  get forgottenBeforeMs(): number {
    return this.#forgottenBeforeMs
  }

  set forgottenBeforeMs(atMs: number) {
    this.#forgottenBeforeMs = Math.max(this.#forgottenBeforeMs, atMs)
  }

  clear(): void {
    this.#entries.clear()
  }

  find(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  /** Whether it may have known a key that was made then, and forgotten it. */
  mayHaveForgotten(madeMs: number): boolean {
    return madeMs <= this.#forgottenBeforeMs
  }

  record(key: string, entry: Entry): void {
    // Set anew it is the youngest.
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    if (this.#entries.size > this.#most) this.#forgetFirst()
  }

  #forgetFirst(): void {
    for (const [key, { atMs }] of this.#entries) {
      this.#entries.delete(key)
      this.forgottenBeforeMs = atMs
      return
    }
  }

  acknowledge(keys: readonly string[]): void {
    for (const key of keys) this.#entries.delete(key)
  }

  forgetOld(nowMs: number): void {
    for (const [key, { atMs }] of this.#entries) {
      if (atMs > nowMs - longestAgeMs) return
      this.#entries.delete(key)
      this.forgottenBeforeMs = atMs
    }
  }

  entries(): readonly (readonly [key: string, entry: Entry])[] {
    return [...this.#entries]
  }
}
