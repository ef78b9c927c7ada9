/** The log worker's thread: a bundle of its own, started by `create.ts`. It loads no native module. */
import { parentPort, workerData } from 'node:worker_threads'
import { LogFlow } from './flow.js'
import type { FromWorker, Schedule, ToWorker, WorkerOptions } from './messages.js'

const schedule: Schedule = (delayMs, run) => {
  const timer = setTimeout(run, delayMs)
  return () => clearTimeout(timer)
}

function serve(port: NonNullable<typeof parentPort>): void {
  const flow = new LogFlow(workerData as WorkerOptions, (message: FromWorker) => port.postMessage(message), schedule)
  port.on('message', (message: ToWorker) => {
    if (message.type === 'attach') flow.attach(message.stream, message.account)
    else if (message.type === 'show') flow.show(message.text)
    else flow.close(message.deadlineMs)
  })
}

// The one file where something happens on import: that is what a thread's entry is for.
if (parentPort !== null) serve(parentPort)
