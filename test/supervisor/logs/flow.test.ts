import { closeSync, mkdirSync, openSync, readFileSync, rmdirSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LogFlow } from '../../../src/supervisor/logs/flow.js'
import type { LogDisplay } from '../../../src/supervisor/logs/logs.js'
import { StreamAccount } from '../../../src/supervisor/logs/stream-account.js'
import { until } from '../../support/conditions.js'
import {
  countDescriptors,
  makePipe,
  makeTemporaryDirectory,
  openTerminal,
  Posted,
  readGenerations,
  VirtualClock,
} from './support.js'

// The flow of the worker, in this thread: its clock is the test's.
let directory: string
let clock: VirtualClock
let posted: Posted

beforeEach(() => {
  directory = makeTemporaryDirectory()
  clock = new VirtualClock()
  posted = new Posted()
})
afterEach(() => rmSync(directory, { recursive: true }))

const logPath = (name = 'web.stdout') => join(directory, 'logs', `${name}.log`)
const readLog = (name?: string) => readGenerations(logPath(name)).map(String).join('')
const hasLog = (name: string, text: string) =>
  until(`${name} has ${text.slice(0, 50)}`, () => readLogIfAny(name) === text)
const isClosed = () => posted.of('closed').length > 0
const untilClosed = () => until('it is closed', isClosed)
const untilBlocked = () => until('it is blocked', () => posted.of('blocked').length > 0)
const breakDirectory = () => writeFileSync(join(directory, 'logs'), '')
const mendDirectory = () => rmSync(join(directory, 'logs'))

function readLogIfAny(name: string): string | null {
  try {
    return readLog(name)
  } catch {
    return null
  }
}

function createFlow(display: LogDisplay | null = null, maxBytes = 1_000_000): LogFlow {
  const options = { directory: join(directory, 'logs'), maxBytes, files: 5, names: ['web'], lineLimitBytes: 65_536 }
  return new LogFlow({ ...options, display }, posted.post, clock.schedule)
}

function attach(flow: LogFlow, stream: 'stdout' | 'stderr' = 'stdout', process = 'web'): number {
  const { read, write } = makePipe()
  flow.attach({ process, stream, descriptor: read }, new StreamAccount().memory)
  return write
}

/** A display that can be read back: a file. */
function openDisplay(): LogDisplay & { shown: () => string; close: () => void } {
  const path = join(directory, 'display')
  const descriptor = openSync(path, 'w')
  return {
    descriptor,
    color: false,
    shown: () => readFileSync(path, 'utf8'),
    close: () => closeSync(descriptor),
  }
}

describe('§14 reading', () => {
  test('ends when the last writer is gone; then nothing is left', async () => {
    const before = countDescriptors()
    const flow = createFlow()
    const [out, err] = [attach(flow), attach(flow, 'stderr')]
    writeSync(out, 'to stdout\n')
    writeSync(err, 'to stderr')
    closeSync(out)
    closeSync(err)
    flow.close(10_000)
    await untilClosed()
    expect([readLog('web.stdout'), readLog('web.stderr')]).toEqual(['to stdout\n', 'to stderr'])
    expect(posted.of('closed')[0]?.dropped).toEqual({})
    expect([countDescriptors(), clock.pending]).toEqual([before, 0])
  })

  test('§7 exit is not EOF: at the deadline what is in the pipe is written, and a writer that goes on is left', async () => {
    const before = countDescriptors()
    const flow = createFlow()
    const [held, ended] = [attach(flow), attach(flow, 'stdout', 'db')]
    writeSync(ended, 'done\n')
    closeSync(ended)
    writeSync(held, 'early\n')
    await hasLog('db.stdout', 'done\n')
    await hasLog('web.stdout', 'early\n')
    flow.close(10_000)
    clock.advance(9_999)
    expect(isClosed()).toBe(false)
    // Written in the same turn: only the last look at the pipe can find it.
    writeSync(held, 'late\n')
    clock.advance(1)
    expect(isClosed()).toBe(true)
    expect(readLog()).toBe('early\nlate\n')
    expect(posted.of('closed')[0]?.dropped).toEqual({})
    expect(() => writeSync(held, 'nobody')).toThrow('EPIPE')
    closeSync(held)
    expect(countDescriptors()).toBe(before)
  })

  test('an idle flow has no timer', async () => {
    const flow = createFlow(openDisplay())
    const out = attach(flow)
    writeSync(out, 'whole line\n')
    await hasLog('web.stdout', 'whole line\n')
    expect(clock.pending).toBe(0)
    closeSync(out)
    flow.close(0)
    await untilClosed()
  })

  test('an unfinished line at the end of a full file is in a file a moment later', async () => {
    const flow = createFlow(null, 10)
    const out = attach(flow)
    writeSync(out, 'abcde\nPw: ')
    await hasLog('web.stdout', 'abcde\n')
    clock.advance(2_000)
    expect(readGenerations(logPath()).map(String)).toEqual(['abcde\n', 'Pw: '])
    expect(clock.pending).toBe(0)
    closeSync(out)
    flow.close(0)
    await untilClosed()
  })
})

