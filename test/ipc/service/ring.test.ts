import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, readSync, writeSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { header, lane, laneStart, reader, readerStart } from '../../../src/ipc/ring/layout.js'
import { type Api, method } from '../../../src/ipc/service/api.js'
import { tuning } from '../../../src/ipc/service/connection.js'
import { type CallingEnd, openCallingEnd } from '../../../src/ipc/service/end.js'
import { type LineRings, lineGeometry } from '../../../src/ipc/service/line-rings.js'
import { makeRings, type OfferedRings } from '../../../src/ipc/service/ring-offer.js'
import { startService } from '../../../src/ipc/service/server.js'
import type { Received } from '../../../src/ipc/service/transport.js'
import { createLineReader, type RingOffer } from '../../../src/ipc/service/wire.js'
import { createMemory } from '../../../src/platform/index.js'
import { until } from '../../support/conditions.js'
import { TestMeeting } from './meeting.js'
import { countRings, goOnInMemory } from './memory.js'

let meeting: TestMeeting
const closing: (() => unknown)[] = []

beforeEach(async () => {
  const opened = await TestMeeting.open(mkdtempSync('/tmp/ipcsup-rings-'))
  meeting = opened
  closing.push(() => opened.close())
})

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await until('no memory is left', () => countRings() === 0)
})

const where = () => 'here'

async function start(api: Api) {
  const place = { descriptor: meeting.take('one'), meeting: meeting.path, process: 'one', generation: 1 }
  const service = await startService(place, { where, ...api })
  closing.push(() => service.close())
  return service
}

/** A caller in memory. */
async function open(): Promise<CallingEnd> {
  const end = openCallingEnd(meeting.path)
  closing.push(() => end.close())
  await goOnInMemory(end)
  return end
}

function openAtSocket(): CallingEnd {
  const end = openCallingEnd(meeting.path)
  closing.push(() => end.close())
  return end
}

/** An instance of its own sort, that answers calls by "raw" at the socket. */
async function serveRaw(said: object, hear: (line: Received, socket: Socket) => unknown): Promise<void> {
  const sockets: Socket[] = []
  const server = createServer(socket => {
    const read = createLineReader()
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', piece => {
      for (const line of read(piece)) {
        hear(line, socket)
        if ('call' in line) socket.write(`{"id":${line['id']},"value":"raw"}\n`)
      }
    })
  })
  await new Promise<void>(resolve => server.listen(meeting.pathOf('one'), resolve))
  const registration = connect(meeting.path)
  registration.write(
    `${JSON.stringify({ register: { process: 'one', generation: 1, methods: ['where'], ...said } })}\n`,
  )
  closing.push(() => {
    for (const socket of [registration, ...sockets]) socket.destroy()
    server.close()
  })
}

interface Raw {
  readonly socket: Socket
  readonly lines: Record<string, unknown>[]
  readonly offered: OfferedRings
  readonly rings: LineRings
  isEnded: boolean
  /** It dies before it can ring. */
  isSilent: boolean
  readonly say: (line: string) => void
}

/** A caller of its own sort: reads its ring only when it is told to. */
async function connectRaw(): Promise<Raw> {
  const socket = connect(meeting.pathOf('one'))
  const read = createLineReader()
  const offered = makeRings(() => raw.isSilent || socket.write('\n'))
  const say = (line: string) => socket.write(`${line}\n`)
  const raw: Raw = { socket, lines: [], offered, rings: offered.rings, isEnded: false, isSilent: false, say }
  socket.on('data', piece => raw.lines.push(...read(piece)))
  socket.on('error', () => {})
  socket.on('close', () => {
    raw.isEnded = true
  })
  closing.push(() => {
    socket.destroy()
    offered.seal()
    offered.rings.close()
  })
  await new Promise<void>(resolve => socket.once('connect', resolve))
  return raw
}

