/** What a program sent and did not publish yet is published before it waits, and before it ends. */

interface Flushing {
  /** No later turn comes: what is sent from now on is published at once. */
  isEnding: boolean
  /** Does not throw: one ring that is corrupt must not keep those who use another one. */
  flushQuietly(): void
}

// Not a set: it is gone through for each message that is waited for.
let writers: readonly Flushing[] = []

export function flushWriters(): void {
  for (let index = 0; index < writers.length; index++) writers[index]!.flushQuietly()
}

/** Others who listen for the end of the program may yet send something. */
function flushForEnd(): void {
  for (const writer of writers) writer.isEnding = true
  flushWriters()
}

/** First of all who listen for the exit: one of them may exit there, and end it for those after. */
export function rememberWriter(writer: Flushing): void {
  if (writers.length === 0) process.prependListener('exit', flushForEnd)
  writers = [...writers, writer]
}

export function forgetWriter(writer: Flushing): void {
  writers = writers.filter(one => one !== writer)
  if (writers.length === 0) process.off('exit', flushForEnd)
}
