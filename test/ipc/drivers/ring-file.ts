// As a supervisor that is killed: makes the ring of its first argument (JSON, as a config has it; relative paths are
// relative to the second one) with the processes "w" and "r", sends the messages that follow, has the first of them
// acknowledged, prints "ready" and waits to be killed.
import { writeSync } from 'node:fs'
import type { MessageReader, MessageWriter } from '../../../src/ipc/messages.js'
import { openRingEnd } from '../../../src/ipc/ring-end.js'
import { createLink } from '../support.js'

const [link, directory, ...texts] = process.argv.slice(2)
const uses = [
  { process: 'w', side: 'write' },
  { process: 'r', side: 'read' },
]
const object = createLink(JSON.parse(link!), directory!, { uses })
const open = (side: string, taker: string) =>
  openRingEnd({ link: 'data', descriptor: object.take(side, taker), side, hint: {} })
const writer = (await open('write', 'w')) as MessageWriter
const reader = (await open('read', 'r')) as MessageReader
for (const text of texts) await writer.send(text)
await reader.receive()
reader.ack()
writeSync(1, 'ready\n')
setInterval(() => {}, 1_000_000)