async function connectInMemory(): Promise<Raw> {
  const raw = await connectRaw()
  raw.say(JSON.stringify({ ring: raw.offered.offer }))
  await until('it is accepted', () => raw.lines.length === 1)
  raw.say('{"ring":"on"}')
  await until('the instance is there, too', () => raw.lines.length === 2)
  expect(raw.lines.splice(0)).toEqual([{ ring: 'open' }, { ring: 'on' }])
  return raw
}

/** Until the instance does nothing any more but wait for a byte at its socket. */
function untilAsleep({ offered }: Raw): Promise<void> {
  const word = Buffer.alloc(4)
  const at = readerStart(lineGeometry, 0) + reader.waiting
  return until('it sleeps', () => readSync(offered.offer.there, word, 0, 4, at) === 4 && word.readUInt32LE() === 2)
}

/** What has come in memory. */
function readAll({ rings }: Raw): string {
  let text = ''
  while (rings.hasNext()) {
    text += rings.read().toString()
    rings.acknowledge(true)
  }
  return text
}

async function readUntil(raw: Raw, wanted: string): Promise<void> {
  let said = ''
  await until(`it says ${wanted}`, () => {
    said += readAll(raw)
    return said === wanted
  })
}

describe('calls between two programs of one user go through memory after a while', () => {
  test('and say the same there', async () => {
    await start({
      same: async (value: unknown) => value,
      fail: () => {
        throw new RangeError('too far')
      },
      count: async function* (to: number) {
        for (let number = 0; number < to; number++) yield number
      },
    })
    const { call } = await open()
    expect(countRings()).toBe(4)
    expect(await call('same', [{ a: [1n, 'ä€😀', Buffer.from('x')] }])).toEqual({ a: [1n, 'ä€😀', Buffer.from('x')] })
    await expect(call('fail', [])).rejects.toMatchObject({ name: 'RangeError', message: 'too far' })
    const items: unknown[] = []
    for await (const item of (await call('count', [1000])) as AsyncIterable<unknown>) items.push(item)
    expect(items).toEqual(Array.from({ length: 1000 }, (_, index) => index))
    await expect(call('count', [() => {}])).rejects.toMatchObject({ code: 'IPCSUP_ERR_CALL_ENCODING' })
  })

  test('also when they are larger than it is, both ways, and many', async () => {
    await start({ same: (value: unknown) => value })
    const { call } = await open()
    const large = ['ä', 'x', '€'].map(letter => letter.repeat(1_000_000))
    const small = Array.from({ length: 5000 }, (_, index) => index)
    const values = [...large, ...small]
    expect(await Promise.all(values.map(value => call('same', [value])))).toEqual(values)
  })

  test('one that is asleep is woken by what is written', async () => {
    await start({})
    const raw = await connectInMemory()
    for (let id = 0; id < 3; id++) {
      await untilAsleep(raw)
      raw.rings.write(Buffer.from(`${id},"where",[]\n`))
      await readUntil(raw, `${id},"here"\n`)
    }
  })

  test('in short lines as in long ones', async () => {
    await start({ same: (value: unknown) => value, more: method({}, (_, text: string) => `more ${text}`) })
    const raw = await connectInMemory()
    const lines = [
      '1,"same",[{"$bigint":"5"}]',
      '{"id":2,"call":"same","args":[7]}',
      '{"id":"three","call":"same","args":[-1]}',
      '',
      '4,"more",["x"]',
      '5,"none",[]',
      '6,"same",7',
      '7,8,[]',
      '{"cancel":true,"id":1}',
    ]
    raw.rings.write(Buffer.from(`${lines.join('\n')}\n`))
    let answers = ''
    await until('all are answered', () => {
      answers += readAll(raw)
      return answers.split('\n').length === 8
    })
    expect(answers.split('\n').slice(0, 3)).toEqual(['1,{"$bigint":"5"}', '2,7', '{"id":"three","value":-1}'])
    expect(answers).toContain('{"id":4,"value":"more x"}\n')
    for (const why of ['has no method \\"none\\"', 'its args are no list', 'its method is no text'])
      expect(answers).toContain(why)
  })

  test.each([
    ['8', 'a short line is not whole'],
    ['1e999,"where",[]', 'a line is no JSON object'],
    ['"where",[]', 'a line is no JSON object'],
  ])('a short line that is none ends the connection: %s', async (line, why) => {
    await start({})
    const raw = await connectInMemory()
    raw.rings.write(Buffer.from(`${line}\n`))
    await until('it has ended', () => raw.isEnded)
    expect(readAll(raw)).toContain(why)
  })

  test('nobody who is paused when it goes there is forgotten', async () => {
    let answer: (text: string) => void = () => {}
    await start({ later: () => new Promise(resolve => (answer = resolve)) })
    const raw = await connectRaw()
    raw.socket.pause()
    raw.say('{"hello":{"took":true}}')
    raw.say('{"id":1,"call":"later"}')
    await until('it has begun', () => answer.length === 1)
    answer('x'.repeat(3_000_000))
    // Its receipt cannot be told, because the answer fills the socket.
    raw.say(`{"id":2,"call":"where"}\n${JSON.stringify({ ring: raw.offered.offer })}\n{"ring":"on"}`)
    expect(await openAtSocket().call('where', [])).toBe('here')
    raw.socket.resume()
    await until('it is in memory', () => raw.lines.some(({ ring }) => ring === 'on'))
    expect(raw.lines.slice(-4)).toEqual([{ took: 2 }, { id: 2, value: 'here' }, { ring: 'open' }, { ring: 'on' }])
    await untilAsleep(raw)
    raw.rings.write(Buffer.from('3,"where",[]\n'))
    await readUntil(raw, '{"took":3}\n3,"here"\n')
    const before = countRings()
    raw.socket.destroy()
    await until('the instance has let go', () => countRings() === before - 2)
  })

  test('nothing is left of it when either side closes', async () => {
    const service = await start({})
    const count = () => [readdirSync('/proc/self/fd').length, countRings()]
    const first = await open()
    first.close()
    await until('its rings are gone', () => countRings() === 0)
    const before = count()
    for (let round = 0; round < 5; round++) {
      const ends = await Promise.all(Array.from({ length: 20 }, open))
      expect(countRings()).toBe(80)
      for (const end of ends) end.close()
      await until('all is gone', () => `${count()}` === `${before}`)
    }
    await open()
    service.close()
    await until('its rings are gone', () => countRings() === 0)
  })

  test('what a caller said last is done although it has gone', async () => {
    let calls = 0
    await start({ note: () => ++calls })
    const raw = await connectInMemory()
    await untilAsleep(raw)
    raw.isSilent = true
    raw.rings.write(Buffer.from('{"id":1,"call":"note"}\n'.repeat(2000)))
    raw.socket.destroy()
    await until('all is done', () => calls === 2000)
  })

  test('who does not read its answers is not read from any more, until it does', async () => {
    let calls = 0
    await start({ large: () => `${++calls}`.padEnd(3000, 'x') })
    const raw = await connectInMemory()
    let rest: Buffer | null = Buffer.from(`{"id":1,"call":"large","args":["${'y'.repeat(100)}"]}\n`.repeat(2000))
    const sayMore = (): void => {
      if (rest !== null) rest = raw.rings.write(rest)
    }
    let before = -1
    await until('it takes no more', async () => {
      before = calls
      sayMore()
      // As many turns as it needs to read on, would it.
      for (let turns = 0; turns < 3; turns++) expect(await openAtSocket().call('where', [])).toBe('here')
      return before > 0 && before === calls
    })
    expect(calls).toBeLessThan(1500)
    expect(rest).not.toBe(null)
    let answers = 0
    await until('all is answered', () => {
      answers += readAll(raw).split('\n').length - 1
      sayMore()
      return answers === 2000
    })
  })
})

