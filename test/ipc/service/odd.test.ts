/** What programs do that nobody should, and what is larger, longer or more than usual. */
import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Api } from '../../../src/ipc/service/api.js'
import { type CallingEnd, openCallingEnd } from '../../../src/ipc/service/end.js'
import { createCredit } from '../../../src/ipc/service/outgoing-stream.js'
import { type Service, startService } from '../../../src/ipc/service/server.js'
import { createLineReader, type Guarantee } from '../../../src/ipc/service/wire.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { TestMeeting } from './meeting.js'

let meeting: TestMeeting
const closing: (() => unknown)[] = []

beforeEach(() => openMeeting('at-most-once'))

afterEach(async () => {
  vi.restoreAllMocks()
  for (const close of closing.splice(0).reverse()) await close()
})

async function openMeeting(guarantee: Guarantee): Promise<void> {
  const opened = await TestMeeting.open(mkdtempSync('/tmp/ipcsup-odd-'), guarantee)
  meeting = opened
  closing.push(() => opened.close())
}

async function start(api: Api, name = 'one'): Promise<Service> {
  const place = { descriptor: meeting.take(name), meeting: meeting.path, process: name, generation: 1 }
  const service = await startService(place, api)
  closing.push(() => service.close())
  return service
}

function open(): CallingEnd {
  const end = openCallingEnd(meeting.path)
  closing.push(() => end.close())
  return end
}

async function connectRaw(): Promise<{ socket: Socket; lines: unknown[] }> {
  const socket = connect(meeting.pathOf('one'))
  const read = createLineReader()
  const lines: unknown[] = []
  socket.on('data', piece => lines.push(...read(piece)))
  socket.on('error', () => {})
  closing.push(() => socket.destroy())
  await new Promise<void>(resolve => socket.once('connect', resolve))
  return { socket, lines }
}

describe('what a handler returns or throws', () => {
  test('may only look like a promise', async () => {
    const service = await start({
      half: () => ({
        // biome-ignore lint/suspicious/noThenProperty: that is what is tried.
        then: (resolve: (value: number) => void) => resolve(5),
      }),
      wild: () => ({
        // biome-ignore lint/suspicious/noThenProperty: that is what is tried.
        get then() {
          throw new Error('no')
        },
      }),
    })
    const { call } = open()
    expect(await call('half', [])).toBe(5)
    await expect(call('wild', [])).rejects.toMatchObject({ message: 'no' })
    // None of them is taken for one that is still under way.
    await service.stop()
  })

  const loop: { self?: unknown } = {}
  loop.self = loop
  test.each([
    ['an object that is no text', Object.create(null)],
    ['a proxy of which nothing can be asked', new Proxy({}, { getPrototypeOf: () => raise(), get: () => raise() })],
    ['an error with a message that is none', Object.assign(new Error('x'), { message: loop })],
  ])('may be %s', async (_, thrown) => {
    await start({
      now: () => {
        throw thrown
      },
      later: () => Promise.reject(thrown),
    })
    const { call } = open()
    await expect(call('now', [])).rejects.toBeInstanceOf(Error)
    await expect(call('later', [])).rejects.toBeInstanceOf(Error)
  })

  test('may have a message without end, of which the beginning crosses', async () => {
    await start({ fail: () => Promise.reject(new Error('x'.repeat(70_000_000))) })
    const error = (await open()
      .call('fail', [])
      .catch(thrown => thrown)) as Error
    expect(error.message.slice(0, 3)).toBe('xxx')
    expect(error.message.length).toBeLessThan(100_000)
  })
})

const raise = (): never => {
  throw new Error('nothing can be asked')
}

