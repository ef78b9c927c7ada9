/** How a payload goes that has the four bytes in it with which a frame begins. */

/** XORs what is from `start` to `end` with the four bytes of `mask`, little-endian, again and again. Twice: as it was. */
export function applyMask(bytes: Buffer, start: number, end: number, mask: number): void {
  for (let at = start; at < end; at++) bytes[at]! ^= (mask >>> (((at - start) & 3) << 3)) & 0xff
}
