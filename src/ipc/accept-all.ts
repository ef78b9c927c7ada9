/** Connections to a listening socket, taken in the event loop as they come. */
import { IpcsupError } from '../errors.js'
import { acceptConnection, type StopWatching, watchReadable } from '../platform/index.js'

/** Then the event loop has a turn. */
const mostAccepted = 64

/** How long nobody is accepted once descriptors have run out: who waits would wake the loop again and again. */
const exhaustedMs = 100

/**
 * Gives each new connection, non-blocking, to `admit`, which closes it some day. Never keeps the process alive.
 *
 * @param listener - non-blocking; the caller closes it, after the end
 * @returns what ends it; may be called twice
 */
export function acceptAll(listener: number, admit: (connection: number) => void): () => void {
  let watching: StopWatching | null = null
  let isOver = false
  const listen = (): void => {
    if (isOver) return
    watching = watchReadable(listener, acceptSome)
    watching.unref()
  }
  const pause = (): void => {
    watching?.()
    watching = null
  }
  const acceptSome = (): void => {
    try {
      for (let count = 0; count < mostAccepted && !isOver; count++) {
        const connection = acceptConnection(listener)
        if (connection === null) return
        admit(connection)
      }
    } catch (error) {
      if (!(error instanceof IpcsupError)) throw error
      pause()
      setTimeout(listen, exhaustedMs).unref()
    }
  }
  listen()
  return () => {
    isOver = true
    pause()
  }
}
