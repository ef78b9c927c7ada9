/**
 * What is said over the `fds` socket of a run: descriptors cannot travel over HTTP. A connection carries one request and
 * one answer, each one packet of JSON; the answer has the descriptor beside it.
 */
import { join } from 'node:path'
import type { DescribedLink, GivenEnd } from '../supervisor/outside-ends.js'
import type { WireError } from './wire.js'

/** Without `side` the link is only described. */
export interface EndRequest {
  readonly link: string
  readonly side?: string
}

/** A descriptor comes with it where that side has one. */
export type EndAnswer = DescribedLink | Omit<GivenEnd, 'descriptor'> | { readonly error: WireError }

/** Larger than any options of a link. */
export const mostPacketBytes = 128 * 1024

/** Path of the socket of a run; no longer than that of the control socket. */
export function fdsSocket(directory: string): string {
  return join(directory, 'fds')
}
