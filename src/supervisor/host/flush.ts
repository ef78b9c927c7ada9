/** What processes wrote to mapped files, brought to the disk before the links go. */
import type { Links } from './links.js'

/**
 * On another thread: a slow disk must not keep anybody waiting for a signal. Without a time limit, for the same reason
 * as `sync`: what is not written yet is data.
 *
 * @param warn - told of a disk that fails; nothing else can be done about it
 * @returns null when nothing there belongs on a disk
 */
export function flushLinks(
  links: Links,
  names: readonly string[],
  warn: (message: string) => void,
): Promise<unknown> | null {
  const flushing = names.flatMap(name => {
    const flushed = links.flush(name)
    if (flushed === null) return []
    return flushed.catch((error: NodeJS.ErrnoException) =>
      warn(`What was written to link "${name}" may not be on the disk: ${error.syscall}: ${error.code}.`),
    )
  })
  return flushing.length === 0 ? null : Promise.all(flushing)
}
