/** What links take for themselves. */
import { parseListenAddress } from './listen-address.js'
import type { OptionValue } from './options.js'

/** What a link takes for itself, so that a second one that wants it could not be made. */
export interface Claim {
  /** The option that says it. */
  readonly option: string
  /** Such as `the path /run/a.sock`: the same words, the same thing. */
  readonly what: string
  /** A later link that `accepts` one of these can have it too. Default: none. */
  readonly offers?: readonly string[]
  readonly accepts?: readonly string[]
}

/** Of the option `path`; null: the run gives it a path of its own. */
export function claimPath(path: OptionValue | undefined, more: Pick<Claim, 'offers' | 'accepts'> = {}): Claim | null {
  return typeof path === 'string' ? { option: 'path', what: `the path ${path}`, ...more } : null
}

/**
 * Of the option `listen`; null: any free port, or no address at all.
 *
 * @param everywhere - the host that no host stands for
 * @param sharing - the same for others makes them share it
 */
export function claimPort(
  protocol: 'tcp' | 'udp',
  listen: OptionValue | undefined,
  everywhere: string,
  sharing: readonly string[],
): Claim | null {
  const address = parseListenAddress(String(listen))
  if (address === null || address.port === 0) return null
  const host = address.host ?? everywhere
  const shown = host.includes(':') ? `[${host}]` : host
  return { option: 'listen', what: `the ${protocol} port ${shown}:${address.port}`, offers: sharing, accepts: sharing }
}
