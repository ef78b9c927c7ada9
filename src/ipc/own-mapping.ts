/** A mapping that ends when its owner says so, or is gone. */
import { closeSync } from 'node:fs'
import { mapMemory, openAgain, planUnmapping } from '../platform/index.js'

export interface OwnMapping {
  readonly memory: ArrayBuffer
  /** Nothing may touch the memory afterwards. May be called twice. */
  unmap(): void
}

const unmappers = new FinalizationRegistry<() => void>(unmap => unmap())

/**
 * Maps a file by a description of its own: a mapping keeps its description, and with it every lock of that one, until it
 * is unmapped or collected.
 */
export function mapAlone(descriptor: number): OwnMapping {
  const other = openAgain(descriptor)
  try {
    const memory = mapMemory(other, 'write')
    const unmap = planUnmapping(memory)
    const token = {}
    unmappers.register(memory, unmap, token)
    // Nobody collects for the sake of mappings: a program that opens and closes for each of its jobs would run out of them.
    return {
      memory,
      unmap: () => {
        if (unmappers.unregister(token)) unmap()
      },
    }
  } finally {
    closeSync(other)
  }
}
