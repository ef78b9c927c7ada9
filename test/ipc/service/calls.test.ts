import { closeSync, mkdtempSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Api, type CallOptions, method } from '../../../src/ipc/service/api.js'
import { type CallingEnd, openCallingEnd } from '../../../src/ipc/service/end.js'
import { type Service, startService } from '../../../src/ipc/service/server.js'
import type { StoreOptions } from '../../../src/ipc/service/store/store.js'
import { createLineReader, type Guarantee } from '../../../src/ipc/service/wire.js'
import { until } from '../../support/conditions.js'
import { TestMeeting } from './meeting.js'

let meeting: TestMeeting
const closing: (() => unknown)[] = []

beforeEach(() => openMeeting('at-most-once'))

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function openMeeting(guarantee: Guarantee): Promise<void> {
  const directory = mkdtempSync('/tmp/ipcsup-calls-')
  const opened = await TestMeeting.open(directory, guarantee)
  meeting = opened
  closing.push(() => opened.close())
}

async function start(api: Api, name = 'one', generation = 1, options: StoreOptions = {}): Promise<Service> {
  const place = { descriptor: meeting.take(name), meeting: meeting.path, process: name, generation }
  const service = await startService(place, api, options)
  closing.push(() => service.close())
  return service
}

function open(): CallingEnd
function open<Offered extends Api>(api: Offered): CallingEnd<Offered>
function open(): CallingEnd {
  const end = openCallingEnd(meeting.path)
  closing.push(() => end.close())
  return end
}

/** A caller of another language. */
async function connectRaw(name = 'one'): Promise<{ socket: Socket; say: (line: string) => void; lines: unknown[] }> {
  const socket = connect(meeting.pathOf(name))
  const read = createLineReader()
  const lines: unknown[] = []
  socket.on('data', piece => lines.push(...read(piece)))
  socket.on('error', () => {})
  closing.push(() => socket.destroy())
  await new Promise<void>(resolve => socket.once('connect', resolve))
  return { socket, say: line => socket.write(`${line}\n`), lines }
}

describe('a call', () => {
  const api = {
    add: (a: number, b: number) => a + b,
    same: async (value: unknown) => value,
    fail: (how: string) => {
      if (how === 'text') throw 'just text'
      throw Object.assign(new RangeError('too far'), { code: how === 'number' ? 42 : 'E_FAR' })
    },
    odd: () => Promise.resolve(() => {}),
  }

  test('gives what the handler returns or resolves with', async () => {
    await start(api)
    const { methods } = open(api)
    expect(await methods.add(10, 20)).toBe(30)
    expect(await methods.same({ a: [1n, undefined, Buffer.from('x')] })).toEqual({
      a: [1n, undefined, Buffer.from('x')],
    })
    expect(await methods.same(undefined)).toBe(undefined)
  })

  test('rejects with what the handler throws: name, message and code', async () => {
    await start(api)
    const { methods } = open(api)
    await expect(methods.fail('code')).rejects.toMatchObject({ name: 'RangeError', message: 'too far', code: 'E_FAR' })
    await expect(methods.fail('number')).rejects.toMatchObject({ code: 42 })
    const error = await methods.fail('text').catch(thrown => thrown)
    expect([error instanceof Error, error.message, 'code' in error]).toEqual([true, 'just text', false])
  })

  test('of a method that is not there names the nearest', async () => {
    await start(api)
    await expect(open().call('ad', [])).rejects.toMatchObject({
      code: 'IPCSUP_ERR_NO_SUCH_METHOD',
      message: '"calc" has no method "ad". Did you mean "add"? It has: add, same, fail, odd.',
    })
    await expect(open().call('toString', [])).rejects.toMatchObject({ code: 'IPCSUP_ERR_NO_SUCH_METHOD' })
  })

  test('with what cannot cross says what, there and back', async () => {
    await start(api)
    const { methods } = open(api)
    await expect(methods.same(() => {})).rejects.toMatchObject({
      code: 'IPCSUP_ERR_CALL_ENCODING',
      message: expect.stringContaining('"calc.same" cannot be called: argument 1 is a function'),
    })
    await expect(methods.odd()).rejects.toMatchObject({
      code: 'IPCSUP_ERR_CALL_ENCODING',
      message: expect.stringContaining('"calc.odd" cannot be answered: its result is a function'),
    })
  })

  test('of many at once answers each as it is done, over one connection', async () => {
    const order: number[] = []
    const answers = new Map<number, () => void>()
    await start({ wait: (which: number) => new Promise(resolve => answers.set(which, () => resolve(which))) })
    const { methods } = open()
    const calls = [1, 2, 3].map(async which => order.push((await methods['wait']!(which)) as number))
    await until('all are begun', () => answers.size === 3)
    for (const [index, which] of [3, 1, 2].entries()) {
      answers.get(which)!()
      await until('it is answered', () => order.length === index + 1)
    }
    await Promise.all(calls)
    expect(order).toEqual([3, 1, 2])
  })

  test('with holes for arguments has undefined there', async () => {
    await start({ all: (...args: unknown[]) => args })
    const { call } = open()
    for (const last of [{}, { 1: 1 }, { 1: 'x' }]) {
      const args: unknown[] = Object.assign(new Array(2), last)
      expect(await call('all', args)).toEqual(Array.from(args))
    }
  })

  test('that is larger than any buffer crosses', async () => {
    await start(api)
    const bytes = Buffer.alloc(3_000_000, 'x')
    expect(bytes.equals((await open(api).methods.same(bytes)) as Buffer)).toBe(true)
  })
})