describe('a connection stays at the socket', () => {
  test('where calls come now and then: it is as fast there', async () => {
    const before = { ...tuning }
    closing.push(() => Object.assign(tuning, before))
    tuning.withinMs = -1
    await start({})
    await expect(goOnInMemory(openAtSocket())).rejects.toThrow('still at the socket')
  })

  test('where the instance has not said that it can do otherwise', async () => {
    const said: Received[] = []
    await serveRaw({}, line => void said.push(line))
    await expect(goOnInMemory(openAtSocket())).rejects.toThrow('still at the socket')
    expect(said).toHaveLength(11)
    expect(said.some(line => 'ring' in line)).toBe(false)
  })

  test.each([
    ['descriptors that are none', () => ({ there: 9998, back: 9999, name: 'x' })],
    ['no offer', () => 'open'],
    ['another name', ({ offer }: OfferedRings) => ({ ...offer, name: 'another' })],
    ['one that is no memory', ({ offer }: OfferedRings) => ({ ...offer, back: 0 })],
    [
      'memory whose size is not sealed',
      ({ offer }: OfferedRings) => {
        const back = createMemory('test')
        closing.push(() => closeSync(back))
        writeSync(back, readFileSync(`/proc/self/fd/${offer.back}`))
        return { ...offer, back }
      },
    ],
  ])('where it was offered %s', async (_, offer) => {
    await start({})
    const { offered, say, lines } = await connectRaw()
    say(JSON.stringify({ ring: offer(offered) }))
    await until('it is refused', () => lines.length === 1)
    say('{"ring":"on"}')
    say('{"id":1,"call":"where"}')
    await until('the answer', () => lines.length === 2)
    expect(lines).toEqual([{ ring: 'no' }, { id: 1, value: 'here' }])
    expect(countRings()).toBe(2)
  })

  test('where the instance says no', async () => {
    await serveRaw({ ring: true }, (line, socket) => 'ring' in line && socket.write('{"ring":"no"}\n'))
    const end = openAtSocket()
    for (let calls = 0; calls < 3; calls++) expect(await end.call('where', [])).toBe('raw')
    expect(countRings()).toBe(0)
  })
})