describe('§14 a file that takes nothing', () => {
  test('stops the reading of its stream alone, whose bytes wait untouched', async () => {
    mkdirSync(logPath(), { recursive: true })
    const flow = createFlow()
    const [out, other] = [attach(flow), attach(flow, 'stdout', 'db')]
    writeSync(out, 'first\n')
    await untilBlocked()
    writeSync(other, 'meanwhile\n')
    await hasLog('db.stdout', 'meanwhile\n')
    rmdirSync(logPath())
    clock.advance(1_000)
    expect(posted.of('blocked').at(-1)).toMatchObject({ process: 'web', why: null })
    closeSync(out)
    closeSync(other)
    flow.close(10_000)
    await untilClosed()
    expect([readLog('web.stdout'), readLog('db.stdout')]).toEqual(['first\n', 'meanwhile\n'])
  })

  test('is named once, and is tried again each second', async () => {
    breakDirectory()
    const flow = createFlow()
    const out = attach(flow)
    writeSync(out, 'first\n')
    await untilBlocked()
    writeSync(out, 'second\n')
    clock.advance(1_000)
    clock.advance(1_000)
    expect(posted.of('warning').map(({ message }) => message.includes(logPath()))).toEqual([true])
    expect(posted.of('blocked')).toMatchObject([{ process: 'web', stream: 'stdout' }])
    mendDirectory()
    clock.advance(999)
    expect(posted.of('blocked').length).toBe(1)
    clock.advance(1)
    expect(posted.of('blocked')[1]).toMatchObject({ process: 'web', stream: 'stdout', why: null })
    await hasLog('web.stdout', 'first\nsecond\n')
    closeSync(out)
    flow.close(10_000)
    await untilClosed()
    expect([readLog(), posted.of('closed')[0]?.dropped]).toEqual(['first\nsecond\n', {}])
  })

  test('until the deadline: the rest is dropped with its byte count, what is in the pipe included', async () => {
    breakDirectory()
    const before = countDescriptors()
    const flow = createFlow()
    const out = attach(flow)
    writeSync(out, 'taken\n')
    await untilBlocked()
    writeSync(out, 'in the pipe\n')
    closeSync(out)
    flow.close(3_000)
    clock.advance(3_000)
    expect(posted.of('closed')[0]?.dropped).toEqual({ 'web.stdout': 18 })
    expect(posted.of('blocked').at(-1)?.why).toBeNull()
    expect([countDescriptors(), clock.pending]).toEqual([before, 0])
  })

  test('and takes again before the deadline gets all', async () => {
    breakDirectory()
    const flow = createFlow()
    const out = attach(flow)
    writeSync(out, 'taken\n')
    await untilBlocked()
    writeSync(out, 'in the pipe\n')
    closeSync(out)
    flow.close(3_000)
    mendDirectory()
    clock.advance(2_999)
    await untilClosed()
    expect([readLog(), posted.of('closed')[0]?.dropped]).toEqual(['taken\nin the pipe\n', {}])
  })
})

describe('what is shown', () => {
  test('lines of several streams are whole, each behind its name', async () => {
    const display = openDisplay()
    const flow = createFlow(display)
    const [out, err] = [attach(flow), attach(flow, 'stderr')]
    writeSync(out, 'a beg')
    await hasLog('web.stdout', 'a beg')
    writeSync(err, 'trouble\n')
    await hasLog('web.stderr', 'trouble\n')
    writeSync(out, 'inning\nlast')
    closeSync(out)
    closeSync(err)
    flow.close(10_000)
    await untilClosed()
    expect(display.shown()).toBe('web ! trouble\nweb | a beginning\nweb | last\n')
    display.close()
  })

  test('a prompt without a newline is shown after a while, and its rest as its rest', async () => {
    const display = openDisplay()
    const flow = createFlow(display)
    const out = attach(flow)
    writeSync(out, 'Password: ')
    await hasLog('web.stdout', 'Password: ')
    expect(display.shown()).toBe('')
    clock.advance(2_000)
    expect([display.shown(), clock.pending]).toEqual(['web | Password: …\n', 0])
    writeSync(out, 'ok\n')
    closeSync(out)
    flow.close(10_000)
    await untilClosed()
    expect(display.shown()).toBe('web | Password: …\nweb | …ok\n')
    expect(readLog()).toBe('Password: ok\n')
    display.close()
  })

  test("the supervisor's own lines stand between the others, never inside one", async () => {
    const display = openDisplay()
    const flow = createFlow(display)
    const out = attach(flow)
    writeSync(out, 'beg')
    await hasLog('web.stdout', 'beg')
    flow.show('web restarts')
    writeSync(out, 'un\n')
    closeSync(out)
    flow.close(10_000)
    await untilClosed()
    expect(display.shown()).toBe('web restarts\nweb | begun\n')
    display.close()
  })

  test('§12 EPIPE ends the showing and nothing else', async () => {
    const { read, write } = makePipe()
    const flow = createFlow({ descriptor: write, color: false })
    const out = attach(flow)
    closeSync(read)
    writeSync(out, 'one\n')
    await hasLog('web.stdout', 'one\n')
    writeSync(out, 'two\n')
    closeSync(out)
    closeSync(write)
    flow.close(10_000)
    await untilClosed()
    expect([readLog(), posted.of('warning')]).toEqual(['one\ntwo\n', []])
  })
})

