/**
 * One of two Node programs that talk over links of ipcsup: `peer.mjs MECHANISM ping|pong SIZE`. As peer.c, with what
 * `ipcsup/child` gives.
 */
import { once } from 'node:events'
import { link } from '../../dist/child.js'

const [, , mechanism, role, sizeText] = process.argv
const size = Number(sizeText)
const isPing = role === 'ping'
const [there, back] = isPing ? ['there', 'back'] : ['back', 'there']
const message = Buffer.alloc(Math.max(1, size))

/** Each gives `send()`, and `receive()` that resolves with the first byte; `turn()` takes what nobody else wants, and gives it back. */
const mechanisms = {
  stream: async () => overStreams(await link(there), await link(back)),
  listener: async () => {
    const end = await link('there')
    const socket = isPing ? end : (await once(end, 'connection'))[0]
    socket.setNoDelay?.()
    return overStreams(socket, socket)
  },
  messages: async () => {
    const [to, from] = [await link(there), await link(back)]
    const messages = from.receive()
    return { send: () => to.send(message), receive: async () => (await messages.next()).value[0] }
  },
  datagrams: async () => {
    const [to, from] = isPing ? [await link('there'), await link('back')] : [await link('back'), await link('there')]
    const waiting = makeMailbox()
    from.on('message', bytes => waiting.put(bytes[0]))
    return {
      send: () => new Promise((resolve, reject) => to.send(message, error => (error ? reject(error) : resolve()))),
      receive: waiting.take,
      window: 32,
    }
  },
  packets: async () => {
    const [to, from] = [await link(there), await link(back)]
    const packets = from.receive()
    // A header of IP comes first.
    const receive = async () => (await packets.next()).value.bytes[20]
    return { send: () => to.send(message, '127.0.0.1'), receive, window: 32 }
  },
  queue: async () => {
    const [to, from] = [await link(there), await link(back)]
    return { send: () => to.send(message), receive: async () => (await from.receive()).bytes[0] }
  },
  memory: async () => {
    const { buffer, bytes } = await link('there')
    const half = bytes.length / 2
    const flags = new Int32Array(buffer)
    const [own, other] = isPing ? [0, half] : [half, 0]
    return {
      send: async () => {
        while (Atomics.load(flags, own / 4) === 1);
        bytes.set(message, own + 64)
        Atomics.store(flags, own / 4, 1)
      },
      receive: async () => {
        while (Atomics.load(flags, other / 4) === 0);
        message.set(bytes.subarray(other + 64, other + 64 + message.length))
        Atomics.store(flags, other / 4, 0)
        return message[0]
      },
    }
  },
  ring: async () => {
    const [to, from] = [await link(there), await link(back)]
    return {
      send: () => to.send(message),
      receive: async () => {
        const received = await from.receive()
        const [what] = received.bytes
        from.ack(received)
        return what
      },
    }
  },
  calls: async () => {
    const end = await link('there')
    const waiting = makeMailbox()
    if (!isPing) {
      // The answer is that of the call.
      await end.serve({ say: what => waiting.put(what) })
      return { send: async () => {}, receive: waiting.take }
    }
    const text = 'x'.repeat(size)
    let made = []
    return {
      send: async () => void made.push(end.methods.say(message[0], text)),
      receive: async () => {
        await Promise.all(made)
        made = []
      },
      window: 64,
    }
  },
  event: async () => {
    const [to, from] = [await link(there), await link(back)]
    return { send: async () => to.signal(), receive: () => from.wait().then(() => 1), isEmpty: true }
  },
  semaphore: async () => {
    const [to, from] = [await link(there), await link(back)]
    const free = isPing ? await link('free') : null
    return {
      send: async () => to.release(),
      // One side makes permits, the other uses them up.
      receive: () => from.acquire({ keep: true }).then(() => 1),
      isEmpty: true,
      turn: async () => (await free.acquire())(),
    }
  },
  locks: async () => {
    const locks = [await link('one'), await link('two'), await link('three')]
    const free = isPing ? await link('free') : null
    const held = isPing ? [locks[0].tryHold(), locks[1].tryHold()] : [locks[2].tryHold()]
    let toTake = isPing ? 2 : 0
    await meet()
    return {
      send: async () => held.shift()(),
      receive: async () => {
        held.push(await take(locks[toTake]))
        toTake = (toTake + 1) % 3
        return 1
      },
      isEmpty: true,
      turn: () => free.hold(() => {}),
    }
  },
  signal: async () => {
    const end = await link(isPing ? 'knock' : 'answer')
    const waiting = makeMailbox()
    for (const signal of ['SIGHUP', 'SIGWINCH']) process.on(signal, () => waiting.put(1))
    await meet()
    return { send: async () => end.call(), receive: waiting.take, isEmpty: true }
  },
  channel: async () => {
    const text = 'x'.repeat(size)
    const waiting = makeMailbox()
    process.on('message', ({ what }) => waiting.put(what))
    return {
      send: () => new Promise(resolve => process.send({ what: message[0], text }, resolve)),
      receive: waiting.take,
      window: 64,
    }
  },
}

