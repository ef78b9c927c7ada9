// Ends by process.exit in the very turn in which it sends over the link "data": "COUNT BYTES [how]".
// after-write: the kernel has a part of the first message by then. closed: it closes its end before. handler: what is sent last is
// sent by one who listens for the exit. both: the same over the link "other", opened after. again: somebody listened for the exit
// before, and exits there.
import { link } from '../../../src/child/index.js'
import type { FrameWriter } from '../../../src/ipc/frames/ends.js'

const [count, bytes] = process.argv.slice(2).map(Number) as [number, number]
const how = process.argv[4]
if (how === 'again') process.on('exit', () => process.exit())
const data = await link<FrameWriter>('data')
const other = how === 'both' ? await link<FrameWriter>('other') : null
const send = (number: number): void => {
  // What stands in the line of an end that is closed is not sent.
  for (const end of [data, other]) end?.send(`${number} `.padEnd(bytes, 'x')).catch(() => {})
}
let number = 1
if (how === 'after-write') {
  send(number++)
  data.flush()
  await new Promise(setImmediate)
}
const last = how === 'handler' ? count - 1 : count
for (; number <= last; number++) send(number)
if (how === 'handler') process.on('exit', () => data.trySend(`${number} `.padEnd(bytes, 'x')))
if (how === 'closed') data.close()
process.exit()
