import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createLogs } from '../../../src/supervisor/logs/create.js'
import type { LogsOptions } from '../../../src/supervisor/logs/logs.js'
import { settle, until } from '../../support/conditions.js'
import {
  buildWorker,
  countDescriptors,
  exitOf,
  makePipe,
  makeTemporaryDirectory,
  openTerminal,
  startWriter,
} from './support.js'

let built: string
let workerUrl: URL
let directory: string
let warnings: string[]

beforeAll(async () => {
  built = makeTemporaryDirectory()
  const drivers = ['idle-logs', 'idle-worker', 'run-logs'].map(name => [
    name,
    join(import.meta.dirname, `drivers/${name}.ts`),
  ])
  workerUrl = await buildWorker(built, Object.fromEntries(drivers))
  // A driver finds the packages of the project.
  symlinkSync(join(import.meta.dirname, '../../../node_modules'), join(built, 'node_modules'))
})
afterAll(() => rmSync(built, { recursive: true }))
beforeEach(() => {
  directory = makeTemporaryDirectory()
  warnings = []
})
afterEach(() => rmSync(directory, { recursive: true }))

function create(options: Partial<LogsOptions> = {}) {
  const onWarning = (message: string) => void warnings.push(message)
  const common = { directory: join(directory, 'logs'), maxBytes: 100_000_000, files: 2, display: null }
  return createLogs({ ...common, onWarning, workerUrl, ...options })
}

function start(logs: ReturnType<typeof create>, process: string, script: string) {
  const { read, write } = makePipe()
  logs.attach({ process, stream: 'stdout', descriptor: read })
  return startWriter(write, 'sh', '-c', script)
}

const path = (name: string) => join(directory, 'logs', `${name}.stdout.log`)
const sizeOf = (name: string) => statSync(path(name), { throwIfNoEntry: false })?.size ?? 0
const listThreads = () => readdirSync('/proc/self/task')
/** The kernel lists a thread for a moment after it was waited for. */
const untilNoneButThese = (threads: readonly string[]) =>
  until('the threads are gone', () => listThreads().every(thread => threads.includes(thread)))

describe('the logs of real processes', () => {
  test('are written whole; then neither thread nor descriptor is left', async () => {
    // The first thread of a process brings helpers that stay.
    await closeAtOnce()
    const [before, threads] = [countDescriptors(), listThreads()]
    const logs = create()
    const children = ['a', 'b', 'c'].map(name => start(logs, name, `seq 1 20000; printf ${name}`))
    expect(logs.files()).toEqual(['a', 'b', 'c'].map(process => ({ process, stream: 'stdout', path: path(process) })))
    await Promise.all(children.map(exitOf))
    expect(await logs.close({ deadlineMs: 10_000 })).toEqual({})
    const expected = execFileSync('seq', ['1', '20000'], { encoding: 'utf8' })
    for (const name of ['a', 'b', 'c']) expect(readFileSync(path(name), 'utf8') === expected + name).toBe(true)
    expect([countDescriptors(), warnings, logs.blocked()]).toEqual([before, [], []])
    await untilNoneButThese(threads)
  })

  test('that never came start no thread', async () => {
    const before = listThreads()
    const logs = create()
    expect(listThreads().filter(thread => !before.includes(thread))).toEqual([])
    expect(await logs.close({ deadlineMs: 10_000 })).toEqual({})
    expect(existsSync(join(directory, 'logs'))).toBe(false)
  })

  test('whose thread cannot be made are a warning, hurt nobody, and what was not read is counted', async () => {
    const before = countDescriptors()
    // As good as a limit of processes that is reached: the constructor throws.
    const logs = create({ workerUrl: new URL('http://example.invalid/') })
    await exitOf(start(logs, 'a', 'echo 1234'))
    expect(warnings).toEqual([expect.stringMatching(/^The log worker cannot be started: .* restart ipcsup\.$/)])
    expect(await logs.close({ deadlineMs: 10_000 })).toEqual({ 'a.stdout': 5 })
    expect(countDescriptors()).toBe(before)
  })

  test('are closed once, however often it is asked', async () => {
    const logs = create()
    await exitOf(start(logs, 'a', 'echo x'))
    const closing = logs.close({ deadlineMs: 10_000 })
    expect(logs.close({ deadlineMs: 0 })).toBe(closing)
    expect(await closing).toEqual({})
    const before = countDescriptors()
    const { read, write } = makePipe()
    logs.attach({ process: 'late', stream: 'stdout', descriptor: read })
    closeSync(write)
    expect(countDescriptors()).toBe(before)
  })

  test('§7 exit is not EOF: a grandchild that keeps a pipe open delays only that log, and only to the deadline', async () => {
    const logs = create()
    const [keeper, quick] = [start(logs, 'keeper', 'echo k; sleep 1000 & echo $!'), start(logs, 'quick', 'echo q')]
    await Promise.all([exitOf(keeper), exitOf(quick)])
    await until('the keeper has written', () =>
      /^k\n\d+\n$/.test(sizeOf('keeper') > 0 ? readFileSync(path('keeper'), 'utf8') : ''),
    )
    expect(await logs.close({ deadlineMs: 50 })).toEqual({})
    expect(readFileSync(path('quick'), 'utf8')).toBe('q\n')
    process.kill(Number(readFileSync(path('keeper'), 'utf8').split('\n')[1]))
  })

  test('that cannot be written are named in blocked and in a warning, and are not lost', async () => {
    closeSync(openSync(join(directory, 'logs'), 'w'))
    const logs = create()
    const child = start(logs, 'a', 'echo x')
    await until('it is blocked, and said so', () => logs.blocked().length > 0 && warnings.length > 0)
    expect(logs.blocked()).toMatchObject([{ process: 'a', stream: 'stdout' }])
    expect(warnings[0]).toContain(`The log ${path('a')} cannot be written: `)
    await exitOf(child)
    rmSync(join(directory, 'logs'))
    expect(await logs.close({ deadlineMs: 30_000 })).toEqual({})
    expect([readFileSync(path('a'), 'utf8'), logs.blocked()]).toEqual(['x\n', []])
  })

  async function closeAtOnce(): Promise<void> {
    const logs = create()
    await exitOf(start(logs, 'first', ':'))
    await logs.close({ deadlineMs: 10_000 })
  }
})

