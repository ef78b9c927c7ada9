/** The thread of the logs, which clears away what waits for that when it is asked. Needs --expose-gc. */
import { BroadcastChannel } from 'node:worker_threads'
import '../../../../src/supervisor/logs/worker.js'

const channel = new BroadcastChannel('collect')
channel.unref()
channel.onmessage = () => {
  for (let round = 0; round < 3; round++) (globalThis as unknown as { gc(): void }).gc()
  channel.postMessage('done')
}
