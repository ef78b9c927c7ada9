/** The rows of `npm run bench -- messages`, each with the targets that it is held to. The programs are in `programs/`. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { peersFolder } from '../harness.mjs'
import { atLeast, atLeastFixed, atMost, atMostFixed } from '../verdict.mjs'

const ring = { kind: 'ring' }
const flow = ['write', 'read']
const channel = ['a', 'b']
const anyOf = ['map', 'map']

/** Two programs at the sides of one link. The second one measures, and what it says is the figure. */
const between = (workshop, link, [first, second], sides = flow) =>
  workshop.measure({
    links: { there: link },
    processes: {
      first: { command: first, links: { there: sides[0] } },
      second: { command: second, links: { there: sides[1] } },
    },
  })

const oneWay = {
  title: 'One way, 64 B',
  unit: 'million messages/s',
  about:
    'One program sends as fast as it can, the other one receives and looks at every word of every message. A ring is written to by `trySend` unless something else is said, and has the default size of 256 KiB. ' +
    '`process.send` goes over a link of kind `node`, 256 messages under way: the same bytes with `serialization: advanced`, and strings of 64 characters as JSON, which cannot say bytes.',
  async measure({ alternate, workshop, runs }) {
    const { node, c, folder } = workshop
    const run = (link, programs, sides) => async () => (await between(workshop, link, programs, sides)).perSecond / 1e6
    const stream = (link, sender, receiver, sides, options) =>
      run(link, [node('stream', sender, options), node('stream', receiver, options)], sides)
    const frames = frame => stream({ kind: 'pipe', frame }, 'send', 'receiveFrames')
    const values = codec => stream({ ...ring, codec }, 'sendValues', 'receiveValues')
    const toChannel = (serialization, what) =>
      stream({ kind: 'node', serialization }, `send${what}ToChannel`, `receive${what}FromChannel`, channel)
    const zeromq = { address: `ipc://${join(folder, 'zeromq')}` }
    return alternate(
      {
        'ring, batches of views': stream(ring, 'send', 'receiveBatches'),
        'ring, `for await`': stream(ring, 'send', 'receiveEach'),
        'ring, each message copied out (`value`)': stream(ring, 'send', 'receiveNewCopies'),
        'ring, each message copied to the same memory': stream(ring, 'send', 'receiveCopies'),
        'ring, written by `reserve` and `commit`': stream(ring, 'sendReserved', 'receiveBatches'),
        'ring, written by `await send`': stream(ring, 'sendAwaited', 'receiveBatches'),
        'ring, values as JSON': values('json'),
        'ring, values as MessagePack': values('msgpack'),
        'ring, both ends in C': run(ring, [c('write_ring'), c('read_ring')]),
        'pipe with `frame: plain`': frames('plain'),
        'pipe with `frame: checked`': frames('checked'),
        'process.send, bytes': toChannel('advanced', 'Bytes'),
        'process.send, strings': toChannel('json', 'Texts'),
        ...(existsSync(join(peersFolder, 'node_modules/zeromq'))
          ? { 'zeromq ipc://': stream({ kind: 'pipe' }, 'sendToZeromq', 'receiveFromZeromq', flow, zeromq) }
          : {}),
        'pipe, both ends in C': run({ kind: 'pipe' }, [c('write_pipe'), c('read_pipe')]),
      },
      runs,
    )
  },
  judge: medians => {
    const batches = 'ring, batches of views'
    return [
      atLeast('process.send, bytes', medians, 80, batches),
      atLeast('process.send, strings', medians, 80, batches),
      atLeast('zeromq ipc://', medians, 30, batches),
      atLeast('pipe, both ends in C', medians, 3, batches),
      atLeastFixed('batches', medians[batches], 10, 'million/s'),
      atLeastFixed('`for await`', medians['ring, `for await`'], 5, 'million/s'),
      atLeastFixed('copies', medians['ring, each message copied out (`value`)'], 4, 'million/s'),
    ]
  },
}

