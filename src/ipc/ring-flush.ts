/** What a program sent and did not publish yet is published before it waits, and before it ends. */

interface Flushing {
  /** Does not throw: one ring that is corrupt must not keep those who use another one. */
  flushQuietly(): void
}

// Not a set: it is gone through for each message that is waited for.
let writers: readonly Flushing[] = []

export function flushWriters(): void {
  for (let index = 0; index < writers.length; index++) writers[index]!.flushQuietly()
}

export function rememberWriter(writer: Flushing): void {
  if (writers.length === 0) process.on('exit', flushWriters)
  writers = [...writers, writer]
}

export function forgetWriter(writer: Flushing): void {
  writers = writers.filter(one => one !== writer)
  if (writers.length === 0) process.off('exit', flushWriters)
}
