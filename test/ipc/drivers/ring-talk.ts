// A Node child that does with its end of the ring "data" what its words say, one after the other: "send:TEXT", "many:N"
// (N messages, each as long as its number says), "take" (receives, prints, acknowledges; "end" where there is none any
// more), "keep" (does not acknowledge), "all" (counts what comes until the end), "wait:FILE", "sleep" (for ever), "name"
// (prints writer and sequence after each message from then on).
import { once } from 'node:events'
import { existsSync, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { link } from '../../../src/child/index.js'
import type { MessageReader, MessageWriter } from '../../../src/ipc/messages.js'

const words = process.argv.slice(2)
const end = (await link('data')) as unknown as MessageReader & MessageWriter
const print = (text: string): void => void writeSync(1, `${text}\n`)
let isNamed = false

async function take(acknowledges: boolean): Promise<void> {
  const message = await end.receive()
  if (message === null) return print('end')
  print(isNamed ? `${message.text} ${message.writer}.${message.sequence}` : message.text)
  if (acknowledges) end.ack()
}

async function takeAll(): Promise<void> {
  let count = 0
  let isWhole = true
  for await (const message of end) {
    count++
    isWhole &&= message.text === 'x'.repeat(count % 1000)
  }
  print(`${count} ${isWhole ? 'whole' : 'torn'}`)
}

async function perform(action: string, detail: string): Promise<unknown> {
  switch (action) {
    case 'send':
      return end.send(detail)
    case 'many':
      for (let number = 1; number <= Number(detail); number++) await end.send('x'.repeat(number % 1000))
      return
    case 'take':
      return take(true)
    case 'keep':
      return take(false)
    case 'all':
      return takeAll()
    case 'name':
      isNamed = true
      return
    case 'wait':
      while (!existsSync(detail)) await delay(5)
      return
    default:
      setInterval(() => {}, 1_000_000)
      return once(process, 'never')
  }
}

try {
  for (const word of words) {
    const [action, ...detail] = word.split(':')
    await perform(action!, detail.join(':'))
  }
  // Of nothing that was only opened.
  if (words.length > 0) end.close()
} catch (error) {
  print((error as { code?: string }).code ?? String(error))
}