const largeBytes = 65_536
const largeRing = 1_048_576

const large = {
  title: 'One way, 64 KiB',
  unit: 'GiB/s',
  about:
    'Ring of 1 MiB; every byte of every message is compared with what it should be. Copying is `Buffer.copy` of the same messages, one after another, in one program: into memory of the size of the ring, and ' +
    'into 64 MiB, which is more than the caches of a core. What goes from one program to another goes from the cache of one core to that of another one: both ends in C, with `memcpy` and `memcmp`, show how fast ' +
    'that can be here.',
  async measure({ alternate, workshop, runs }) {
    const { node, c, measure } = workshop
    const toRate = ({ perSecond }) => (perSecond * largeBytes) / 2 ** 30
    const program = name => node('stream', name, { bytes: largeBytes })
    const copy = intoBytes => async () =>
      toRate(
        await measure({ processes: { copy: { command: node('memcpy', 'copy', { bytes: largeBytes, intoBytes }) } } }),
      )
    const link = { ...ring, size: largeRing }
    return alternate(
      {
        ring: async () => toRate(await between(workshop, link, [program('sendLarge'), program('receiveLarge')])),
        'ring, both ends in C': async () => toRate(await between(workshop, link, [c('write_large'), c('read_large')])),
        'memcpy into 1 MiB': copy(largeRing),
        'memcpy into 64 MiB': copy(64 * largeRing),
      },
      runs,
    )
  },
  judge: medians => [
    atLeast('memcpy into 1 MiB', medians, 0.5, 'ring'),
    atLeast('memcpy into 64 MiB', medians, 0.5, 'ring'),
  ],
}

const aboutCpu = 'CPU: of both programs.'
const percentiles = { p50: 'p50 µs', p99: 'p99 µs', p999: 'p99.9 µs', cpuSeconds: 'CPU s' }

/** `ping` or `rest` and its answering program, over two rings or a socket. */
const thereAndBack = (workshop, program, options) => {
  const { node, measure } = workshop
  const over =
    (transport, links, [pongs, pings]) =>
    () =>
      measure({
        links,
        processes: {
          pong: { command: node('trips', 'pong', { transport }), links: pongs },
          ping: { command: node('trips', program, { transport, ...options }), links: pings },
        },
      })
  return {
    ring: over('ring', { there: ring, back: ring }, [
      { there: 'read', back: 'write' },
      { there: 'write', back: 'read' },
    ]),
    socketpair: over('socket', { there: { kind: 'socketpair' } }, [{ there: 'b' }, { there: 'a' }]),
  }
}

const awake = {
  title: 'There and back, 64 B, both awake',
  columns: percentiles,
  about: `A message and its answer, one after another for 0.5 s, by \`trySend\` and \`receive\` with the default wait: from before it is sent until the answer is received. ${aboutCpu} Two C programs that pass a word of one page, with 0.7 µs of work before each trip, show what interrupts the machine: a trip can be no better than that.`,
  measure: ({ alternate, workshop, runs }) =>
    alternate(
      {
        ...thereAndBack(workshop, 'ping', { pauseMs: null, measuredMs: 500 }),
        'a word of a page, both ends in C': () =>
          between(workshop, { kind: 'shm', size: 4096 }, [workshop.c('pong_page'), workshop.c('ping_page')], anyOf),
      },
      runs,
    ),
  judge: ({ ring }) => [atMostFixed('p50', ring.p50, 1, 'µs'), atMostFixed('p99', ring.p99, 5, 'µs')],
}

