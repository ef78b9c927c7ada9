/** There and back: `ping` measures how long a message and its answer take, `rest` what silence costs; `pong` answers. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { link } from '../../../dist/child.js'
import { Checker, checkApart, fill, makeMessage, messageBytes } from './pattern.mjs'
import { report, run, warmUpMs } from './program.mjs'

/** What is done to sleep and to wake is compiled last: it is not done as often. */
const sleepsMs = 1500
/** Of a turn, until the other side sleeps. */
const untilAsleepMs = 0.15
const mostTrips = 2_000_000

/** The number of a message that is answered with what the answering program has used. */
const usageWanted = 0

const transports = {
  async ring(there, back) {
    const [to, from] = [await link(there), await link(back)]
    const checker = new Checker()
    return {
      send: message => {
        if (!to.trySend(message)) throw new Error('The ring is full')
      },
      receive: () => from.receive(),
      check: (bytes, number) => checker.check(bytes, number),
      done: message => from.ack(message),
    }
  },
  async socket() {
    const socket = await link('there')
    let wake = null
    let received = Buffer.alloc(0)
    socket.on('data', piece => {
      received = received.length === 0 ? piece : Buffer.concat([received, piece])
      if (received.length < messageBytes) return
      wake({ bytes: received })
      received = Buffer.alloc(0)
    })
    return {
      send: message => socket.write(message),
      receive: () =>
        new Promise(resolve => {
          wake = resolve
        }),
      check: checkApart,
      done: () => {},
    }
  },
}

await run({
  /** @param pauseMs - before each trip, so that the other side goes to sleep; null: none */
  async ping({ transport, pauseMs, measuredMs }) {
    const { over, message, trip, ask, askUsage } = await connect(transport)
    for (const end = performance.now() + warmUpMs; performance.now() < end; ) await trip()
    if (pauseMs !== null) await warmSleepUp(trip)
    const times = new Float64Array(mostTrips)
    let count = 0
    const before = await askUsage()
    for (const end = performance.now() + measuredMs; performance.now() < end && count < mostTrips; ) {
      if (pauseMs !== null) await sleep(pauseMs)
      const number = ask()
      const sentAt = performance.now()
      over.send(message)
      const answer = await over.receive()
      times[count++] = performance.now() - sentAt
      over.check(answer.bytes, number)
      over.done(answer)
    }
    const after = await askUsage()
    const sorted = times.subarray(0, count).sort()
    const percentile = part => 1000 * sorted[Math.floor((count - 1) * part)]
    const cpuSeconds = (after.us - before.us) / 1e6
    report({ p50: percentile(0.5), p99: percentile(0.99), p999: percentile(0.999), cpuSeconds, trips: count })
  },
  async rest({ transport, ms }) {
    const { trip, askUsage } = await connect(transport)
    await trip()
    const before = await askUsage()
    await sleep(ms)
    const after = await askUsage()
    report({ cpuMs: (after.us - before.us) / 1000, switches: after.switches - before.switches })
  },
  async pong({ transport }) {
    const over = await transports[transport]('back', 'there')
    const { message, words } = makeMessage()
    const figures = new Float64Array(message.buffer)
    for (;;) {
      const received = await over.receive()
      if (received === null) return
      message.set(received.bytes)
      const [first, second] = words
      if (first === usageWanted && second === 1) [figures[0], figures[1]] = readUsage()
      over.send(message)
      over.done(received)
    }
  },
})

async function warmSleepUp(trip) {
  for (const end = performance.now() + sleepsMs; performance.now() < end; ) {
    for (const asleep = performance.now() + untilAsleepMs; performance.now() < asleep; ) await nextTurn()
    await trip()
  }
}

async function connect(transport) {
  const over = await transports[transport]('there', 'back')
  const { message, words } = makeMessage()
  let asked = 0
  /** Makes `message` the next one. Returns its number. */
  const ask = () => {
    fill(words, 0, ++asked)
    return asked
  }
  const send = () => {
    over.send(message)
    return over.receive()
  }
  return {
    over,
    message,
    ask,
    async trip() {
      const number = ask()
      const answer = await send()
      over.check(answer.bytes, number)
      over.done(answer)
    },
    /** Of both programs. */
    async askUsage() {
      fill(words, 0, usageWanted)
      const answer = await send()
      const bytes = Buffer.alloc(messageBytes)
      bytes.set(answer.bytes)
      over.done(answer)
      const [theirUs, theirSwitches] = new Float64Array(bytes.buffer)
      const [us, switches] = readUsage()
      return { us: us + theirUs, switches: switches + theirSwitches }
    },
  }
}

/** µs of processor time, and how often it went to sleep. */
function readUsage() {
  const { userCPUTime, systemCPUTime, voluntaryContextSwitches } = process.resourceUsage()
  return [userCPUTime + systemCPUTime, voluntaryContextSwitches]
}
