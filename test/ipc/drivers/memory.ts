// A Node child with the memory of the link "data". As fixtures/memory/board.py (put, get, wait), and what only a test does:
// `add:OFFSET:COUNT` counts with Atomics, `twice` opens it again, `write:OFFSET:TEXT` writes whatever the side allows.
import { writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { readHandoff } from '../../../src/ipc/handoff.js'
import type { Kind } from '../../../src/ipc/kind.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import type { Shm } from '../../../src/ipc/shm.js'

const { kind, side, fd, options } = readHandoff(process.env)['data']!
const open = async () =>
  (await (kinds as Record<string, Kind>)[kind]!.open({ descriptor: fd!, side, hint: {} }, options)) as Shm
const memory = await open()

const actions: Record<string, (at: number, what: string) => void | Promise<void>> = {
  put: (at, what) => void memory.bytes.write(what, at),
  write: (at, what) => void memory.bytes.write(what, at),
  get: (at, what) => void writeSync(1, `${memory.bytes.toString('latin1', at, at + Number(what))}\n`),
  wait: async (at, what) => {
    while (memory.bytes.toString('latin1', at, at + what.length) !== what) await delay(1)
  },
  add: (at, what) => {
    const counter = memory.view(Int32Array, at, 1)
    for (let left = Number(what); left > 0; left--) Atomics.add(counter, 0, 1)
  },
  twice: async () => {
    const second = await open()
    writeSync(1, `${second.buffer === memory.buffer}\n`)
  },
}

// Nothing is closed at the end: memory alone does not keep a program alive.
for (const word of process.argv.slice(2)) {
  const [action, offset, what] = word.split(':')
  await actions[action!]!(Number(offset), what ?? '')
}
