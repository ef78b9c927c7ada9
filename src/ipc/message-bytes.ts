import { types } from 'node:util'

/**
 * For what a program sends: text has no bytes until somebody says which, and of other arrays the kernel would get something else
 * than what is in them.
 *
 * @throws TypeError
 */
export function checkBytes(message: unknown): void {
  if (types.isUint8Array(message)) return
  const found = typeof message === 'object' && message !== null ? message.constructor.name : typeof message
  const advice = typeof message === 'string' ? '. Send Buffer.from(text)' : ''
  throw new TypeError(`A message must be a Uint8Array, such as a Buffer, not of type ${found}${advice}`)
}