/** Over two pipes: what is done before has been done when the other one goes on. */
async function meet() {
  const [to, from] = [await link(there), await link(back)]
  to.write('.')
  await once(from, 'data')
}

/** Resolves with what gives the lock back. */
const take = lock => new Promise(resolve => lock.hold(() => new Promise(free => resolve(free))))

function overStreams(to, from) {
  const waiting = makeMailbox()
  let left = 0
  from.on('data', chunk => {
    for (let at = 0; at < chunk.length; ) {
      if (left === 0) {
        waiting.note(chunk[at])
        left = size
      }
      const taken = Math.min(left, chunk.length - at)
      left -= taken
      at += taken
      if (left === 0) waiting.put(waiting.noted())
    }
  })
  return { send: () => (to.write(Buffer.from(message)) ? undefined : once(to, 'drain')), receive: waiting.take }
}

/** What has come and was not taken; one taker at a time. */
function makeMailbox() {
  const come = []
  let first = 0
  let wake = null
  return {
    note: what => {
      first = what
    },
    noted: () => first,
    put: what => {
      if (wake === null) return void come.push(what)
      const taker = wake
      wake = null
      taker(what)
    },
    take: () =>
      come.length > 0
        ? come.shift()
        : new Promise(resolve => {
            wake = resolve
          }),
  }
}

const over = await mechanisms[mechanism]()
const say = what => {
  message[0] = what
  return over.send()
}
if (isPing) await measure()
else await answer()

async function answer() {
  for (;;) {
    const what = await over.receive()
    if (what === 2) process.exit()
    if (what === 1) await say(1)
  }
}

async function trip() {
  await say(1)
  await over.receive()
}

async function measure() {
  await trip()
  const trips = []
  for (const end = performance.now() + 300; performance.now() < end; ) {
    const start = performance.now()
    await trip()
    trips.push(1000 * (performance.now() - start))
  }
  trips.sort((a, b) => a - b)
  const rate = over.turn ? await measureTurns() : over.isEmpty ? null : await measureRate()
  const figures = { p50Us: trips[trips.length >> 1], p99Us: trips[Math.floor(trips.length * 0.99)], rate }
  if (!over.isEmpty) await say(2)
  process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit())
}

async function measureTurns() {
  const start = performance.now()
  let count = 0
  for (; performance.now() - start < 400; count += 64) for (let index = 0; index < 64; index++) await over.turn()
  return count / ((performance.now() - start) / 1000)
}

async function measureRate() {
  const start = performance.now()
  let count = 0
  while (performance.now() - start < 400) {
    const batch = over.window ?? 64
    for (let index = 1; index < batch; index++) await say(0)
    if (over.window) await trip()
    else await say(0)
    count += batch
  }
  await trip()
  return (count + 1) / ((performance.now() - start) / 1000)
}