describe('what is more than a line takes', () => {
  const large = 68_000_000

  test('is refused by the side that would send it, and other calls go on', async () => {
    await start({
      give: (length: number) => 'x'.repeat(length),
      async *items() {
        yield 'x'.repeat(large)
      },
      wait: () => new Promise(resolve => setTimeout(() => resolve('there'), 100)),
      same: (value: unknown) => value,
    })
    const { call } = open()
    const other = call('wait', [])
    const refused = { code: 'IPCSUP_ERR_CALL_ENCODING', message: expect.stringContaining('more than a line takes') }
    await expect(call('give', [large])).rejects.toMatchObject(refused)
    await expect(call('same', ['x'.repeat(large)])).rejects.toMatchObject(refused)
    const stream = (await call('items', [])) as AsyncIterableIterator<unknown>
    await expect(stream.next()).rejects.toMatchObject(refused)
    expect(await other).toBe('there')
  })

  test('is near: then what waits to be written is not copied again and again', async () => {
    await start({ length: (text: string) => text.length })
    let copied = 0
    const from = Buffer.from
    vi.spyOn(Buffer, 'from').mockImplementation(((...args: Parameters<typeof from>) => {
      if (Buffer.isBuffer(args[0])) copied += args[0].length
      return from(...args)
    }) as typeof from)
    expect(await open().call('length', ['x'.repeat(20_000_000)])).toBe(20_000_000)
    // The reader copies it once.
    expect(copied).toBeLessThan(60_000_000)
  })
})

test.each([{ timeout: '5' as unknown as number }, { id: 'x'.repeat(1025) }])(
  'options that make no sense are refused: %o',
  async options => {
    await start({ add: () => 1 })
    await expect(open().call('add', [], options)).rejects.toMatchObject({ code: 'IPCSUP_ERR_VALUE_RANGE' })
  },
)

describe('a stream', () => {
  async function* count(): AsyncGenerator<number> {
    for (let number = 0; ; number++) yield number
  }

  test('in its middle is cancelled by the signal of its call', async () => {
    let isOver = false
    await start({
      async *count() {
        try {
          yield* count()
        } finally {
          isOver = true
        }
      },
    })
    const controller = new AbortController()
    const stream = (await open().call('count', [], { signal: controller.signal })) as AsyncIterableIterator<number>
    expect((await stream.next()).value).toBe(0)
    controller.abort(new Error('enough'))
    await expect(stream.next()).rejects.toThrow('enough')
    await until('the handler knows', () => isOver)
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  test('ends at the timeout of its call', async () => {
    await start({ count })
    // The clock stands until the stream has begun.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const stream = (await open().call('count', [], { timeout: 50 })) as AsyncIterableIterator<number>
      expect((await stream.next()).value).toBe(0)
      vi.advanceTimersByTime(50)
      const all = async (): Promise<void> => {
        for await (const _ of stream);
      }
      await expect(all()).rejects.toMatchObject({
        code: 'IPCSUP_ERR_CALL_TIMEOUT',
        message: expect.stringContaining('its stream has not come to its end'),
      })
    } finally {
      vi.useRealTimers()
    }
  })

  test('that is allowed without end and not read waits, and other calls are answered', async () => {
    let made = 0
    await start({
      async *items() {
        for (;;) {
          made += 1
          yield 'x'.repeat(10_000)
        }
      },
      add: (a: number, b: number) => a + b,
    })
    const { socket } = await connectRaw()
    socket.pause()
    socket.write('{"id":1,"call":"items","more":1000000000}\n')
    await until('it has begun', () => made > 0)
    await until('it waits', async () => {
      const before = made
      expect(await open().call('add', [1, 2])).toBe(3)
      return made === before
    })
    expect(made).toBeLessThan(1000)
  })

  test('that is long keeps nothing of what has gone', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const credit = createCredit(0)
    collect()
    const before = process.memoryUsage().heapUsed
    for (let item = 0; item < 200_000; item++) await credit.orGone(Promise.resolve(item))
    collect()
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000)
    credit.end()
    expect(await credit.orGone(new Promise(() => {}))).toBe(null)
  })
})