describe('options of a call', () => {
  const api = { echo: (...args: unknown[]) => args }

  test('stand after the arguments only where they cannot be one of them', async () => {
    await start(api)
    const echo = open(api).methods.echo
    expect(await echo(1, { timeout: 100_000 })).toEqual([1])
    expect(await echo(1, { signal: new AbortController().signal, id: 'x' })).toEqual([1])
    expect(await echo(1, { id: 'x' })).toEqual([1, { id: 'x' }])
    expect(await echo(1, {})).toEqual([1, {}])
    expect(await echo(1, { timeout: 'soon' })).toEqual([1, { timeout: 'soon' }])
    expect(await echo(1, { timeout: 100_000, more: 1 })).toEqual([1, { timeout: 100_000, more: 1 }])
    expect(await echo.with({})(1, { timeout: 100_000 })).toEqual([1, { timeout: 100_000 }])
  })

  test.each<CallOptions>([{ timeout: -1 }, { timeout: Number.NaN }, { id: '' }])(
    'that make no sense are refused: %j',
    async options => {
      await start(api)
      await expect(open(api).methods.echo.with(options)(1)).rejects.toMatchObject({ code: 'IPCSUP_ERR_VALUE_RANGE' })
    },
  )
})

describe('cancellation', () => {
  test('crosses: the signal of the handler is aborted, and the call rejects with the reason', async () => {
    const [begun, aborted]: string[][] = [[], []]
    const api = {
      wait: method({}, async ({ signal }, name: string) => {
        begun!.push(name)
        await new Promise(resolve => signal.addEventListener('abort', resolve))
        aborted!.push(name)
      }),
    }
    await start(api)
    const { methods } = open(api)
    const controller = new AbortController()
    const call = methods.wait.with({ signal: controller.signal })('first')
    await until('the handler has it', () => begun!.length === 1)
    controller.abort(new Error('not needed'))
    await expect(call).rejects.toThrow('not needed')
    await until('the handler is told', () => aborted!.length === 1)
    // The clock stands until the handler has it.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const late = expect(methods.wait.with({ timeout: 500 })('second')).rejects.toMatchObject({
      code: 'IPCSUP_ERR_CALL_TIMEOUT',
      message: expect.stringContaining('"calc.wait" was not answered within 500 ms: an instance has it'),
    })
    await until('the handler has it', () => begun!.length === 2)
    vi.advanceTimersByTime(500)
    await late
    await until('the handler is told', () => aborted!.length === 2)
    expect(aborted).toEqual(['first', 'second'])
  })

  test('before the call makes none', async () => {
    let calls = 0
    await start({ count: () => ++calls })
    const { methods } = open()
    await expect(methods['count']!({ signal: AbortSignal.abort() })).rejects.toThrow('aborted')
    expect(await methods['count']!()).toBe(1)
  })

  test('comes of itself when the caller is gone, and the reply is dropped quietly', async () => {
    let [isBegun, isAborted] = [false, false]
    let finish = (_: string): void => {}
    await start({
      wait: method({}, ({ signal }) => {
        isBegun = true
        signal.addEventListener('abort', () => {
          isAborted = true
        })
        return new Promise<string>(resolve => {
          finish = resolve
        })
      }),
      here: () => 'here',
    })
    const { socket, say } = await connectRaw()
    say('{"id":1,"call":"wait"}')
    await until('the handler has it', () => isBegun)
    socket.destroy()
    await until('the handler is told', () => isAborted)
    finish('too late')
    expect(await open().methods['here']!()).toBe('here')
  })
})

