/** What a program sent and did not publish yet is published before it waits, and before it ends. */

interface Flushing {
  /** Does not throw: one ring that is corrupt must not keep those who use another one. */
  flushQuietly(): void
}

const writers = new Set<Flushing>()

export function flushWriters(): void {
  for (const writer of writers) writer.flushQuietly()
}

export function rememberWriter(writer: Flushing): void {
  if (writers.size === 0) process.on('exit', flushWriters)
  writers.add(writer)
}

export function forgetWriter(writer: Flushing): void {
  writers.delete(writer)
  if (writers.size === 0) process.off('exit', flushWriters)
}