test('a notice is not taken without a display, nor once the logs are being closed: somebody else must show it', async () => {
  expect(create().show('lost')).toBe(false)
  const { read, write } = makePipe()
  const logs = create({ display: { descriptor: write, color: false } })
  expect(logs.show('shown')).toBe(true)
  const closed = logs.close({ deadlineMs: 1_000 })
  expect(logs.show('too late')).toBe(false)
  await closed
  closeSync(write)
  expect(readFileSync(read, 'utf8')).toBe('shown\n')
})

describe('silent streams', () => {
  test('cost at most 10 KiB each, wake nobody, and the standard output is not touched', () => {
    // A pipe, so that a getter's O_NONBLOCK would show. V8's room for what is young is its own choice, of up to 16 MiB in
    // each thread, and no cost of a stream: shared out among them it was most of the figure, and all of its noise.
    const output = execFileSync('sh', [
      '-c',
      '"$1" --expose-gc --max-semi-space-size=1 "$2" 800 | cat',
      'sh',
      process.execPath,
      join(built, 'idle-logs.mjs'),
    ])
    const { perStreamKiB, switches, isOutputTouched, warnings: told } = JSON.parse(output.toString())
    expect({ isOutputTouched, told }).toEqual({ isOutputTouched: false, told: [] })
    expect(perStreamKiB).toBeLessThanOrEqual(10)
    expect(switches).toBeLessThanOrEqual(5)
  })
})

