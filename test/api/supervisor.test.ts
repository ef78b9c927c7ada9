import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { buildPlan } from '../../src/config/build-plan.js'
import { type Config, createSupervisor, IpcsupError, type StateChange, type Supervisor } from '../../src/index.js'
import { kinds } from '../../src/ipc/kinds/index.js'
import { createWithRun } from '../../src/supervisor/create.js'
import { listRuns } from '../../src/supervisor/run/list.js'
import { openRun } from '../../src/supervisor/run/open.js'
import { bundleProgram } from '../support/bundle.js'
import { until as untilTrue } from '../support/conditions.js'

let directory: string
const made: Supervisor[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipcsup-api-'))
})

afterEach(async () => {
  await Promise.all(made.splice(0).map(supervisor => supervisor.stop({ kill: true })))
  rmSync(directory, { recursive: true, force: true })
})

function make(config: Config): Supervisor {
  const supervisor = createSupervisor(
    { name: 'api', logs: { directory: join(directory, 'logs') }, ...config },
    { directory },
  )
  made.push(supervisor)
  return supervisor
}

/** Resolves with the first state change that fits. */
function until(supervisor: Supervisor, fits: (change: StateChange) => boolean): Promise<StateChange> {
  return new Promise(resolve => {
    supervisor.on('state', function listen(change) {
      if (!fits(change)) return
      supervisor.off('state', listen)
      resolve(change)
    })
  })
}

/** Without those that pidusage keeps for a second after somebody asked for the status. */
const openDescriptors = () => descriptors().filter(({ path }) => !path.endsWith('/stat')).length
const descriptors = () =>
  readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      return [{ fd, path: readlinkSync(`/proc/self/fd/${fd}`) }]
    } catch {
      return [] // The one that readdir itself had.
    }
  })
const read = (name: string) => readFileSync(join(directory, name), 'utf8')

