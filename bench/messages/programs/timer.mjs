/** How late a timer of 1 ms is in a program that receives all the time, or only computes. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { link } from '../../../dist/child.js'
import { Checker, fill, makeMessage } from './pattern.mjs'
import { report, run, warmUpMs } from './program.mjs'

const measuredMs = 1500
/** What a receiver of a ring has done at most when it gives the event loop a turn. */
const turnMs = 1

const ways = {
  async batches(ring, take) {
    for await (const batch of ring.batches()) for (const { bytes } of batch) take(bytes)
  },
  async each(ring, take) {
    for await (const { bytes } of ring) take(bytes)
  },
  async receive(ring, take) {
    for (;;) {
      const message = await ring.receive()
      take(message.bytes)
      ring.ack(message)
    }
  },
}

await run({
  /** @param everyMs - between two messages: less than a receiver looks again and again before it sleeps; 0: none */
  async send({ everyMs }) {
    const { message, words } = makeMessage()
    const ring = await link('there')
    for (let number = 1; ; number++) {
      fill(words, 0, number)
      if (!ring.trySend(message)) await ring.send(message)
      if (everyMs === 0) continue
      ring.flush()
      compute(everyMs)
    }
  },
  async receive({ way }) {
    const checker = new Checker()
    const ring = await link('there')
    let received = 0
    measure(() => received)
    await ways[way](ring, bytes => checker.check(bytes, ++received))
  },
  /** The partner of `alone`. */
  compute() {
    compute(Number.POSITIVE_INFINITY)
  },
  /** What the machine does to such a timer: as busy as a receiver, and without a ring. */
  async alone() {
    measure(() => 0)
    for (;;) {
      compute(turnMs)
      await nextTurn()
    }
  },
})

function compute(ms) {
  for (const end = performance.now() + ms; performance.now() < end; );
}

/** Starts the timers, and reports after a while. */
function measure(countReceived) {
  const lateMs = []
  const startMs = performance.now() + warmUpMs
  const arm = () => {
    const dueMs = performance.now() + 1
    setTimeout(() => {
      const now = performance.now()
      if (dueMs > startMs) lateMs.push(now - dueMs)
      if (now < startMs + measuredMs) return arm()
      lateMs.sort((a, b) => a - b)
      const percentile = part => lateMs[Math.floor((lateMs.length - 1) * part)]
      const timers = lateMs.length
      report({ p50: percentile(0.5), p99: percentile(0.99), worst: lateMs.at(-1), timers, received: countReceived() })
    }, 1)
  }
  arm()
}
