// Takes or gives back a permit of the semaphore file of its first argument, and kills itself after the step of its third
// one (from 0; -1: it goes on to the end, then holds what it holds): "take" takes one, "give" takes one whole and gives
// it back, "bury" comes after the dead.
import { openSync, writeSync } from 'node:fs'
import { openPermitRecord, type Steps } from '../../../src/ipc/permit-record.js'
import { tryLockRange, unlockRange } from '../../../src/platform/index.js'

const [path, action, last] = process.argv.slice(2)
const descriptor = openSync(path!, 'r+')
const record = openPermitRecord(descriptor)
const recordLock = { start: 64, length: 1 }

function walk(steps: Steps<unknown>): void {
  let number = 0
  for (let step = steps.next(); !step.done; step = steps.next()) {
    if (number++ !== Number(last)) continue
    writeSync(1, `${step.value}\n`)
    process.kill(process.pid, 'SIGKILL')
    // The signal comes before this returns.
    for (;;);
  }
}

if (action === 'give' && !record.tryTake()) throw new Error('none is free')
if (!tryLockRange(descriptor, recordLock)) throw new Error('the record is locked')
walk(action === 'bury' ? record.steps.bury() : action === 'give' ? record.steps.give() : record.steps.take())
unlockRange(descriptor, recordLock)
writeSync(1, 'done\n')
if (action === 'take') setInterval(() => {}, 1000)