describe('createSupervisor', () => {
  it('resolves its start when every process without needs was spawned', async () => {
    const supervisor = make({
      links: { turn: { kind: 'lock' } },
      processes: {
        work: { command: 'sleep 1000', replicas: 40, links: { turn: 'use' } },
        later: { command: 'sleep 1000', needs: ['work'] },
      },
    })
    await supervisor.start()
    const { processes } = supervisor.report()
    const waiting = processes.filter(({ startedAt }) => startedAt === null).map(({ name }) => name)
    expect(waiting.filter(name => name !== 'later')).toEqual([])
  })

  it('runs processes over links and reports how they ended, in declared order', async () => {
    const supervisor = make({
      links: { lines: { kind: 'pipe' } },
      processes: {
        numbers: { command: 'seq 1000', stdout: 'lines' },
        sum: { command: ['awk', '{ total += $1 } END { print total }'], stdin: 'lines', stdout: { file: 'sum' } },
      },
    })
    await supervisor.start()
    const report = await supervisor.finished
    expect(report.ok).toBe(true)
    expect(report.processes.map(({ name, exit, restarts }) => ({ name, exit, restarts }))).toEqual([
      { name: 'numbers', exit: { code: 0 }, restarts: 0 },
      { name: 'sum', exit: { code: 0 }, restarts: 0 },
    ])
    expect(read('sum')).toBe('500500\n')
    expect(supervisor.report()).toEqual(report)
  })

  it('tells every change of state, and brings a killed process back while its neighbour notices nothing', async () => {
    const supervisor = make({
      links: { lines: { kind: 'pipe' } },
      processes: {
        writer: { command: ['sh', '-c', 'while :; do echo line; sleep 0.01; done'], stdout: 'lines' },
        reader: { command: 'cat', stdin: 'lines', stdout: 'null' },
      },
    })
    await supervisor.start()
    const { pid: before } = await supervisor.process('reader').status()
    const again = until(
      supervisor,
      ({ process, to, generation }) => process === 'reader' && to === 'running' && generation === 2,
    )
    process.kill(before!, 'SIGKILL')
    await again
    const status = await supervisor.status()
    const [writer, reader] = status.processes
    expect([writer?.restarts, reader?.restarts]).toEqual([0, 1])
    expect(reader?.inputLost).toEqual(['lines'])
    expect(status.links[0]).toMatchObject({ name: 'lines', generation: 1, sides: { write: { closed: false } } })
    const report = await supervisor.stop()
    expect(report.ok).toBe(true)
  })

  it('says everything that is wrong in a config at once', () => {
    const wrong = { processes: { a: { comand: 'true' }, b: { command: 'true', needs: { c: 'started' } } } }
    expect(() => make(wrong as unknown as Config)).toThrow(
      expect.objectContaining({
        code: 'IPCSUP_ERR_CONFIG',
        message: expect.stringMatching(/processes\.a[\s\S]*"?command"?[\s\S]*processes\.b/),
      }),
    )
  })

  it('is over, with nothing left behind, at the end of an `await using` block', async () => {
    const live = async () => {
      await using supervisor = make({ processes: { sleeper: { command: 'sleep 1000' } } })
      await supervisor.start()
      return (await supervisor.process('sleeper').status()).pid!
    }
    // What a first supervisor loads stays loaded.
    await live()
    const before = openDescriptors()
    const pid = await live()
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    expect(openDescriptors()).toBe(before)
  })

  it('leaves descriptors, signal handlers and streams of the app alone', async () => {
    const describeApp = () => ({
      descriptors: descriptors()
        .filter(({ path }) => !path.endsWith('/stat')) // Of pidusage, for a second.
        .map(({ fd, path }) => `${fd} ${path} ${flagsOf(fd)}`),
      signals: process.eventNames().filter(name => String(name).startsWith('SIG')),
      exits: process.listenerCount('exit'),
    })
    const flagsOf = (fd: string) => readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1').match(/flags:\s*(\d+)/)?.[1]
    const warmUp = make({ processes: { one: { command: 'true' } } })
    await warmUp.start()
    await warmUp.finished
    const before = describeApp()
    const supervisor = make({ processes: { one: { command: 'true', onExit: 'true' } } })
    await supervisor.start()
    expect(describeApp().signals).toEqual(before.signals)
    await supervisor.finished
    expect(describeApp()).toEqual(before)
  })

  it('two supervisors in one process do not disturb each other', async () => {
    const config = (text: string): Config => ({
      links: { lines: { kind: 'pipe' } },
      processes: {
        writer: { command: ['sh', '-c', `echo ${text}; sleep 1000`], stdout: 'lines' },
        reader: { command: 'head -1', stdin: 'lines', stdout: { file: text } },
      },
    })
    const [first, second] = [make(config('first')), make(config('second'))]
    const heads = [first, second].map(one =>
      until(one, ({ process, to }) => process === 'reader' && to === 'completed'),
    )
    await Promise.all([first.start(), second.start()])
    await Promise.all(heads)
    await first.stop()
    expect((await second.process('writer').status()).state).toBe('running')
    await second.stop()
    expect([read('first'), read('second')]).toEqual(['first\n', 'second\n'])
  })

  it('keeps the app alive until the run is over, also when every process is parked', () => {
    const program = `
      import { createSupervisor } from ${JSON.stringify(join(import.meta.dirname, '../../dist/index.js'))}
      const supervisor = createSupervisor({ processes: { one: { command: 'sleep 1000' } } }, { directory: ${JSON.stringify(directory)} })
      await supervisor.start()
      await supervisor.process('one').stop()
      process.on('SIGUSR2', () => supervisor.stop())
      setTimeout(() => process.kill(process.pid, 'SIGUSR2'), 50).unref()
      console.log((await supervisor.finished).ok)`
    const argv = ['--input-type=module', '-e', program]
    expect(execFileSync(process.execPath, argv, { encoding: 'utf8' })).toBe('true\n')
  })

  it('refuses a second start, an unknown process and an unknown link with a suggestion', async () => {
    const supervisor = make({ processes: { sleeper: { command: 'sleep 1000' } } })
    await supervisor.start()
    await expect(supervisor.start()).rejects.toMatchObject({ code: 'IPCSUP_ERR_STARTED_TWICE' })
    await expect(supervisor.stopProcesses(['sleper'], { end: false })).rejects.toThrow('Did you mean "sleeper"?')
    await expect(supervisor.link('lines', 'read')).rejects.toMatchObject({ code: 'IPCSUP_ERR_UNKNOWN_LINK' })
    await supervisor.stop()
    await expect(supervisor.startProcesses(['sleeper'])).rejects.toMatchObject({ code: 'IPCSUP_ERR_STOPPING' })
  })

  it('a stop before the start ends it: nothing is started, and nothing keeps the app alive', async () => {
    const supervisor = make({ processes: { sleeper: { command: 'sleep 1000' } } })
    const before = openDescriptors()
    expect((await supervisor.stop()).ok).toBe(true)
    await expect(supervisor.start()).rejects.toMatchObject({ code: 'IPCSUP_ERR_STARTED_TWICE' })
    expect(openDescriptors()).toBe(before)
  })

  it('a stop while it is starting leaves no run directory, lock or process behind', async () => {
    const supervisor = make({ processes: { sleeper: { command: 'sleep 1000' } } })
    const before = openDescriptors()
    const starting = supervisor.start()
    const report = await supervisor.stop()
    await starting
    expect(report.processes[0]).toMatchObject({ exit: null, startedAt: null })
    expect(openDescriptors()).toBe(before)
    expect(listRuns().filter(({ pid }) => pid === process.pid)).toEqual([])
  })

  it('a stop in the same turn as the start leaves nothing that keeps the app alive', () => {
    const program = bundleProgram(join(import.meta.dirname, 'drivers/stop-at-once.ts'))
    const { stdout, status } = spawnSync(process.execPath, [program], { encoding: 'utf8', timeout: 50_000 })
    expect([stdout, status]).toEqual(['true null', 0])
  })

  it('a run that cannot be removed at the end is told, and ends badly', async () => {
    const { plan } = buildPlan(
      { name: 'api', processes: { one: { command: 'true' } } },
      { kinds, directory, configPath: null, isEmbedded: true },
    )
    const left = new IpcsupError('IPCSUP_ERR_NOT_REMOVED', { name: 'api', pid: 1, objects: '/left' })
    const openStuck = async () => {
      const run = await openRun({ key: { pid: process.pid }, name: 'api', version: '0' })
      return { ...run, close: () => run.close() ?? left }
    }
    const supervisor = createWithRun(plan, openStuck, [])
    const warnings: string[] = []
    supervisor.on('warning', message => warnings.push(message))
    await supervisor.start()
    expect((await supervisor.finished).ok).toBe(false)
    expect(warnings).toEqual([expect.stringContaining('left what cannot be removed: /left')])
  })

  it('processes cannot be commanded before the start has made what they need', async () => {
    const supervisor = make({ processes: { sleeper: { command: 'sleep 1000' } } })
    const handle = supervisor.process('sleeper')
    const commands = [
      () => handle.start(),
      () => handle.stop(),
      () => handle.stop({ end: true }),
      () => handle.restart(),
    ]
    for (const command of commands) await expect(command()).rejects.toMatchObject({ code: 'IPCSUP_ERR_NOT_STARTED' })
    await supervisor.start()
    expect((await handle.status()).state).toBe('running')
  })

  it('many who ask for the status at once cost no descriptor that stays', async () => {
    const supervisor = make({ processes: { sleeper: { command: 'sleep 1000', stdout: 'null', stderr: 'null' } } })
    await supervisor.start()
    const countStatFiles = () => descriptors().filter(({ path }) => /^\/proc\/\d+\/stat$/.test(path)).length
    const answers = await Promise.all(Array.from({ length: 5 }, () => supervisor.status()))
    expect(answers.map(({ processes }) => processes[0]!.residentBytes)).toEqual(Array(5).fill(expect.any(Number)))
    // What the last look has open is closed a second later.
    await untilTrue('they are closed', () => countStatFiles() === 0)
  })

  it('a signal that does not exist is refused, and hurts nobody', async () => {
    const supervisor = make({ processes: { sleeper: { command: 'sleep 1000' } } })
    await supervisor.start()
    const refusal = supervisor.process('sleeper').signal('SIGHUPP')
    await expect(refusal).rejects.toMatchObject({ code: 'IPCSUP_ERR_UNKNOWN_SIGNAL', message: /"SIGHUP"/ })
    expect((await supervisor.process('sleeper').status()).state).toBe('running')
  })

  it('a start that fails before anything was made is the end of the run, whoever waits for it', async () => {
    const supervisor = make({
      links: { lines: { kind: 'pipe' } },
      processes: { reader: { command: 'cat', stdin: 'lines' } },
    })
    const asked = supervisor.link('lines', 'write')
    const refused = expect(asked).rejects.toMatchObject({ code: 'IPCSUP_ERR_RUN_DIRECTORY' })
    // What `/tmp` may hold when somebody else was there first.
    const runtime = process.env['XDG_RUNTIME_DIR']
    // One in which sockets are too long is not used at all.
    const short = mkdtempSync('/tmp/ipcsup-api-')
    mkdirSync(join(short, 'ipcsup'))
    chmodSync(join(short, 'ipcsup'), 0o755)
    process.env['XDG_RUNTIME_DIR'] = short
    try {
      await expect(supervisor.start()).rejects.toMatchObject({ code: 'IPCSUP_ERR_RUN_DIRECTORY' })
    } finally {
      if (runtime === undefined) delete process.env['XDG_RUNTIME_DIR']
      else process.env['XDG_RUNTIME_DIR'] = runtime
      rmSync(short, { recursive: true })
    }
    expect((await supervisor.finished).ok).toBe(false)
    await refused
  })

  it('a link that cannot be made rejects the start with nothing left behind', async () => {
    writeFileSync(join(directory, 'taken'), '')
    const before = openDescriptors()
    const supervisor = make({
      links: { lines: { kind: 'pipe' }, taken: { kind: 'fifo', path: 'taken' } },
      processes: { a: { command: 'cat', stdin: 'lines' }, b: { command: 'cat', stdin: 'taken', stdout: 'lines' } },
    })
    await expect(supervisor.start()).rejects.toThrow(/"taken"/)
    expect(supervisor.report().processes.map(row => row.startedAt)).toEqual([null, null])
    expect(openDescriptors()).toBe(before)
    expect((await supervisor.finished).ok).toBe(false)
  })

  it('refuses to start when the descriptors would not be enough, before anything is made', () => {
    const program = `
      import { createSupervisor } from ${JSON.stringify(join(import.meta.dirname, '../../dist/index.js'))}
      const processes = Object.fromEntries(Array.from({ length: 50 }, (_, n) => ['p' + n, { command: 'true' }]))
      const supervisor = createSupervisor({ processes }, { directory: ${JSON.stringify(directory)} })
      await supervisor.start().catch(error => console.log(error.code, error.detail.limit))`
    const shell = 'ulimit -n 200; exec "$0" --input-type=module -e "$1"'
    expect(execFileSync('sh', ['-c', shell, process.execPath, program], { encoding: 'utf8' })).toBe(
      'IPCSUP_ERR_DESCRIPTOR_LIMIT 200\n',
    )
  })
})

