// Uses the readiness of a descriptor in one of several ways (first argument) and prints what happened.
import { closeSync, readFileSync, writeSync } from 'node:fs'
import { createPipe, watchReadable } from '../../../src/platform/index.js'

const isLoaded = (): boolean => readFileSync('/proc/self/maps', 'utf8').includes('koffi.node')

const modes: Record<string, () => void> = {
  promise: () => {
    const { read, write } = createPipe()
    writeSync(write, 'x')
    void new Promise<void>(resolve => {
      const stop = watchReadable(read, () => {
        stop()
        resolve()
      })
    }).then(() => {
      writeSync(1, 'went on\n')
      process.exit()
    })
    // At its end a program settles everything: something else keeps this one alive.
    setTimeout(() => process.exit(9), 60_000)
  },
  collect: () => {
    const { read, write } = createPipe()
    watchReadable(read, () => {
      writeSync(1, 'ready\n')
      process.exit()
    })
    for (let round = 0; round < 5; round++) (globalThis as unknown as { gc(): void }).gc()
    setTimeout(() => writeSync(write, 'x'), 50)
  },
  unref: () => {
    watchReadable(createPipe().read, () => {}).unref()
  },
  lazy: () => {
    const before = isLoaded()
    closeSync(createPipe().read)
    writeSync(1, `${before} ${isLoaded()}\n`)
  },
}

modes[process.argv[2]!]!()