describe('a result that is a stream', () => {
  const log: string[] = []
  const api = {
    count: async function* (to: number) {
      try {
        for (let number = 0; number < to; number++) {
          log.push(`made ${number}`)
          yield number
        }
      } finally {
        log.push('ended')
      }
    },
    later: async () => api.count(3),
    breaks: async function* () {
      yield 1
      throw Object.assign(new Error('broken'), { code: 'E_BROKEN' })
    },
    odd: async function* () {
      yield () => {}
    },
    silent: async function* () {
      log.push('silent')
      await new Promise(() => {})
      yield 1
    },
  }
  beforeEach(() => void log.splice(0))

  test('comes item by item, awaited before or not', async () => {
    await start(api)
    const { methods } = open(api)
    const items: number[] = []
    for await (const item of methods.count(1000)) items.push(item)
    expect(items).toEqual(Array.from({ length: 1000 }, (_, index) => index))
    const [one, two]: number[][] = [[], []]
    for await (const item of await methods.count(3)) one!.push(item)
    for await (const item of methods.later()) two!.push(item)
    expect([one, two]).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ])
  })

  test('is made no faster than it is taken, and not before', async () => {
    await start(api)
    const stream = await open(api).methods.count(1_000_000)
    await delay(50)
    expect(log).toEqual([])
    const iterator = stream[Symbol.asyncIterator]()
    for (let taken = 1; taken <= 200; taken++) {
      await iterator.next()
      if (taken % 50 === 0) {
        await delay(20)
        expect(log.length).toBeLessThanOrEqual(taken + 64)
      }
    }
    await iterator.return?.()
    await until('the generator is told', () => log.includes('ended'))
  })

  test('ends early when the loop does, also while nothing comes', async () => {
    await start(api)
    const { methods } = open(api)
    for await (const item of methods.count(1000)) if (item === 10) break
    await until('the generator is told', () => log.includes('ended'))
    const iterator = (await methods.silent())[Symbol.asyncIterator]()
    const next = iterator.next()
    await until('it runs', () => log.includes('silent'))
    await iterator.return?.()
    expect(await next).toEqual({ done: true, value: undefined })
  })

  test('can end with an error', async () => {
    await start(api)
    const items: unknown[] = []
    const take = async (stream: AsyncIterable<unknown>): Promise<void> => {
      for await (const item of stream) items.push(item)
    }
    await expect(take(open(api).methods.breaks())).rejects.toMatchObject({ message: 'broken', code: 'E_BROKEN' })
    expect(items).toEqual([1])
    await expect(take(open(api).methods.odd())).rejects.toMatchObject({ code: 'IPCSUP_ERR_CALL_ENCODING' })
  })

  test('that its instance did not finish is said to be unknown', async () => {
    const service = await start(api)
    const iterator = (await open(api).methods.count(1000))[Symbol.asyncIterator]()
    await iterator.next()
    service.close()
    const rest = async (): Promise<void> => {
      while (!(await iterator.next()).done);
    }
    await expect(rest()).rejects.toMatchObject({ code: 'IPCSUP_ERR_CALL_UNKNOWN' })
  })

  test('has a credit of its own on the wire', async () => {
    await start(api)
    const { say, lines } = await connectRaw()
    say('{"id":"s","call":"count","args":[5],"more":2}')
    await until('two items', () => lines.length === 3)
    await delay(20)
    say('{"id":"s","more":10}')
    await until('the end', () => lines.length === 7)
    expect(lines).toEqual([
      { id: 's', stream: true },
      ...[0, 1, 2, 3, 4].map(item => ({ id: 's', item })),
      { id: 's', done: true },
    ])
  })
})

