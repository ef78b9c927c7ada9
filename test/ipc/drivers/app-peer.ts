// A program at the other side of the service "data" of an app: "serve", or "call COUNT", which prints the sum of the answers.
import { writeSync } from 'node:fs'
import { client, method, serve } from '../../../src/child/index.js'

const [action, count] = process.argv.slice(2)
const api = { double: (value: number) => 2 * value, who: method({}, ({ caller }) => caller) }

if (action === 'serve') await serve(api)
else {
  const { double } = client<typeof api>('data')
  let sum = 0
  for (let number = 1; number <= Number(count); number++) sum += await double(number)
  writeSync(1, `${sum}\n`)
}
