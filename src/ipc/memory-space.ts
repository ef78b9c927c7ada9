/** Space for memory: asked for before it is taken, then taken whole, so that no child finds later that it is missing. */
import { closeSync, constants, fstatSync, openSync, readSync, statfsSync, writeSync } from 'node:fs'
import { readAvailableMemory, reserveSpace } from '../platform/index.js'
import { errnoOf, type Refuse } from './refusal.js'

/**
 * Memory that is not there is not refused by the kernel: it kills whoever touches it.
 *
 * @throws IPCSUP_ERR_LINK_CREATE
 */
function checkMemory(bytes: number, refuse: Refuse): void {
  const available = readAvailableMemory()
  if (bytes <= available.bytes) return
  throw refuse(
    `its size of ${bytes} bytes is more than the memory that is left, ${available.bytes} bytes (${available.source})`,
    'Lower its `size`, or make memory free.',
  )
}

/**
 * @param directory - where the file is; null: it is memory without a name
 * @throws IPCSUP_ERR_LINK_CREATE
 */
export function claimSpace(descriptor: number, bytes: number, directory: string | null, refuse: Refuse): void {
  const place = directory === null ? null : { directory, ...statfsSync(directory) }
  if (place === null || place.type === TMPFS_MAGIC) checkMemory(bytes, refuse)
  // What the kernel takes before it finds that it is too much would be missing to all others meanwhile.
  if (place !== null && place.blocks > 0 && bytes - countTaken(descriptor) > place.bfree * place.bsize)
    throw refuse(...explain('ENOSPC', bytes, place))
  try {
    reserveSpace(descriptor, bytes)
  } catch (error) {
    const [why, advice] = explain(errnoOf(error), bytes, place)
    throw refuse(why, advice, error)
  }
}

// linux/magic.h
const TMPFS_MAGIC = 0x01021994

function countTaken(descriptor: number): number {
  return fstatSync(descriptor).blocks * 512
}

/** Of a file system, as it was before anything was taken. */
interface Place {
  readonly directory: string
  readonly bavail: number
  readonly bsize: number
}

function explain(errno: string, bytes: number, place: Place | null): [why: string, advice: string] {
  if (errno === 'EFBIG') return [`a file here cannot have ${bytes} bytes`, 'Lower its `size`, or raise `ulimit -f`.']
  if (errno !== 'ENOSPC' || place === null)
    return [`there is no space for ${bytes} bytes (${errno})`, 'Lower its `size`.']
  const { directory, bavail, bsize } = place
  return [
    `${directory} has no space for ${bytes} bytes: ${bavail * bsize} are free`,
    directory === '/dev/shm'
      ? 'Lower its `size`, leave out its name, or make /dev/shm larger (`mount -o remount,size=…`; in a container `--shm-size`).'
      : 'Lower its `size`, or make room.',
  ]
}

/** What memory begins with. */
export interface Content {
  readonly descriptor: number
  readonly path: string
  readonly bytes: number
}

/** The caller closes its descriptor. @throws IPCSUP_ERR_LINK_CREATE */
export function openContent(path: string, refuse: Refuse): Content {
  const descriptor = openForReading(path, refuse)
  const found = fstatSync(descriptor)
  if (found.isFile() && !hidesContent(descriptor, found.size)) return { descriptor, path, bytes: found.size }
  closeSync(descriptor)
  throw found.isFile()
    ? refuse(
        `its content ${path} has no size, as files of /proc have none`,
        'Copy it to a file, and give that as `from`.',
      )
    : refuse(`its content ${path} is no regular file`, 'Choose another file as `from`.')
}

/** What the kernel makes up while it is read says that it is empty. */
function hidesContent(descriptor: number, bytes: number): boolean {
  if (bytes > 0) return false
  try {
    return readSync(descriptor, Buffer.alloc(1), 0, 1, 0) > 0
  } catch {
    return true
  }
}

function openForReading(path: string, refuse: Refuse): number {
  try {
    // A FIFO would wait for a writer.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    throw refuse(`its content ${path} cannot be read (${errnoOf(error)})`, 'Correct `from`, or make that file.', error)
  }
}

const chunkBytes = 2 ** 20

/** Copies the content to the start of the file. */
export function copyContent({ descriptor, bytes }: Content, target: number): void {
  const chunk = Buffer.allocUnsafeSlow(Math.min(bytes, chunkBytes))
  for (let position = 0; position < bytes; ) {
    const count = readSync(descriptor, chunk, 0, Math.min(chunk.length, bytes - position), position)
    // It became shorter meanwhile.
    if (count === 0) return
    for (let done = 0; done < count; ) done += writeSync(target, chunk, done, count - done, position + done)
    position += count
  }
}

/** Of an error of Node's or of the platform. */