describe('instances', () => {
  test('a call waits for the first one, until its timeout', async () => {
    const { methods, find } = open()
    expect((await find()).instances).toEqual([])
    await expect(methods['name']!({ timeout: 30 })).rejects.toMatchObject({
      code: 'IPCSUP_ERR_CALL_TIMEOUT',
      message: expect.stringContaining('no instance is there'),
    })
    const call = methods['name']!()
    await delay(20)
    await start({ name: () => 'one' })
    expect(await call).toBe('one')
  })

  test('each call goes to the one that has the fewest', async () => {
    const held: (() => void)[] = []
    const apiOf = (name: string): Api => ({
      hold: () => new Promise(resolve => held.push(() => resolve(name))),
      name: () => name,
    })
    await start(apiOf('one'), 'one')
    await start(apiOf('two'), 'two')
    const { methods, find } = open()
    expect((await find()).instances.map(({ process }) => process)).toEqual(['one', 'two'])
    const calls = Array.from({ length: 6 }, () => methods['hold']!())
    await until('all are there', () => held.length === 6)
    for (const finish of held) finish()
    const names = await Promise.all(calls)
    expect(names.filter(name => name === 'one')).toHaveLength(3)
  })

  test('one that stops finishes what it has, and its callers go on elsewhere', async () => {
    let finish = (_: string): void => {}
    const wait = () =>
      new Promise<string>(resolve => {
        finish = resolve
      })
    const first = await start({ wait, name: () => 'first' })
    const { methods } = open()
    const call = methods['wait']!()
    await until('it is there', () => finish.name !== '')
    expect(await methods['name']!()).toBe('first')
    const stopping = first.stop()
    // Before the caller knows of it.
    const refused = Array.from({ length: 10 }, () => methods['name']!())
    await until('it is not found any more', () => meeting.instances.length === 0)
    await start({ name: () => 'second' }, 'one', 2)
    expect(await Promise.all(refused)).toEqual(Array(10).fill('second'))
    finish('finished')
    expect(await call).toBe('finished')
    await stopping
  })

  test('begins with no call before `serve` has resolved: its handlers may use what that gives', async () => {
    closeSync(meeting.take('one'))
    const { say, lines } = await connectRaw()
    say('{"id":1,"call":"name"}')
    let service: Service | null = null
    const tell = meeting.tell.bind(meeting)
    meeting.tell = () => {}
    const starting = start({ name: () => (service === null ? 'too early' : service.name) })
    await until('it has registered', () => meeting.registered.length === 1)
    for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
    tell()
    service = await starting
    await until('the answer', () => lines.length === 1)
    expect(lines).toEqual([{ id: 1, value: 'calc' }])
  })

  test('when all are finished nobody waits any more', async () => {
    const { methods } = open()
    const call = methods['name']!()
    const refused = expect(call).rejects.toMatchObject({
      code: 'IPCSUP_ERR_SERVICE_OVER',
      message: expect.stringContaining('"calc.name" cannot be called: every process that serves it is finished'),
    })
    await delay(20)
    meeting.over = true
    meeting.tell()
    await refused
    await expect(methods['name']!()).rejects.toMatchObject({ code: 'IPCSUP_ERR_SERVICE_OVER' })
  })

  test('without a supervisor nobody waits, and those that are there still answer', async () => {
    await start({ name: () => 'one' })
    const { methods } = open()
    expect(await methods['name']!()).toBe('one')
    meeting.close()
    await delay(20)
    expect(await methods['name']!()).toBe('one')
    await expect(open().call('name', [])).rejects.toMatchObject({
      code: 'IPCSUP_ERR_SERVICE_OVER',
      message: expect.stringContaining('ENOENT'),
    })
  })

  test('a path where something else answers is refused', async () => {
    await start({ name: () => 'one' })
    const end = openCallingEnd(meeting.pathOf('one'), 'calc')
    closing.push(() => end.close())
    await expect(end.call('name', [], { timeout: 100 })).rejects.toMatchObject({ code: 'IPCSUP_ERR_CALL_TIMEOUT' })
  })
})

