// Ends by process.exit in the very turn in which it sends over the link "data": "COUNT BYTES".
import { link } from '../../../src/child/index.js'
import type { FrameWriter } from '../../../src/ipc/frames/ends.js'

const [count, bytes] = process.argv.slice(2).map(Number) as [number, number]
const data = await link<FrameWriter>('data')
for (let number = 1; number <= count; number++) void data.send(`${number} `.padEnd(bytes, 'x'))
process.exit()
