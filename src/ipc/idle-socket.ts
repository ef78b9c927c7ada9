/** The child's half of what Node can read or write as a stream. */
import type { Socket, SocketConstructorOpts } from 'node:net'

/**
 * Owns the descriptor. It takes nothing, and keeps no program alive, until somebody reads: what is still in the kernel
 * the next incarnation finds.
 */
export async function openIdleSocket(options: SocketConstructorOpts): Promise<Socket> {
  const { Socket } = await import('node:net')
  // Node's own option for its stdin, which its documentation does not have.
  return new Socket({ ...options, manualStart: true } as SocketConstructorOpts)
}
