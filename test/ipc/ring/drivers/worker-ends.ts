// Worker threads that have an end of the link "data". Told line by line: start (says what it received, or whether it has sent),
// end (by terminate), close (by itself), count (of descriptors), and opened (how many there were when the last one had its end).
import { once } from 'node:events'
import { readdirSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { link, type RingReader, type RingWriter } from '../../../../src/child/index.js'

const say = (line: string): void => void writeSync(1, `${line}\n`)

const count = (): number => readdirSync('/proc/self/fd').length

const workers: Worker[] = []
const opened: Int32Array = isMainThread ? new Int32Array(new SharedArrayBuffer(4)) : workerData

const commands: Readonly<Record<string, () => Promise<void> | void>> = {
  start: async () => {
    const worker = new Worker(new URL(import.meta.url), { workerData: opened })
    workers.push(worker)
    say((await once(worker, 'message'))[0])
  },
  end: async () => {
    await workers.shift()!.terminate()
    say('ended')
  },
  close: async () => {
    const worker = workers.shift()!
    worker.postMessage('close')
    await once(worker, 'exit')
    say('closed')
  },
  count: () => say(String(count())),
  opened: () => say(String(opened[0])),
}

async function run(): Promise<void> {
  for await (const command of createInterface(process.stdin)) await commands[command]!()
  for (const worker of workers) await worker.terminate()
}

async function work(): Promise<void> {
  const end = await link<RingReader | RingWriter>('data')
  opened[0] = count()
  parentPort!.once('message', () => end.close())
  if ('receive' in end) {
    const message = await end.receive()
    parentPort!.postMessage(`received ${message?.text}`)
    // It waits for the next one when it is ended, or closed.
    await end.receive().catch(() => {})
  } else {
    parentPort!.postMessage(`sent ${end.trySend('x'.repeat(1000))}`)
    while (await end.send('x'.repeat(1000)).catch(() => false));
  }
}

if (isMainThread) await run()
else await work().catch((error: Error) => parentPort!.postMessage(error.message))
