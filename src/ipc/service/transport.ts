/** Lines between two programs, whatever carries them. */
import type { Items } from './lines.js'

export type { Items, Received } from './lines.js'

export interface Listener {
  /** How many items a short line has that is said to it in memory. */
  readonly shortItems?: number
  /** Lines that arrived together. */
  onLines(lines: Items): void
  /** All that waited has been written. */
  onDrain?(): void
  /** Is something likely to come within microseconds? Then it is worth to look for it again and again. */
  isExpecting?(): boolean
  /** About to read, and having written: places for tests. */
  onReadable?(): void
  onWritten?(): void
  /** Once, at the end, unless it was closed here: nothing comes any more. `why`: what was wrong with a line. */
  onEnd(why: Error | null): void
}

/** JSON; or numbers that are the same as JSON. */
export type ShortValue = string | number | readonly number[]

export interface Transport {
  /** What is sent goes through memory, where lines can be short. */
  readonly takesShort: boolean
  /** Takes lines with their ends. All of one turn of the program go together, at its end. */
  send(lines: string): void
  /** The same of one short line: a call of `name`, which is JSON, or a value. Where {@link takesShort} is true. */
  sendShort(number: number, name: string | null, value: ShortValue): void
  /** Writes what was taken, now. true: all of it is where the other side can read it, whatever happens to this one. */
  flush(): boolean
  /** Resolves when all is written, or nobody is there to read it. */
  finish(): Promise<void>
  /** Reads no more, for the time being. */
  pause(): void
  resume(): void
  /** Offers to go on in memory. Where that is not possible all stays as it is. */
  offerRing(): void
  /** What the other side says of memory. */
  hearRing(said: unknown): void
  /** Nobody is told. What was not written is lost. */
  close(): void
}