describe('on the wire', () => {
  test('a call is a line, and so is its answer', async () => {
    await start({ add: (a: number, b: number) => a + b, fail: () => Promise.reject(new Error('no')) })
    const { say, lines } = await connectRaw()
    say(
      '{"id":1,"call":"add","args":[10,20]}\n{"id":"b","call":"fail"}\n{"id":3,"call":"none"}\n{"id":4,"call":"add","args":7}',
    )
    await until('four answers', () => lines.length === 4)
    const wrong = 'The request "call of calc" is not valid: its args are no list.'
    expect(lines).toEqual(
      expect.arrayContaining([
        { id: 1, value: 30 },
        { id: 'b', error: { name: 'Error', message: 'no' } },
        { id: 3, error: expect.objectContaining({ code: 'IPCSUP_ERR_NO_SUCH_METHOD' }) },
        { id: 4, error: expect.objectContaining({ code: 'IPCSUP_ERR_REQUEST', message: wrong }) },
      ]),
    )
  })

  test('receipts are told before anything begins, to who wants them', async () => {
    await start({ add: (a: number, b: number) => a + b })
    const { say, lines } = await connectRaw()
    say('{"hello":{"took":true}}\n{"id":7,"call":"add","args":[1,2]}\n{"id":9,"call":"add","args":[1,2]}')
    await until('two answers', () => lines.length === 3)
    expect(lines).toEqual([{ took: 9 }, { id: 7, value: 3 }, { id: 9, value: 3 }])
  })

  test.each([
    ['nonsense', /a line is no JSON: nonsense/],
    ['{"what":1}', /this line says nothing that is known/],
    ['{"call":"add"}', /a call has no id/],
    ['{"id":[1],"call":"add"}', /a call has no id/],
  ])('%s ends that connection with a complaint, and no other', async (line, why) => {
    await start({ add: (a: number, b: number) => a + b })
    const other = open()
    expect(await other.call('add', [1, 2])).toBe(3)
    const { socket, say, lines } = await connectRaw()
    say(line)
    await until('it is closed', () => socket.destroyed || socket.readableEnded)
    expect(lines).toEqual([{ error: { name: 'Error', message: expect.stringMatching(why) } }])
    expect(await other.call('add', [1, 2])).toBe(3)
  })

  test('who does not read its answers is not read from any more', async () => {
    let calls = 0
    await start({ large: () => `${++calls}`.padEnd(10_000, 'x') })
    const { socket, say } = await connectRaw()
    socket.pause()
    for (let id = 0; id < 20_000; id++) say(`{"id":${id},"call":"large","args":["${'y'.repeat(100)}"]}`)
    let before = -1
    await until('it takes no more', async () => {
      const isSame = calls === before
      before = calls
      await delay(50)
      return isSame && calls > 0
    })
    expect(calls).toBeLessThan(15_000)
    const { call } = open()
    expect(await call('large', [])).toHaveLength(10_000)
  })

  test('who goes away without having read its answers is noticed', async () => {
    let [isBegun, isAborted] = [false, false]
    await start({
      large: () => 'x'.repeat(10_000),
      wait: method({}, ({ signal }) => {
        isBegun = true
        signal.addEventListener('abort', () => {
          isAborted = true
        })
        return new Promise(() => {})
      }),
    })
    const { socket, say } = await connectRaw()
    socket.pause()
    say('{"hello":{"took":true}}\n{"id":"w","call":"wait"}')
    for (let id = 0; id < 2000; id++) say(`{"id":${id},"call":"large"}`)
    await until('the handler has it', () => isBegun)
    await delay(100)
    socket.destroy()
    await until('the handler is told', () => isAborted)
  })

  test('the supervisor is told what can be called', async () => {
    await start({ add: (a: number, b: number) => a + b, get: method({}, (_, name: string) => name) })
    expect(meeting.registered).toMatchObject([
      { process: 'one', methods: ['add', 'get'], arity: { add: 2, get: 1 }, took: true },
    ])
  })
})

