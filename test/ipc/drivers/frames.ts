// A Node child at one side of a link "data" with `frame`. What it learns it writes to the file that it is told.
// "tear FILE LAST": sends some messages, then kills itself in the middle of a large one; its incarnation LAST goes on to the end.
// "flood FILE": sends messages of all sizes until there is a file FILE.stop.
// "flood FILE COUNT": sends that many, each of its own name.
// "take FILE [COUNT]": notes what comes, to the end; or kills itself after COUNT messages, in all but its third incarnation.
// "idle FILE": it opens its end, and is through.
// "echo FILE": answers each message with itself; "ask FILE": sends 1,000 and takes the answers.
import { appendFileSync, existsSync } from 'node:fs'
import { link } from '../../../src/child/index.js'
import type { FrameConnection, FrameReader, FrameServer, FrameWriter } from '../../../src/ipc/frames/ends.js'
import { explain, fill, largeBytes } from './frame-contents.js'

const [action, file, given] = process.argv.slice(2) as [string, string, string | undefined]
const generation = Number(process.env['IPCSUP_GENERATION'])
const name = `${process.env['IPCSUP_PROCESS']}.${generation}`
const note = (text: string): void => appendFileSync(file, `${text}\n`)

const end = await link<FrameReader | FrameWriter | FrameConnection | FrameServer>('data')

async function tear(writer: FrameWriter): Promise<void> {
  for (let number = 1; number <= 5; number++) await writer.send(fill(name, number, 17 * number))
  if (generation < Number(given)) {
    writer.trySend(fill(name, 6, largeBytes))
    writer.flush()
    process.kill(process.pid, 'SIGKILL')
  }
  await writer.send('stop')
  writer.close()
}

async function flood(writer: FrameWriter): Promise<void> {
  const most = writer.largestMessage
  const last = given === undefined ? Number.POSITIVE_INFINITY : Number(given)
  for (let number = 1; number <= last && !existsSync(`${file}.stop`); ) {
    for (let count = 0; count < 100 && number <= last; count++, number++) {
      const size = number % 50 === 0 ? most : (number * 7919) % Math.min(most, 3_000)
      const message = fill(name, number, size)
      if (!writer.trySend(message)) await writer.send(message)
    }
    await new Promise(setImmediate)
  }
  if (given !== undefined) note(`${name} sent ${last}`)
  writer.close()
}

async function take(reader: FrameReader, most = Number.POSITIVE_INFINITY): Promise<string> {
  let count = 0
  for await (const message of reader) {
    if (message.text === 'stop') continue
    note(`${name} ${explain(message.text)} ${message.sequence}`)
    if (++count === most && generation < 3) process.kill(process.pid, 'SIGKILL')
  }
  note(`${name} end torn ${reader.torn} missed ${reader.missed}`)
  return 'stop'
}

async function serve(server: FrameServer): Promise<void> {
  for await (const connection of server) {
    let isLast = false
    for await (const message of connection) {
      isLast = message.text === 'stop'
      if (!isLast) note(`${name} ${explain(message.text)} ${message.sequence}`)
    }
    note(`${name} end torn ${connection.torn} missed ${connection.missed}`)
    connection.close()
    if (isLast || existsSync(`${file}.stop`)) server.close()
  }
}

async function echo(connection: FrameConnection): Promise<void> {
  for await (const message of connection) await connection.send(message.value)
  connection.close()
}

async function ask(connection: FrameConnection): Promise<void> {
  const sending = (async () => {
    for (let number = 1; number <= 1_000; number++) await connection.send(fill(name, number, number))
    connection.end()
  })()
  let count = 0
  for await (const { text } of connection) if (explain(text) === `${name} ${++count}`) continue
  await sending
  note(`${count} answers`)
  connection.close()
}

if (action === 'idle') {
  // Only who waits keeps a program alive.
  if ('tryReceive' in end) end.tryReceive()
  note(name)
} else if (action === 'tear') await tear(end as FrameWriter)
else if (action === 'flood') await flood(end as FrameWriter)
else if (action === 'ask') await ask(end as FrameConnection)
else if (action === 'echo') {
  if ('accept' in end) {
    await echo(await end.accept())
    end.close()
  } else await echo(end as FrameConnection)
} else if ('accept' in end) await serve(end)
else {
  await take(end as FrameReader, given === undefined ? undefined : Number(given))
  end.close()
}
