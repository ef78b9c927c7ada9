/** How large a message of a ring may be. */
import { IpcsupError } from '../errors.js'

const largestSize = 2 ** 30

/**
 * Bytes of what was encoded.
 *
 * @throws IPCSUP_ERR_MESSAGE_SIZE when that is more than `largest`
 */
export function measureMessage(encoded: string | Uint8Array, largest: number): number {
  const bytes = typeof encoded === 'string' ? Buffer.byteLength(encoded) : encoded.length
  if (bytes > largest) throw tooLarge(bytes, largest)
  return bytes
}

/** @throws IPCSUP_ERR_MESSAGE_SIZE, and IPCSUP_ERR_VALUE_RANGE for what is no size */
export function checkReservation(bytes: number, largest: number): void {
  if (!Number.isSafeInteger(bytes) || bytes < 0) {
    throw new IpcsupError('IPCSUP_ERR_VALUE_RANGE', {
      what: `A message of ${bytes} bytes`,
      why: 'its size is a whole number from 0',
    })
  }
  if (bytes > largest) throw tooLarge(bytes, largest)
}

function tooLarge(bytes: number, largest: number): IpcsupError {
  const size = 2 ** Math.ceil(Math.log2((bytes + 16) * 2))
  const advice =
    size > largestSize ? 'Send it in parts.' : `With \`size: ${size}\` of the link it could; or send it in parts.`
  return new IpcsupError('IPCSUP_ERR_MESSAGE_SIZE', { bytes, largest, advice })
}
