// Counts the mappings of one piece of memory: while it is used, when its end is closed, and when the views are gone too.
import { readFileSync, writeSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { openShm } from '../../../src/ipc/shm.js'
import { createMemory, reserveSpace } from '../../../src/platform/index.js'

const collectGarbage = (globalThis as unknown as { gc: () => void }).gc
const count = (): number => readFileSync('/proc/self/maps', 'utf8').split('unmap-test').length - 1

async function collect(): Promise<void> {
  for (let round = 0; round < 20; round++) {
    collectGarbage()
    await turn()
  }
}

function open(): { view: Uint8Array; close: () => void } {
  const descriptor = createMemory('unmap-test')
  reserveSpace(descriptor, 4096)
  const memory = openShm({ descriptor, side: 'map' })
  return { view: memory.view(Uint8Array), close: memory.close }
}

const held: { view: Uint8Array | null; close: (() => void) | null } = open()
await collect()
writeSync(1, `mapped ${count()}`)
held.close!()
held.close = null
await collect()
writeSync(1, `, closed ${held.view!.length === 4096 ? count() : 'early'}`)
held.view = null
await collect()
writeSync(1, `, collected ${count()}\n`)
