/** Bytes of shared memory. */
import { readInput } from '../input.js'
import { wrongUsage } from '../verb.js'
import { type Action, readBytes, type Use, withEnd } from './action.js'

interface Memory {
  readonly bytes: Uint8Array
  readonly isWritable?: boolean
  flush?(): Promise<void>
}

/** Large memory is printed in pieces: each is copied once. */
const pieceBytes = 1024 * 1024

export const read: Action = {
  words: '',
  options: ['side', 'offset', 'length'],
  run: use =>
    withEnd<Memory>(
      use,
      () => true,
      async ({ bytes }) => {
        const offset = readOffset(use, bytes.length)
        const length = readBytes(use.call, 'length') ?? bytes.length - offset
        if (offset + length > bytes.length) throw refuseRange(use, offset + length, bytes.length)
        for (let at = offset; at < offset + length && !use.call.out.isLost; at += pieceBytes) {
          use.call.out.write(Buffer.from(bytes.subarray(at, Math.min(at + pieceBytes, offset + length))))
        }
        return 0
      },
    ),
}

export const write: Action = {
  words: '',
  options: ['side', 'offset'],
  run: use =>
    withEnd<Memory>(
      use,
      () => true,
      async ({ bytes, isWritable, flush }, side) => {
        if (isWritable === false)
          throw wrongUsage(use.call, `The side ${side} of "${use.access.name}" can only be read.`)
        let at = readOffset(use, bytes.length)
        for await (const chunk of readInput()) {
          if (at + chunk.length > bytes.length) throw refuseRange(use, at + chunk.length, bytes.length)
          bytes.set(chunk, at)
          at += chunk.length
        }
        await flush?.()
        return 0
      },
    ),
}

function readOffset(use: Use, size: number): number {
  const offset = readBytes(use.call, 'offset') ?? 0
  if (offset > size) throw refuseRange(use, offset, size)
  return offset
}

function refuseRange({ call, access }: Use, end: number, size: number) {
  return wrongUsage(call, `"${access.name}" has ${size} bytes, and byte ${end} would be beyond its end.`)
}
