/** The child's half of memory: `shm`, and files that are mapped. */
import { closeSync, fstatSync, fsync } from 'node:fs'
import { promisify } from 'node:util'
import { mapMemory, planUnmapping } from '../platform/index.js'
import { closedEnd } from './closed-end.js'
import type { ChildEnd } from './kind.js'
import { beginEnd, type ClosableEnd } from './open-end.js'

/** A constructor of typed arrays, or DataView. */
export interface ViewType<View> {
  new (buffer: ArrayBuffer, byteOffset: number, length: number): View
  readonly BYTES_PER_ELEMENT?: number
}

/**
 * Memory that is shared with other processes. A change is seen by all at once; only what is done by `Atomics` is never
 * seen half done. `Atomics.wait` and `notify` do not work on it.
 */
export interface Shm extends ClosableEnd {
  /** All of it. Must not be transferred to another thread. */
  readonly buffer: ArrayBuffer
  /** The same, byte by byte. */
  readonly bytes: Buffer
  /** False at the side `map-ro`: a write there kills this process by SIGSEGV, as in every language. */
  readonly isWritable: boolean
  /**
   * A part of it as numbers, such as `view(Int32Array)`.
   *
   * @param byteOffset - must be a multiple of the size of an element
   * @param length - in elements; default: as many as there are
   */
  view<View>(type: ViewType<View>, byteOffset?: number, length?: number): View
  /** Resolves when what was written to a file is on its disk. */
  flush(): Promise<void>
  /** Closes the descriptor. The memory stays readable as long as the program has a view of it. */
  close(): void
}

interface Mapping {
  readonly buffer: ArrayBuffer
  readonly descriptor: number
  users: number
}

/** One mapping for each object and access: more would cost address space, and nothing is gained. */
const mappings = new Map<string, Mapping>()

/** @param end - its descriptor belongs to the memory from now on; ask twice and the same memory comes */
export function openShm({ link, descriptor, side }: Pick<ChildEnd, 'link' | 'descriptor' | 'side'>): Shm {
  const isWritable = side !== 'map-ro'
  const { dev, ino } = fstatSync(descriptor)
  const key = `${dev}:${ino}:${isWritable}`
  const mapping = mappings.get(key) ?? {
    buffer: mapMemory(descriptor, isWritable ? 'write' : 'read'),
    descriptor,
    users: 0,
  }
  if (mapping.descriptor !== descriptor) closeSync(descriptor)
  mappings.set(key, mapping)
  mapping.users++
  const { buffer } = mapping
  const leave = (): void => {
    if (--mapping.users > 0) return
    mappings.delete(key)
    endMapping(mapping)
  }
  const { close, once, isOpen } = beginEnd(leave)
  const bytes = Buffer.from(buffer)
  return {
    buffer,
    bytes,
    isWritable,
    view: (type, byteOffset = 0, length) => {
      const size = type.BYTES_PER_ELEMENT ?? 1
      return new type(buffer, byteOffset, length ?? Math.floor((buffer.byteLength - byteOffset) / size))
    },
    flush: async () => {
      if (!isOpen()) throw closedEnd(link, 'memory')
      // Who closes meanwhile does not take the descriptor away from under it.
      mapping.users++
      try {
        await promisify(fsync)(mapping.descriptor)
      } finally {
        leave()
      }
    },
    close,
    once,
  }
}

// Memory that a view may still reach must stay mapped; when the buffer is collected, no view of it is left.
const unmappings = new FinalizationRegistry<() => void>(unmap => unmap())

function endMapping({ buffer, descriptor }: Mapping): void {
  closeSync(descriptor)
  // One that was transferred away is empty here, and lives on in another buffer that we do not know.
  if (buffer.byteLength > 0) unmappings.register(buffer, planUnmapping(buffer))
}