describe('several instances', () => {
  test('have their turn from a caller that has one call at a time', async () => {
    for (const name of ['one', 'two', 'three']) await start({ name: () => name }, name)
    const { call } = open()
    const names = new Set<unknown>()
    for (let count = 0; count < 6; count++) names.add(await call('name', []))
    expect([...names].sort()).toEqual(['one', 'three', 'two'])
    // Each for itself, too: a program that makes one call and ends.
    names.clear()
    for (let count = 0; count < 60; count++) names.add(await open().call('name', []))
    expect(names.size).toBe(3)
  })

  test('exactly-once: calls with the same id reach the one that knows it, whoever makes them', async () => {
    await openMeeting('exactly-once')
    let count = 0
    for (const name of ['one', 'two', 'three']) await start({ count: () => ++count }, name)
    const ids = Array.from({ length: 8 }, (_, index) => `order-${index}`)
    const ask = (): Promise<unknown[]> => Promise.all(ids.map(id => open().call('count', [], { id })))
    const first = await ask()
    expect(await ask()).toEqual(first)
    expect(await ask()).toEqual(first)
    expect(count).toBe(ids.length)
  })
})

test('an instance that is out of descriptors answers those who are there, and lives', async () => {
  const program = bundleProgram(join(import.meta.dirname, 'drivers/party.ts'))
  const listener = meeting.take('one')
  const words = [program, 'serve', meeting.path, 'one', '1'].map(word => `'${word}'`).join(' ')
  const server = spawn('sh', ['-c', `ulimit -n 48; exec '${process.execPath}' ${words}`], {
    env: { ...process.env, EFFECTS: '/dev/null', MARK: '/nonexistent' },
    stdio: ['ignore', 'inherit', 'inherit', listener],
  })
  closeSync(listener)
  closing.push(() => server.kill('SIGKILL'))
  await until('it serves', () => meeting.instances.length === 1)
  const callers = await Promise.all(Array.from({ length: 60 }, connectRaw))
  for (const { socket } of callers) socket.write('{"id":1,"call":"nothing"}\n')
  await until('each is answered once others have gone', () => {
    const answered = callers.filter(({ lines }) => lines.length > 0)
    for (const { socket } of answered) socket.destroy()
    return answered.length === callers.length
  })
  expect(server.exitCode).toBe(null)
})

test('no handler begins before its receipt is where the caller can read it', async () => {
  const begun: string[] = []
  await start({
    large: async () => {
      await new Promise(setImmediate)
      begun.push('large')
      return 'x'.repeat(5_000_000)
    },
    note: () => begun.push('note'),
    add: (a: number, b: number) => a + b,
  })
  const { socket, lines } = await connectRaw()
  socket.pause()
  socket.write('{"hello":{"took":true}}\n{"id":1,"call":"large"}\n')
  await until('its answer fills the socket', () => begun.length === 1)
  socket.write('{"id":2,"call":"note"}\n')
  // By then it has been read.
  for (let turn = 0; turn < 3; turn++) await open().call('add', [1, 2])
  expect(begun).toEqual(['large'])
  socket.resume()
  await until('its answer', () => lines.length === 4)
  expect(lines.map(line => Object.keys(line as object))).toEqual([['took'], ['id', 'value'], ['took'], ['id', 'value']])
})

test.each([
  ['a number that JSON cannot say again', '1e400'],
  ['a bigint', '{"$bigint":"5"}'],
])('a call whose id is %s has none, whether its caller wants receipts or not', async (_, id) => {
  await start({ add: () => 1 })
  const { socket, lines } = await connectRaw()
  socket.write(`{"hello":{"took":true}}\n{"id":${id},"call":"add"}\n`)
  await until('it is told', () => lines.length === 1)
  expect(lines[0]).toMatchObject({ error: { message: expect.stringContaining('a call has no id') } })
})

test.each(['{"$number":"5"}', '{"$undefined":true}', '{"$date":null}'])(
  'a line that is nothing but a value ends its connection, not the program: %s',
  async line => {
    await start({ where: () => 'here' })
    const { socket, lines } = await connectRaw()
    socket.write(`${line}\n`)
    await until('it is told', () => lines.length === 1)
    expect(lines).toMatchObject([{ error: { message: expect.stringContaining('says nothing that is known') } }])
    expect(await open().call('where', [])).toBe('here')
  },
)