const one = Buffer.from([1, 0, 0, 0])

describe('memory that is corrupt ends the connection', () => {
  test.each([
    ['a position', 'there', laneStart(0) + lane.tail],
    ['the end, which nobody says here: it would be looked for again and again', 'there', header.ended],
    ['nobody reads, which nobody says here: it would wait for room for ever', 'back', header.unread],
  ] as const)('of an instance, which says why: %s', async (_, which, at) => {
    await start({ large: () => 'x'.repeat(200_000) })
    const raw = await connectInMemory()
    await untilAsleep(raw)
    writeSync(raw.offered.offer[which], one, 0, 4, at)
    if (which === 'back') raw.rings.write(Buffer.from('1,"large",[]\n'))
    raw.say('')
    await until('it has ended', () => raw.isEnded)
    expect(raw.lines).toMatchObject([
      { error: { message: expect.stringContaining('its memory is corrupt: a position is where none can be') } },
    ])
    const { call } = await open()
    expect(await call('where', [])).toBe('here')
  })

  test('of a caller, whose calls are said to be unknown', async () => {
    let back = -1
    await serveRaw({ ring: true }, (line, socket) => {
      if (line['ring'] === 'on') {
        socket.write('{"ring":"on"}\n')
        writeSync(back, one, 0, 4, laneStart(0) + lane.tail)
        closeSync(back)
        socket.write('\n')
      } else if ('ring' in line) {
        back = openSync(`/proc/self/fd/${(line['ring'] as RingOffer).back}`, 'r+')
        socket.write('{"ring":"open"}\n')
      }
    })
    const end = openAtSocket()
    expect(await end.call('where', [])).toBe('raw')
    await expect(end.call('where', [])).rejects.toMatchObject({
      code: 'IPCSUP_ERR_CALL_UNKNOWN',
      message: expect.stringContaining('its memory is corrupt: a position is where none can be'),
    })
  })
})
