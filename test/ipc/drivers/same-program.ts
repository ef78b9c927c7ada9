// Sends or receives over the link "data", whatever carries messages there: "send COUNT" or "receive".
import { writeSync } from 'node:fs'
import { link } from '../../../src/child/index.js'
import type { MessageReader, MessageWriter } from '../../../src/ipc/messages.js'

const [action, count] = process.argv.slice(2)

if (action === 'send') {
  const data = await link<MessageWriter>('data')
  for (let number = 1; number <= Number(count); number++) {
    const value = { number, text: 'x'.repeat(number % 100) }
    if (!data.trySend(value)) await data.send(value)
  }
  data.flush()
  data.close()
} else {
  const data = await link<MessageReader<{ number: number; text: string }>>('data')
  let [number, wrong] = [0, 0]
  const first = await data.receive()
  if (first !== null && first.value.number === ++number) data.ack(first)
  for await (const { sequence, value } of data)
    if (value.number !== ++number || sequence !== number || value.text.length !== number % 100) wrong++
  writeSync(1, `${number} messages, ${wrong} wrong, ${data.missed} missed\n`)
  data.close()
}
