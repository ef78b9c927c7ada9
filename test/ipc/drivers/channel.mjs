// A Node program at a channel, without any library. Does what its arguments say, one after the other: "send:TEXT" sends
// a message and waits until the kernel has it, "begin:BYTES" sends one of that many characters and waits for the kernel only at the end,
// "hear" prints the next message ("end" once there is no channel any more; long ones by their length), "wait:FILE"
// waits until the file exists, "sleep" sleeps for ever.
import { existsSync, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const heard = []
let wake = () => {}
const hear = message => {
  heard.push(message)
  wake()
}
process.on('message', hear)
process.on('disconnect', () => hear('end'))

async function next() {
  while (heard.length === 0) {
    await new Promise(resolve => {
      wake = resolve
    })
  }
  const message = heard.shift()
  if (typeof message === 'string') return message
  const isWhole = message.body === 'x'.repeat(message.length)
  return `${message.length} ${isWhole ? 'whole' : 'torn'}`
}

const send = message =>
  new Promise((resolve, reject) => process.send(message, error => (error ? reject(error) : resolve())))
const begun = []
const actions = {
  send,
  begin: size => void begun.push(send({ length: Number(size), body: 'x'.repeat(Number(size)) })),
  hear: async () => void writeSync(1, `${await next()}\n`),
  wait: async path => {
    while (!existsSync(path)) await delay(5)
  },
  sleep: () => delay(1_000_000),
}
for (const word of process.argv.slice(2)) {
  const [name, value] = word.split(/:(.*)/)
  await actions[name](value)
}
await Promise.all(begun)
if (process.connected) process.disconnect()
