/** The same call of a service, and over `process.send` with requests and responses that are matched by an id. */
import { link } from '../../../dist/child.js'
import { Meter, run } from './program.mjs'

const api = { add: (a, b) => a + b }

/** Keeps `outstanding` calls under way, and looks at each result. */
function callForEver(add, outstanding) {
  const meter = new Meter(16)
  const work = async () => {
    for (;;) {
      const number = meter.next()
      const sum = await add(number, 20)
      if (sum !== number + 20) throw new Error(`${number} + 20 is not ${sum}`)
    }
  }
  return Promise.all(Array.from({ length: outstanding }, work))
}

await run({
  async serve() {
    const end = await link('calc')
    await end.serve(api)
  },
  async call({ outstanding }) {
    const { methods } = await link('calc')
    await callForEver(methods.add, outstanding)
  },
  serveByChannel() {
    process.on('message', ({ id, call, args }) => process.send({ id, value: api[call](...args) }))
  },
  async callByChannel({ outstanding }) {
    const waiting = new Map()
    let lastId = 0
    process.on('message', ({ id, value }) => {
      waiting.get(id)(value)
      waiting.delete(id)
    })
    const add = (...args) =>
      new Promise(resolve => {
        waiting.set(++lastId, resolve)
        process.send({ id: lastId, call: 'add', args })
      })
    await callForEver(add, outstanding)
  },
})