describe('§17 the embedding app', () => {
  it('is a use of the side it asked for before the start: its reader sees the end when the stream has ended', async () => {
    const supervisor = make({
      links: { words: { kind: 'pipe' }, counts: { kind: 'pipe' } },
      processes: { count: { command: 'wc -w', stdin: 'words', stdout: 'counts' } },
    })
    const [words, counts] = [supervisor.link('words', 'write'), supervisor.link('counts', 'read')]
    await supervisor.start()
    const input = (await words) as Writable
    input.end('three small words\n')
    const output = (await counts) as Readable
    let text = ''
    for await (const chunk of output) text += chunk
    expect(text).toBe('3\n')
    expect((await supervisor.finished).ok).toBe(true)
  })

  it('after the start a side can be opened while it is open, and not once it is closed', async () => {
    const supervisor = make({
      links: { lines: { kind: 'pipe' }, other: { kind: 'pipe' } },
      processes: {
        first: { command: 'sleep 1000', stdout: 'lines' },
        second: { command: 'cat', stdin: 'lines', stdout: { file: 'out' } },
        third: { command: 'true', stdout: 'other' },
        fourth: { command: 'cat', stdin: 'other', stdout: 'null' },
      },
    })
    const third = until(supervisor, ({ process, to }) => process === 'third' && to === 'completed')
    await supervisor.start()
    await third
    const lines = (await supervisor.link('lines', 'write')) as Writable
    lines.end('from the app\n')
    await finished(lines)
    await expect(supervisor.link('other', 'write')).rejects.toMatchObject({ code: 'IPCSUP_ERR_SIDE_CLOSED' })
    await supervisor.stop()
    expect(read('out')).toBe('from the app\n')
  })

  it('a side that neither a process nor the app uses refuses the start', async () => {
    const supervisor = make({
      links: { lines: { kind: 'pipe' } },
      processes: { a: { command: 'cat', stdin: 'lines' } },
    })
    await expect(supervisor.start()).rejects.toMatchObject({ code: 'IPCSUP_ERR_SIDE_UNUSED' })
  })

  it('cannot have an end of which Node must know from its start on, and keeps no descriptor of it', async () => {
    const supervisor = make({
      links: { talk: { kind: 'node' } },
      processes: { peer: { command: 'sleep 1000', links: { talk: 'b' } } },
    })
    const asked = expect(supervisor.link('talk', 'a')).rejects.toThrow(/^The a side of link "talk" .* is not available/)
    await supervisor.start()
    await asked
    await supervisor.stop({ kill: true })
  })

  it('a use of the app is over at dispose, although its stream is still open', async () => {
    const supervisor = make({
      links: { lines: { kind: 'pipe' } },
      processes: { reader: { command: 'cat', stdin: 'lines', stdout: 'null' } },
      drainTimeout: '60s',
    })
    const lines = supervisor.link('lines', 'write')
    await supervisor.start()
    const stream = (await lines) as Writable
    stream.on('error', () => {})
    await supervisor[Symbol.asyncDispose]()
    expect(stream.destroyed).toBe(true)
  })
})

