/** What a program tells its supervisor of itself, in the protocol of sd_notify(3): to ipcsup, or to systemd. */
import { closeSync } from 'node:fs'

/**
 * Tells that this program is ready (`READY=1`), for which others may wait by `needs: { name: 'ready' }`. Every time is
 * fine, the first counts.
 *
 * @returns false: nobody wants to know. The environment has no `NOTIFY_SOCKET`, because the process has no
 *   `ready: 'notify'` or runs without a supervisor; or the supervisor is gone
 */
export function ready(): Promise<boolean> {
  return tell('READY=1')
}

/**
 * Tells in one line what this program does now, for `ipcsup status`. Line ends become blanks; the first 1000 characters
 * count.
 *
 * @returns as {@link ready}
 */
export function status(text: string): Promise<boolean> {
  return tell(
    `STATUS=${text
      .replace(/\s*[\r\n]\s*/g, ' ')
      .replaceAll('\0', '')
      .slice(0, 1000)}`,
  )
}

/** One after the other: what was said first arrives first. */
let last: Promise<unknown> = Promise.resolve()

function tell(line: string): Promise<boolean> {
  const address = process.env['NOTIFY_SOCKET']
  if (address === undefined || address === '') return Promise.resolve(false)
  const told = last.then(() => send(address, Buffer.from(line)))
  last = told.catch(() => {})
  return told
}

const nobodyThere: readonly unknown[] = ['ENOENT', 'ECONNREFUSED', 'EPIPE', 'ECONNRESET', 'ENOTCONN']

async function send(address: string, bytes: Uint8Array): Promise<boolean> {
  const { connectNotificationSocket, sendMessage, watchWritable } = await import('../platform/index.js')
  let descriptor = -1
  try {
    descriptor = connectNotificationSocket(address)
    // The supervisor has not yet taken what others told it.
    while (!sendMessage(descriptor, bytes))
      await new Promise<void>(resolve => {
        const stop = watchWritable(descriptor, () => {
          stop()
          resolve()
        })
      })
    return true
  } catch (error) {
    const { detail } = error as { readonly detail?: Readonly<Record<string, unknown>> }
    if (nobodyThere.includes(detail?.['errno'])) return false
    throw error
  } finally {
    if (descriptor !== -1) closeSync(descriptor)
  }
}
