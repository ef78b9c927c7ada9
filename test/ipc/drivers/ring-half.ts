// A Node program whose descriptor 3 is an end of a ring: "read receive" waits for a message, "read idle" and "write idle" only open
// it, "read abort" gives a wait up, "read rung" ends while its bell rings, "write exit" ends at once after it sent
// something.
import { writeSync } from 'node:fs'
import { openRingEnd, type RingReader, type RingWriter } from '../../../src/ipc/ring-end.js'

const [side, action] = process.argv.slice(2)
const end = await openRingEnd({ descriptor: 3, side: side!, hint: {} })

const actions: Record<string, () => unknown> = {
  idle: () => {},
  receive: () => (end as RingReader).receive(),
  abort: () => (end as RingReader).receive({ signal: AbortSignal.timeout(20) }).catch(() => {}),
  rung: async () => {
    await (end as RingReader).receive()
    writeSync(1, 'now')
    for (const endsAt = performance.now() + 200; performance.now() < endsAt; );
  },
  exit: () => {
    const writer = end as RingWriter
    writer.trySend('last words')
    process.exit()
  },
}
await actions[action!]!()
