/** How one call is made. */
import { inspect } from 'node:util'
import { IpcsupError } from '../../errors.js'
import type { CallOptions } from './api.js'
import type { PendingCall } from './pending-call.js'

const none: CallOptions = {}
const longestId = 1024

/** Throws IPCSUP_ERR_VALUE_RANGE for what makes no sense, and the reason of a signal that is aborted already. */
export function checkOptions({ title }: PendingCall, options = none): CallOptions {
  const { timeout, signal, id } = options
  const refuse = (what: string, why: string) => new IpcsupError('IPCSUP_ERR_VALUE_RANGE', { what, why })
  if (timeout !== undefined && !(typeof timeout === 'number' && timeout >= 0))
    throw refuse(`Waiting ${inspect(timeout)} ms for "${title}"`, 'a timeout is a number of ms from 0')
  if (id !== undefined && (typeof id !== 'string' || id === '' || id.length > longestId))
    throw refuse(
      `"${title}" with the id ${inspect(id).slice(0, 80)}`,
      `an id is a text of 1 to ${longestId} characters`,
    )
  signal?.throwIfAborted()
  return options
}