describe('exactly once', () => {
  beforeEach(() => openMeeting('exactly-once'))

  test('two calls with the same id at the same time are one', async () => {
    let runs = 0
    await start({ slow: method({}, async (_, text: string) => delay(20, `${text} ${++runs}`)) })
    const [one, two] = [open(), open()]
    const calls = [one, two, one].map(end => end.call('slow', ['run'], { id: 'same' }))
    expect(await Promise.all(calls)).toEqual(['run 1', 'run 1', 'run 1'])
    expect(await two.call('slow', ['run'], { id: 'another' })).toBe('run 2')
  })

  test('an error is an answer like others', async () => {
    let runs = 0
    await start({
      fail: () => {
        runs++
        throw new RangeError('no')
      },
    })
    const { call } = open()
    for (let time = 0; time < 2; time++)
      await expect(call('fail', [], { id: 'a' })).rejects.toMatchObject({ name: 'RangeError' })
    expect(runs).toBe(1)
  })

  test('what a failed call has changed is as if it had never been', async () => {
    const service = await start({
      fail: method({ effects: 'store' }, ({ store }) => {
        store.set('a', 1)
        throw new Error('no')
      }),
    })
    await expect(open().call('fail', [])).rejects.toThrow('no')
    expect(service.store?.has('a')).toBe(false)
  })

  test('calls that read and change the same at the same time lose nothing', async () => {
    const service = await start({
      count: method({ effects: 'store' }, async ({ store }) => {
        const before = (store.get('count') as number | undefined) ?? 0
        await delay(1)
        store.set('count', before + 1)
        return before + 1
      }),
    })
    const { call } = open()
    const counts = await Promise.all(Array.from({ length: 20 }, () => call('count', [])))
    expect(new Set(counts).size).toBe(20)
    expect(service.store?.get('count')).toBe(20)
  })

  test('a call that was cancelled has done nothing, and can be made again', async () => {
    let runs = 0
    const service = await start({
      slow: method({ effects: 'store' }, async ({ store, signal }) => {
        store.append('runs', ++runs)
        if (runs === 1) await delay(10_000, null, { signal })
        return runs
      }),
    })
    const { call } = open()
    const stop = new AbortController()
    const stopped = expect(call('slow', [], { id: 'a', signal: stop.signal })).rejects.toThrow('not needed')
    await until('it is begun', () => runs === 1)
    stop.abort(new Error('not needed'))
    await stopped
    expect(await call('slow', [], { id: 'a' })).toBe(2)
    expect(service.store?.list('runs')).toEqual([2])
  })

  test('a stream is done once, and not given twice', async () => {
    const service = await start({
      list: method({ effects: 'store' }, async function* ({ store }) {
        store.append('runs', 1)
        yield 1
        yield 2
      }),
    })
    const { call } = open()
    const items: unknown[] = []
    for await (const item of (await call('list', [], { id: 'a' })) as AsyncIterable<unknown>) items.push(item)
    expect([items, service.store?.list('runs')]).toEqual([[1, 2], [1]])
    await expect(call('list', [], { id: 'a' })).rejects.toMatchObject({
      code: 'IPCSUP_ERR_CALL_UNKNOWN',
      message: expect.stringContaining('it was answered by a stream, which is not kept'),
    })
  })

  test('replies that have arrived are forgotten, those with an id of the caller are kept', async () => {
    await start({ add: (a: number, b: number) => a + b })
    const { call } = open()
    await call('add', [1, 2])
    await call('add', [1, 2], { id: 'mine' })
    const path = join(meeting.store, 'one.store')
    await until('it is forgotten', () => readFileSync(path, 'utf8').includes('{"forget":["'))
    expect(readFileSync(path, 'utf8')).not.toContain('{"forget":["add:mine')
  })

  test('a call so old that its record may be gone is not done again', async () => {
    await start({ add: (a: number, b: number) => a + b }, 'one', 1, { mostReplies: 1 })
    const { say, lines } = await connectRaw()
    const made = Date.now()
    for (const key of ['a', 'b', 'c']) {
      await delay(2)
      say(`{"id":"${key}","call":"add","args":[1,2],"key":"${key}","made":${Date.now()}}`)
      await until('its answer', () => lines.length === ['a', 'b', 'c'].indexOf(key) + 1)
    }
    say(`{"id":"kept","call":"add","args":[1,2],"key":"c","made":${made}}`)
    say(`{"id":"gone","call":"add","args":[1,2],"key":"a","made":${made}}`)
    await until('all answers', () => lines.length === 5)
    expect(lines).toContainEqual({ id: 'kept', value: 3 })
    expect(lines).toContainEqual({
      id: 'gone',
      error: expect.objectContaining({ message: expect.stringContaining('its record may have been forgotten') }),
    })
  })

  test('a handler that needs no store of its own knows its key and its caller', async () => {
    await start({ who: method({}, ({ key, caller }) => [key, caller]) })
    const { say, lines } = await connectRaw()
    say('{"hello":{"process":"shop"}}\n{"id":1,"call":"who","key":"k"}')
    await until('the answer', () => lines.length === 1)
    expect(lines).toEqual([{ id: 1, value: ['k', 'shop'] }])
  })
})
