// Takes a permit of the link "data" as its first argument says, "take" or "keep", and kills itself.
import { link } from '../../../src/child/index.js'
import type { Semaphore } from '../../../src/ipc/semaphore-end.js'

const permits = await link<Semaphore>('data')
await permits.acquire({ keep: process.argv[2] === 'keep' })
process.kill(process.pid, 'SIGKILL')
