// A Node child that uses the child's half of a channel: "ask" sends a question and prints the answer, "answer" answers one,
// "once" closes it as it hears the first message, "idle" only opens its end and goes.
import { writeSync } from 'node:fs'
import { type EndOf, link } from '../../../src/child/index.js'

type Config = { links: { data: { kind: 'node' } } }
const data: EndOf<Config, 'data'> = await link<Config>('data')
const heard = (): Promise<unknown> => new Promise(resolve => data.on('message', resolve))
data.once('close', () => writeSync(1, 'closed\n'))

const actions = {
  ask: async () => {
    await data.send({ question: 'six times seven' })
    writeSync(1, `${JSON.stringify(await heard())}\n`)
    data.close()
  },
  answer: async () => {
    const question = await heard()
    await data.send({ answer: 42, to: question })
    data.close()
  },
  once: async () => {
    // The message was there before this program began: some turns of the loop later Node has it, and nobody listened.
    for (let turn = 0; turn < 10; turn++) await new Promise(resolve => setImmediate(resolve))
    await new Promise<void>(resolve =>
      data.on('message', message => {
        writeSync(1, `${JSON.stringify(message)}\n`)
        data.close()
        resolve()
      }),
    )
  },
  idle: async () => {},
}
await actions[process.argv[2] as keyof typeof actions]()
