import * as fs from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { Accounts, closeUnread, onlyLosses } from '../../../src/supervisor/logs/accounts.js'
import { LogFlow } from '../../../src/supervisor/logs/flow.js'
import type { LogStream } from '../../../src/supervisor/logs/logs.js'
import { StreamAccount } from '../../../src/supervisor/logs/stream-account.js'
import { until } from '../../support/conditions.js'
import { makePipe, makeTemporaryDirectory, Posted, VirtualClock } from './support.js'

const onWrite = vi.hoisted(() => ({ current: null as null | (() => void) }))
vi.mock('node:fs', async importOriginal => {
  const original = await importOriginal<typeof import('node:fs')>()
  const writeSync = (...args: Parameters<typeof original.writeSync>): number => {
    onWrite.current?.()
    return original.writeSync(...args)
  }
  return { ...original, writeSync }
})

afterEach(() => {
  onWrite.current = null
})

function makeStream(text: string, process = 'web') {
  const { read, write } = makePipe()
  fs.writeSync(write, text)
  return { source: { process, stream: 'stdout', descriptor: read } satisfies LogStream, write }
}

test('§14 what was read counts as lost until it is in its file', async () => {
  const directory = makeTemporaryDirectory()
  const options = { directory, maxBytes: 1_000, files: 1, display: null, names: [], lineLimitBytes: 1_000 }
  const flow = new LogFlow(options, new Posted().post, new VirtualClock().schedule)
  const { source, write } = makeStream('12345\n')
  const accounts = new Accounts()
  const memory = accounts.open(source)
  expect([accounts.countTaken(), new StreamAccount(memory).state]).toEqual([{}, 'untaken'])
  const atWrite: unknown[] = []
  onWrite.current = () => void atWrite.push(accounts.countTaken())
  flow.attach(source, memory)
  const path = `${directory}/web.stdout.log`
  await until('it is written', () => fs.statSync(path, { throwIfNoEntry: false })?.size === 6)
  onWrite.current = null
  expect([atWrite, accounts.countTaken()]).toEqual([[{ 'web.stdout': 6 }], { 'web.stdout': 0 }])
  fs.closeSync(write)
  await until('it is done', () => new StreamAccount(memory).state === 'done')
  expect(accounts.countTaken()).toEqual({})
})

test('§14 what a file does not take counts as lost until it does', async () => {
  const directory = makeTemporaryDirectory()
  const path = `${directory}/web.stdout.log`
  fs.mkdirSync(path)
  const options = { directory, maxBytes: 1_000, files: 1, display: null, names: [], lineLimitBytes: 1_000 }
  const clock = new VirtualClock()
  const posted = new Posted()
  const flow = new LogFlow(options, posted.post, clock.schedule)
  const { source, write } = makeStream('12345\n')
  const accounts = new Accounts()
  flow.attach(source, accounts.open(source))
  await until('it is blocked', () => posted.of('blocked').length > 0)
  expect(accounts.countTaken()).toEqual({ 'web.stdout': 6 })
  fs.rmdirSync(path)
  clock.advance(1_000)
  expect([fs.readFileSync(path, 'utf8'), accounts.countTaken()]).toEqual(['12345\n', { 'web.stdout': 0 }])
  fs.closeSync(write)
  flow.close(0)
  clock.advance(0)
})

test('§14 what is in the pipe counts too, of every stream of that name; a stream that is closed has none', () => {
  const [first, second, closed] = [makeStream('abc'), makeStream('de'), makeStream('f', 'db')]
  const accounts = new Accounts()
  for (const { source } of [first, second, closed]) {
    const account = new StreamAccount(accounts.open(source))
    account.take()
    account.hold(10)
  }
  fs.closeSync(closed.source.descriptor)
  // Its number is that of another pipe now.
  const other = makeStream('of somebody else')
  expect(accounts.countTaken()).toEqual({ 'web.stdout': 25, 'db.stdout': 10 })
  for (const { source, write } of [first, second, other]) for (const fd of [source.descriptor, write]) fs.closeSync(fd)
  fs.closeSync(closed.write)
})

test('§14 a stream that nobody came to is closed, and what is in it is lost', () => {
  const [full, empty, taken] = [makeStream('abc'), makeStream('', 'db'), makeStream('x', 'api')]
  const accounts = new Accounts()
  for (const { source } of [full, empty]) accounts.open(source)
  new StreamAccount(accounts.open(taken.source)).take()
  expect(accounts.closeUntaken()).toEqual({ 'web.stdout': 3 })
  expect(() => fs.fstatSync(full.source.descriptor)).toThrow('EBADF')
  expect(closeUnread([taken.source])).toEqual({ 'api.stdout': 1 })
  expect(onlyLosses({ a: 0, b: 1 })).toEqual({ b: 1 })
  for (const { write } of [full, empty, taken]) fs.closeSync(write)
})
