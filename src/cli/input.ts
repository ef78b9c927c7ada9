/**
 * The only reader of the command line's stdin. `process.stdin` is never touched: its getter sets O_NONBLOCK on a
 * description that is shared with the shell, and would take more than was asked for.
 */
import { read } from 'node:fs'
import { IpcsupError } from '../errors.js'
import { endProcess, watchReadable } from '../platform/index.js'
import { isClosedAtStart } from '../supervisor/host/closed-at-start.js'

const chunkBytes = 256 * 1024

/** What comes on stdin, to its end; a chunk is valid until the next one is asked for. Throws IPCSUP_ERR_SYSTEM. */
export async function* readInput(): AsyncGenerator<Buffer, void, undefined> {
  const buffer = Buffer.allocUnsafe(chunkBytes)
  // A read that nobody answers keeps a thread, and a normal end would wait for that thread.
  process.once('exit', endProcess)
  try {
    for (let length = await readSome(buffer); length > 0; length = await readSome(buffer)) {
      yield buffer.subarray(0, length)
    }
  } finally {
    process.off('exit', endProcess)
  }
}

/** All of stdin. */
export async function readWholeInput(): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of readInput()) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

/** What stands between separators, each as soon as it is there; the last one needs none after it. */
export async function* splitInput(separator: number): AsyncGenerator<Buffer, void, undefined> {
  let rest: Buffer[] = []
  for await (const chunk of readInput()) {
    let start = 0
    for (let end = chunk.indexOf(separator); end !== -1; end = chunk.indexOf(separator, start)) {
      yield Buffer.concat([...rest, chunk.subarray(start, end)])
      rest = []
      start = end + 1
    }
    if (start < chunk.length) rest.push(Buffer.from(chunk.subarray(start)))
  }
  if (rest.length > 0) yield Buffer.concat(rest)
}

async function readSome(buffer: Buffer): Promise<number> {
  for (;;) {
    const { errno, length } = await readOnce(buffer)
    if (errno === null) return length
    if (errno !== 'EAGAIN')
      throw new IpcsupError('IPCSUP_ERR_SYSTEM', { what: 'Reading the input', call: 'read', errno })
    // Somebody who shares the description made it non-blocking.
    await waitReadable()
  }
}

function readOnce(buffer: Buffer): Promise<{ errno: string | null; length: number }> {
  if (isClosedAtStart(0, process.env)) return Promise.resolve({ errno: 'EBADF', length: 0 })
  return new Promise(resolve => {
    read(0, buffer, 0, buffer.length, null, (error, length) =>
      resolve({ errno: error && (error.code ?? String(error)), length }),
    )
  })
}

function waitReadable(): Promise<void> {
  return new Promise(resolve => {
    const stop = watchReadable(0, () => {
      stop()
      resolve()
    })
  })
}