describe('§12 a display that nobody reads', () => {
  test('holds the logs back without loss, order or end changed', async () => {
    const before = countDescriptors()
    const terminal = await openTerminal()
    const descriptor = openSync(terminal.path, 'r+')
    const flow = createFlow({ descriptor, color: false })
    const out = attach(flow)
    const lines = Array.from({ length: 9_000 }, (_, number) => `line ${number}\n`)
    // More than the terminal takes, less than the two chunks that fit into pipe and worker.
    writeSync(out, lines.join('').slice(0, 60_000))
    await until('all that fits is written', () => readLogIfAny('web.stdout')?.length === 60_000 && clock.pending > 0)
    writeSync(out, lines.join('').slice(60_000))
    closeSync(out)
    flow.show('a notice')
    flow.close(1_000_000)
    for (let turn = 0; turn < 100; turn++) clock.advance(50)
    expect([readLog().length, isClosed()]).toEqual([60_000, false])
    const shown = terminal.read()
    await until('it is closed', () => {
      clock.advance(50)
      return isClosed()
    })
    closeSync(descriptor)
    const text = String(await shown)
    expect(text.replace('a notice\n', '')).toBe(lines.map(line => `web | ${line}`).join(''))
    expect(text).toContain('\na notice\n')
    expect(readLog()).toBe(lines.join(''))
    expect(countDescriptors()).toBe(before)
  })

  test('at the deadline loses what it did not take; the files have all of it', async () => {
    const terminal = await openTerminal()
    const descriptor = openSync(terminal.path, 'r+')
    const flow = createFlow({ descriptor, color: false })
    const out = attach(flow)
    writeSync(out, 'line\n'.repeat(12_000))
    await until('all that fits is written', () => readLogIfAny('web.stdout')?.length === 60_000 && clock.pending > 0)
    writeSync(out, 'in the pipe\n')
    closeSync(out)
    flow.close(500)
    clock.advance(500)
    expect(isClosed()).toBe(true)
    expect(readLog()).toBe(`${'line\n'.repeat(12_000)}in the pipe\n`)
    expect(posted.of('closed')[0]?.dropped).toEqual({})
    closeSync(descriptor)
    await terminal.kill()
  })

  test('gets an unfinished last line after what it did not take, and loses neither', async () => {
    const terminal = await openTerminal()
    const descriptor = openSync(terminal.path, 'r+')
    const flow = createFlow({ descriptor, color: false })
    const notice = 'x'.repeat(300_000)
    const out = attach(flow)
    writeSync(out, 'last')
    await hasLog('web.stdout', 'last')
    flow.show(notice)
    closeSync(out)
    // The end of the stream comes while the display is blocked.
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
    flow.close(1_000_000)
    const shown = terminal.read()
    await until('it is closed', () => {
      clock.advance(50)
      return isClosed()
    })
    closeSync(descriptor)
    expect((await shown).toString() === `${notice}\nweb | last\n`).toBe(true)
  })

  test("the supervisor's own lines are kept up to a limit, and the rest is counted", async () => {
    const terminal = await openTerminal()
    const descriptor = openSync(terminal.path, 'r+')
    const flow = createFlow({ descriptor, color: false })
    for (let number = 0; number < 40_000; number++) flow.show(`notice ${number}`)
    const shown = terminal.read()
    flow.close(1_000_000)
    await until('it is closed', () => {
      clock.advance(50)
      return isClosed()
    })
    closeSync(descriptor)
    const lines = String(await shown)
      .trimEnd()
      .split('\n')
    const [, count] = /^\((\d+) messages not shown\)$/.exec(lines.at(-1)!)!
    expect(lines.slice(0, -1)).toEqual(lines.slice(0, -1).map((_, number) => `notice ${number}`))
    expect(Number(count) + lines.length - 1).toBe(40_000)
  })
})
