/** A process of its own with many silent log streams, which reports what they cost. Argument: how many. */
import { closeSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { BroadcastChannel } from 'node:worker_threads'
import { createLogs } from '../../../../src/supervisor/logs/create.js'
import { until } from '../../../support/conditions.js'
import { makePipes, makeTemporaryDirectory } from '../support.js'

const streams = Number(process.argv[2])
const warnings: string[] = []
const flagsBefore = readFileSync('/proc/self/fdinfo/1', 'utf8')
const pipes = makePipes(streams)
const directory = makeTemporaryDirectory()
const logs = createLogs({
  ...{ directory, maxBytes: 1_000_000, files: 2, display: null },
  onWarning: message => warnings.push(message),
  workerUrl: new URL('./idle-worker.mjs', import.meta.url),
})
const attach = (from: number, to: number) =>
  pipes.slice(from, to).forEach(({ read }, index) => {
    logs.attach({ process: `p${from + index}`, stream: 'stdout', descriptor: read })
  })
// The worker is there when its first stream is.
attach(0, 1)
let epoll: string | undefined
await until('the worker reads', () => {
  epoll = readdirSync('/proc/self/fd').find(fd => isReadBy(fd, 0))
  return epoll !== undefined
})
const privateBefore = await readPrivateKiB()
attach(1, streams)
await until('all are read', () => isReadBy(epoll!, streams - 1))
const privateAfter = await readPrivateKiB()
// What wakes for its streams does so all the time; what V8 still has to clear away makes one of the windows busier.
const windows: number[] = []
for (let window = 0; window < 3; window++) windows.push(await countWakes(700))
const switches = Math.min(...windows)
const flagsAfter = readFileSync('/proc/self/fdinfo/1', 'utf8')
for (const { write } of pipes) closeSync(write)
await logs.close({ deadlineMs: 10_000 })
rmSync(directory, { recursive: true })
const perStreamKiB = (privateAfter - privateBefore) / (streams - 1)
process.stdout.write(JSON.stringify({ perStreamKiB, switches, isOutputTouched: flagsBefore !== flagsAfter, warnings }))

/** The worker waits for bytes of that pipe: it is listed by the worker's epoll. */
function isReadBy(epoll: string, index: number): boolean {
  return readFdInfo(epoll).includes(`tfd: ${String(pipes[index]!.read).padStart(8)}`)
}

function readFdInfo(fd: string): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
  } catch {
    return ''
  }
}

/** Without what only waits to be cleared away, in either thread. Needs --expose-gc. */
async function readPrivateKiB(): Promise<number> {
  for (let round = 0; round < 3; round++) (globalThis as unknown as { gc(): void }).gc()
  const channel = new BroadcastChannel('collect')
  const isDone = new Promise(resolve => {
    channel.onmessage = resolve
  })
  channel.postMessage('collect')
  await isDone
  channel.close()
  const rollup = readFileSync('/proc/self/smaps_rollup', 'utf8')
  return [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+)/gm)].reduce((sum, [, kib]) => sum + Number(kib), 0)
}

async function countWakes(windowMs: number): Promise<number> {
  const before = countWaits()
  await pause(windowMs)
  return countWaits() - before
}

/** Who is woken waits again. How often others took the processor away says nothing of us. */
function countWaits(): number {
  return readdirSync('/proc/self/task').reduce((sum, task) => {
    const status = readFileSync(`/proc/self/task/${task}/status`, 'utf8')
    return sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)![1])
  }, 0)
}
