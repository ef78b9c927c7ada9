// Uses the child library without a supervisor. Its words: what it does before it prints "up", and at its stop.
import { writeSync } from 'node:fs'
import { onStop, ready, status } from '../../../src/child/index.js'

const say = (text: string): void => void writeSync(1, `${text}\n`)
const acts: Readonly<Record<string, () => void>> = {
  quick: () => onStop(() => say('quick')),
  slow: () =>
    onStop(async () => {
      say('begins')
      await new Promise(resolve => setTimeout(resolve, 50))
      say('slow')
    }),
  stuck: () =>
    onStop(() => {
      say('begins')
      return new Promise(() => {})
    }),
  wrong: () =>
    onStop(async () => {
      throw new Error('cannot stop')
    }),
  code: () => {
    process.exitCode = 5
  },
  stay: () => setInterval(() => {}, 1000),
}

if (process.argv[2] === 'many') {
  const told = await Promise.all(Array.from({ length: 600 }, (_, number) => status(String(number))))
  say(String(told.every(Boolean)))
  process.exit()
}
for (const word of process.argv.slice(2)) acts[word]!()
if (process.argv.length === 2) {
  onStop(() => {})
  say(`${await ready()} ${await status('idle')}`)
} else say('up')