const asleep = {
  title: 'There and back, 64 B, the other side asleep',
  columns: { ...percentiles, trips: 'trips' },
  about: `The same, 1 ms after the answer before, for 2 s: the other program sleeps by then, on its doorbell or its socket. Before, both slept and woke for 1.5 s, so that is compiled. ${aboutCpu}`,
  measure: ({ alternate, workshop, runs, quick }) =>
    alternate(thereAndBack(workshop, 'ping', { pauseMs: 1, measuredMs: quick ? 500 : 2000 }), runs),
  judge: ({ ring, socketpair }) => [
    atMost('socketpair (p50)', { ring: ring.p50, 'socketpair (p50)': socketpair.p50 }, 1.2, 'ring'),
  ],
}

const restMs = 3000

const rest = {
  title: 'Silence',
  columns: { cpuMs: 'CPU ms', switches: 'went to sleep' },
  about: `Two programs with both ends open, one waits for a message that comes after ${restMs / 1000} s. What both use meanwhile, the timer that ends it included.`,
  measure: ({ alternate, workshop, runs }) => alternate(thereAndBack(workshop, 'rest', { ms: restMs }), runs),
  judge: ({ ring }) => [atMostFixed('CPU', ring.cpuMs, 10, `ms (one tick) in ${restMs / 1000} s`)],
}

const timerWays = {
  'batches, always more': { way: 'batches', everyMs: 0 },
  '`for await`, always more': { way: 'each', everyMs: 0 },
  '`receive`, always more': { way: 'receive', everyMs: 0 },
  'batches, a message each 20 µs': { way: 'batches', everyMs: 0.02 },
  '`for await`, a message each 20 µs': { way: 'each', everyMs: 0.02 },
  '`receive`, a message each 20 µs': { way: 'receive', everyMs: 0.02 },
}

const alone = 'no ring: 1 ms of computing in each turn'

const timer = {
  title: 'A timer of 1 ms in a program that receives',
  columns: { p50: 'late, p50 ms', p99: 'p99 ms', worst: 'worst ms', timers: 'timers', received: 'messages' },
  about:
    'A chain of `setTimeout(…, 1)` for 1.5 s, in a program that receives all the time, or looks again and again for the next message. Medians of the runs, also of their worst. Without a ring: two programs that compute, one of them with that timer, ' +
    'which is what the scheduler and Node do to it.',
  measure: ({ alternate, workshop, runs }) => {
    const { node, measure } = workshop
    const subjects = Object.entries(timerWays).map(([name, { way, everyMs }]) => [
      name,
      () => between(workshop, ring, [node('timer', 'send', { everyMs }), node('timer', 'receive', { way })]),
    ])
    const computing = () =>
      measure({
        processes: { first: { command: node('timer', 'compute') }, second: { command: node('timer', 'alone') } },
      })
    return alternate({ ...Object.fromEntries(subjects), [alone]: computing }, runs)
  },
  judge: medians => [
    atMostFixed('worst', Math.max(...Object.keys(timerWays).map(way => medians[way].worst)), 5, 'ms late'),
  ],
}

const calls = outstanding => ({
  title: `Calls, ${outstanding} under way`,
  unit: 'calls/s',
  about: '`calc.add(a, b)`, each result looked at; over `process.send`: requests and responses matched by an id.',
  async measure({ alternate, workshop, runs }) {
    const { node, measure } = workshop
    const run =
      (link, [serve, call], [serves, calls]) =>
      async () => {
        const { perSecond } = await measure({
          links: { calc: link },
          processes: {
            server: { command: node('calls', serve), links: { calc: serves } },
            caller: { command: node('calls', call, { outstanding }), links: { calc: calls } },
          },
        })
        return perSecond
      }
    return alternate(
      {
        service: run({ kind: 'service' }, ['serve', 'call'], ['serve', 'call']),
        'process.send': run({ kind: 'node' }, ['serveByChannel', 'callByChannel'], channel),
      },
      runs,
    )
  },
  judge: medians => [atLeast('process.send', medians, 3, 'service')],
})

export const rows = { oneWay, large, awake, asleep, rest, timer, call: calls(1), calls: calls(64) }
