// Has ends of the ring "data" at the descriptors from 3 on, "COUNT" of them, and few that it may open: for 0, 1, 2 and so on that
// are left says what comes of a bell, of opening the next end, of waiting there, and how many stay open afterwards. "worker":
// all that in a worker thread.
import { closeSync, openSync, readdirSync, writeSync } from 'node:fs'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { openRingEnd, type RingReader } from '../../../../src/ipc/ring-end.js'
import { createLoop } from '../../../../src/platform/index.js'

const say = (what: unknown): void => void writeSync(1, `${JSON.stringify(what)}\n`)
const explain = (error: unknown): string => {
  const { name, code, message } = error as NodeJS.ErrnoException
  return name === 'AbortError' ? 'waited' : `${name} ${code}: ${message}`
}

function tryLoop(): string {
  try {
    closeSync(createLoop())
    return 'fine'
  } catch (error) {
    return explain(error)
  }
}

async function tryEnd(descriptor: number): Promise<readonly string[]> {
  let end: RingReader
  try {
    end = (await openRingEnd({ descriptor, side: 'read', hint: {}, link: 'data' })) as RingReader
  } catch (error) {
    return [explain(error)]
  }
  const leaving = new AbortController()
  const waiting = end.receive({ signal: leaving.signal }).then(() => 'received', explain)
  setImmediate(() => leaving.abort())
  const waited = await waiting
  end.close()
  return ['fine', waited]
}

/** All descriptors but so many are in use. */
function fill(left: number): () => void {
  const fillers: number[] = []
  try {
    for (;;) fillers.push(openSync('/dev/null', 'r'))
  } catch {
    for (let count = 0; count < left; count++) closeSync(fillers.pop()!)
  }
  return () => {
    for (const filler of fillers) closeSync(filler)
  }
}

const countOpen = (): number => readdirSync('/proc/self/fd').length

async function run(count: number): Promise<void> {
  await tryEnd(3)
  for (let left = 0; left < count - 1; left++) {
    const empty = fill(left)
    // Only supervisors make them.
    const loop = isMainThread ? tryLoop() : ''
    empty()
    const before = countOpen()
    const refill = fill(left)
    const end = await tryEnd(4 + left)
    refill()
    // What the loop of events watched is closed in its next turn.
    await new Promise(resolve => setImmediate(resolve))
    say({ left, loop, end, more: countOpen() - before })
  }
}

if (isMainThread && process.argv[3] === 'worker') new Worker(new URL(import.meta.url), { workerData: process.argv[2] })
else await run(Number(workerData ?? process.argv[2]))
