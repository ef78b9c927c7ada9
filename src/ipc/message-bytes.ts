import { types } from 'node:util'
import { IpcsupError } from '../errors.js'

/**
 * For what a program sends: text has no bytes until somebody says which, and of other arrays the kernel would get something else
 * than what is in them.
 *
 * @throws IPCSUP_ERR_VALUE_RANGE
 */
export function checkBytes(message: unknown): void {
  if (types.isUint8Array(message)) return
  const found = typeof message === 'object' && message !== null ? message.constructor.name : typeof message
  const advice = typeof message === 'string' ? '; send Buffer.from(text)' : ''
  throw new IpcsupError('IPCSUP_ERR_VALUE_RANGE', {
    what: `Sending a value of type ${found}`,
    why: `a message must be a Uint8Array, such as a Buffer${advice}`,
  })
}