describe('hooks', () => {
  it('run at the start, the end and the giving up of a process, with the data in their environment', async () => {
    const note = (what: string) => ['sh', '-c', `echo "$IPCSUP_HOOK $IPCSUP_HOOK_PROCESS ${what}" >> hooks`]
    const supervisor = make({
      processes: {
        failing: {
          command: ['sh', '-c', 'exit 3'],
          restart: { policy: 'on-failure', limit: 1, initial: 0 },
          onStart: note('#$IPCSUP_HOOK_GENERATION'),
          onExit: note('$IPCSUP_HOOK_CODE'),
          onGiveUp: note('after $IPCSUP_HOOK_RESTARTS'),
        },
      },
    })
    await supervisor.start()
    expect((await supervisor.finished).ok).toBe(false)
    expect(read('hooks').trim().split('\n').toSorted()).toEqual([
      'onExit failing 3',
      'onExit failing 3',
      'onGiveUp failing after 1',
      'onStart failing #1',
      'onStart failing #2',
    ])
  })

  it('a hook that fails is a warning, not a failure', async () => {
    const warnings: string[] = []
    const supervisor = make({
      processes: { one: { command: 'true', onExit: ['sh', '-c', 'echo broken >&2; exit 1'] } },
    })
    supervisor.on('warning', message => warnings.push(message))
    await supervisor.start()
    expect((await supervisor.finished).ok).toBe(true)
    expect(warnings).toEqual(['The onExit hook of "one" failed: broken'])
  })
})

describe('errors', () => {
  it('have a stable code and survive being sent as data', () => {
    const error = new IpcsupError('IPCSUP_ERR_SIDE_CLOSED', { side: 'write', link: 'lines' })
    expect(IpcsupError.from(JSON.parse(JSON.stringify(error)))).toMatchObject({
      code: error.code,
      message: error.message,
      status: 1,
    })
  })
})
