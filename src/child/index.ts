/**
 * `ipcsup/child`: what a Node program under supervision may import to use its ends of links. Every end can be used
 * without it too: the environment tells its descriptor (see the page on the handoff).
 */
import { IpcsupError } from '../errors.js'
import { readHandoff } from '../ipc/handoff.js'
import type { Kind } from '../ipc/kind.js'

/** Names of the links that this process has an end of; empty when ipcsup did not start it. */
export function linkNames(): readonly string[] {
  return Object.keys(readHandoff(process.env))
}

/**
 * Opens this process's end of a link: a Readable or Writable for `pipe` and `fifo`, a `net.Socket` for a stream
 * `socketpair`, a MessageEndpoint for one that carries messages. The end owns its descriptor, so ask for it once.
 *
 * @throws IpcsupError `IPCSUP_ERR_NO_SUCH_END` when this process has no end of that link
 */
export async function link<End = unknown>(name: string): Promise<End> {
  const told = readHandoff(process.env)
  const { kind, side, fd, options, ...hint } = told[name] ?? fail(name, Object.keys(told))
  const { kinds } = await import('../ipc/kinds/index.js')
  const { open } = (kinds as Readonly<Record<string, Kind>>)[kind]!
  return (await open({ descriptor: fd ?? -1, side, hint }, options)) as End
}

function fail(name: string, known: readonly string[]): never {
  throw new IpcsupError('IPCSUP_ERR_NO_SUCH_END', { name, known: known.join(', ') || 'none' })
}