const nested = `${'['.repeat(50_000)}${']'.repeat(50_000)}`

test.each([
  ['a bigint', '{"what":{"$bigint":"5"}}'],
  ['what is nested deeper than any stack', `{"what":${nested}}`],
  ['a line that is longer than any message', `{"${'x'.repeat(100_000)}":1}`],
])('a line that says nothing that is known, but %s, ends its connection, not the program', async (_, line) => {
  await start({ where: () => 'here' })
  const { socket, lines } = await connectRaw()
  socket.write(`${line}\n`)
  await until('it is told', () => lines.length === 1)
  expect(lines).toMatchObject([{ error: { message: expect.stringMatching(/says nothing that is known.{0,200}$/) } }])
  expect(await open().call('where', [])).toBe('here')
})

test('what is no number, and cannot even be asked for one, allows no item, and what is no text is forgotten by nobody', async () => {
  await openMeeting('exactly-once')
  await start({
    where: () => 'here',
    async *count() {
      yield 1
    },
  })
  const { socket, lines } = await connectRaw()
  const odd = '{"toString":1,"valueOf":1}'
  socket.write(`{"id":1,"call":"count","more":${odd}}\n{"id":1,"more":${odd}}\n{"forget":[${odd}]}\n`)
  socket.write('{"id":2,"call":"where"}\n{"id":1,"more":2}\n')
  await until('all is answered', () => lines.length === 4)
  expect(lines).toContainEqual({ id: 2, value: 'here' })
  expect(lines).toContainEqual({ id: 1, done: true })
})

test('an error that is no error is one without a message', async () => {
  const server = createServer(socket => {
    socket.once('data', () =>
      socket.write('{"id":1,"error":{"name":{"toString":1},"message":{"toString":1},"code":[]}}\n'),
    )
    closing.push(() => socket.destroy())
  })
  closeSync(meeting.take('one'))
  rmSync(meeting.pathOf('one'))
  await new Promise<void>(resolve => server.listen(meeting.pathOf('one'), resolve))
  closing.push(() => server.close())
  const supervisor = connect(meeting.path)
  supervisor.write('{"register":{"process":"one","generation":1,"methods":[]}}\n')
  closing.push(() => supervisor.destroy())
  await expect(open().call('add', [])).rejects.toMatchObject({ name: '', message: '' })
})

test('who stops a service that is stopping already waits for that, too', async () => {
  let finish: (() => void) | null = null
  const service = await start({
    slow: () =>
      new Promise<string>(resolve => {
        finish = () => resolve('done')
      }),
  })
  const call = open().call('slow', [])
  await until('it is at work', () => finish !== null)
  let stopped = 0
  const count = () => {
    stopped += 1
  }
  const all = Promise.all([service.stop().then(count), service.stop().then(count)])
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  expect(stopped).toBe(0)
  finish!()
  expect(await call).toBe('done')
  await all
  expect(stopped).toBe(2)
})

test('exactly-once: a stream that cannot even be begun fails, and is no longer under way', async () => {
  await openMeeting('exactly-once')
  await start({ wrong: () => ({ [Symbol.asyncIterator]: 5 }) })
  const all = async () => {
    const stream = (await open().call('wrong', [], { id: 'one' })) as AsyncIterableIterator<unknown>
    await stream.next()
  }
  await expect(all()).rejects.toThrow('not a function')
  await expect(all()).rejects.toThrow('not a function')
})

test.each([
  ['timeout', 5n],
  ['timeout', Symbol('x')],
  ['id', 5n],
  ['id', Symbol('x')],
  ['id', {}],
])('an option %s that is no text and no number, but %s, is refused by its code', async (name, value) => {
  await start({ add: () => 1 })
  await expect(open().call('add', [], { [name]: value })).rejects.toMatchObject({ code: 'IPCSUP_ERR_VALUE_RANGE' })
})