describe('§12 a display that blocks', () => {
  test('a terminal that nobody reads holds the processes, and nothing else; then all of it comes', async () => {
    const terminal = await openTerminal()
    const descriptor = openSync(terminal.path, 'r+')
    const logs = create({ display: { descriptor, color: true }, names: ['a'] })
    const child = start(logs, 'a', 'seq 1 100000; printf "\\033]0\\n"')
    // What pipe and worker hold, and no more; the process waits in its write.
    await until('something is written', () => sizeOf('a') > 0)
    await settle(() => sizeOf('a'))
    expect([sizeOf('a') <= 200_000, child.exitCode]).toEqual([true, null])
    logs.show('still here')
    const shown = terminal.read()
    await exitOf(child)
    expect(await logs.close({ deadlineMs: 30_000 })).toEqual({})
    closeSync(descriptor)
    const lines = String(await shown).split('\n')
    expect(lines.indexOf('still here')).toBeGreaterThan(-1)
    const numbers = Array.from({ length: 100_000 }, (_, index) => String(index + 1))
    const expected = [...numbers, '\\x1b]0', ''].map(line => (line === '' ? '' : `\x1b[36ma\x1b[0m | ${line}`))
    expect(lines.filter(line => line !== 'still here').join('\n') === expected.join('\n')).toBe(true)
  })

  test('a terminal that nobody reads does not keep the logs from being closed', async () => {
    const terminal = await openTerminal()
    const descriptor = openSync(terminal.path, 'r+')
    const threads = listThreads()
    const logs = create({ display: { descriptor, color: true } })
    await exitOf(start(logs, 'a', 'seq 1 15000'))
    expect(await logs.close({ deadlineMs: 100 })).toEqual({})
    const expected = execFileSync('seq', ['1', '15000'], { encoding: 'utf8' })
    expect([readFileSync(path('a'), 'utf8') === expected, warnings]).toEqual([true, []])
    await untilNoneButThese(threads)
    closeSync(descriptor)
    await terminal.kill()
  })

  test('a description that somebody made non-blocking loses and reorders nothing', async () => {
    const [ours, theirs] = await connectPair(join(directory, 'socket'))
    // Node's own sockets are non-blocking, and a socket cannot be opened anew.
    const { fd: descriptor } = (ours as unknown as { _handle: { fd: number } })._handle
    const logs = create({ display: { descriptor, color: false } })
    const child = start(logs, 'a', 'seq 1 100000')
    await until('something is written', () => sizeOf('a') > 0)
    await settle(() => sizeOf('a'))
    expect(child.exitCode).toBeNull()
    const received = theirs.toArray()
    await exitOf(child)
    expect(await logs.close({ deadlineMs: 30_000 })).toEqual({})
    ours.end()
    const numbers = Array.from({ length: 100_000 }, (_, index) => `a | ${index + 1}\n`)
    expect(Buffer.concat(await received).toString() === numbers.join('')).toBe(true)
  })

  test('a blocking socket that nobody reads holds the worker, not the end of the logs; §14 what is lost is counted', () => {
    // The socket is read once the result is there: only then can the process exit.
    const program = `
import os, socket, subprocess, sys
ours, theirs = socket.socketpair()
child = subprocess.Popen(sys.argv[1:], pass_fds=[os.dup2(theirs.fileno(), 90)], stdout=subprocess.PIPE)
theirs.close(); os.close(90)
os.write(1, os.read(child.stdout.fileno(), 65536))
while ours.recv(65536): pass
sys.exit(child.wait())
`
    const task = {
      ...{ directory: join(directory, 'logs'), maxBytes: 10_000_000, files: 2, display: 90, deadlineMs: 100 },
      // More than the socket takes with its prefixes, less than what worker, pipe and socket take.
      command: ['sh', '-c', 'yes "" | head -c 120000'],
    }
    const driver = [process.execPath, join(built, 'run-logs.mjs'), JSON.stringify(task)]
    const result = JSON.parse(
      execFileSync('timeout', ['120', 'python3', '-c', program, ...driver], { encoding: 'utf8' }),
    )
    // The rest of it is in the pipe.
    expect([sizeOf('web') > 0, result.dropped]).toEqual([true, { 'web.stdout': 120_000 - sizeOf('web') }])
    expect(result.warnings).toEqual(['The log worker hangs in a write; what it has not written is lost.'])
  })

  test('a reader that goes away ends the showing and nothing else', async () => {
    const { read, write } = makePipe()
    const logs = create({ display: { descriptor: write, color: false } })
    const child = start(logs, 'a', 'seq 1 50000')
    closeSync(read)
    await exitOf(child)
    expect(await logs.close({ deadlineMs: 30_000 })).toEqual({})
    expect([sizeOf('a') > 200_000, warnings]).toEqual([true, []])
    closeSync(write)
  })
})

async function connectPair(path: string): Promise<[Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true }).listen(path)
  const accepted = new Promise<Socket>(resolve => server.once('connection', resolve))
  const ours = connect(path)
  const theirs = await accepted
  server.close()
  return [ours, theirs]
}
