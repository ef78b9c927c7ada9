/** A process of its own with many silent log streams, which reports what they cost. Argument: how many. */
import { closeSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { createLogs } from '../../../../src/supervisor/logs/create.js'
import { makePipe, makeTemporaryDirectory, until } from '../support.js'

const streams = Number(process.argv[2])
const warnings: string[] = []
const flagsBefore = readFileSync('/proc/self/fdinfo/1', 'utf8')
const pipes = Array.from({ length: streams }, () => makePipe())
const directory = makeTemporaryDirectory()
const logs = createLogs({
  ...{ directory, maxBytes: 1_000_000, files: 2, display: null },
  onWarning: message => warnings.push(message),
  workerUrl: new URL('./log-worker.mjs', import.meta.url),
})
const attach = (from: number, to: number) =>
  pipes.slice(from, to).forEach(({ read }, index) => {
    logs.attach({ process: `p${from + index}`, stream: 'stdout', descriptor: read })
  })
// The worker is there when its first stream is.
attach(0, 1)
await isRead(0)
const privateBefore = readPrivateKiB()
attach(1, streams)
await isRead(streams - 1)
const privateAfter = readPrivateKiB()
const switchesBefore = countSwitches()
await pause(2_000)
const switches = countSwitches() - switchesBefore
const flagsAfter = readFileSync('/proc/self/fdinfo/1', 'utf8')
for (const { write } of pipes) closeSync(write)
await logs.close({ deadlineMs: 10_000 })
rmSync(directory, { recursive: true })
const perStreamKiB = (privateAfter - privateBefore) / (streams - 1)
process.stdout.write(JSON.stringify({ perStreamKiB, switches, isOutputTouched: flagsBefore !== flagsAfter, warnings }))

/** The worker waits for bytes of that pipe: it is listed by the worker's epoll. */
async function isRead(index: number): Promise<void> {
  const { read } = pipes[index]!
  await until(() =>
    readdirSync('/proc/self/fd').some(fd => readFdInfo(fd).includes(`tfd: ${String(read).padStart(8)}`)),
  )
}

function readFdInfo(fd: string): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
  } catch {
    return ''
  }
}

function readPrivateKiB(): number {
  const rollup = readFileSync('/proc/self/smaps_rollup', 'utf8')
  return [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+)/gm)].reduce((sum, [, kib]) => sum + Number(kib), 0)
}

function countSwitches(): number {
  return readdirSync('/proc/self/task').reduce((sum, task) => {
    const status = readFileSync(`/proc/self/task/${task}/status`, 'utf8')
    return sum + [...status.matchAll(/ctxt_switches:\s+(\d+)/g)].reduce((count, [, found]) => count + Number(found), 0)
  }, 0)
}
