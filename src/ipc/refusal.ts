/** How a kind says that it cannot make a link. */
import { IpcsupError } from '../errors.js'

/**
 * Makes the error of one link that cannot be made.
 *
 * @param why - goes on from `Link "x" cannot be created: `
 * @param advice - one sentence or more
 */
export type Refuse = (why: string, advice: string, cause?: unknown) => IpcsupError

export function refusalsOf(link: string): Refuse {
  return (why, advice, cause) => refuseLink(link, why, advice, cause)
}

/** See {@link Refuse}. */
export function refuseLink(link: string, why: string, advice: string, cause?: unknown): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_LINK_CREATE', { link, why, advice }, { cause })
}

/** Of an error of the platform or of Node: what the system called it. */
export function errnoOf(error: unknown): string {
  if (error instanceof IpcsupError) return String(error.detail['errno'] ?? error.code)
  return (error as NodeJS.ErrnoException).code ?? 'unknown error'
}
