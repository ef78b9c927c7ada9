import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { runCommandLine } from '../../src/cli/command-line.js'
import type { Output } from '../../src/cli/output.js'
import { parseRunLine } from '../../src/config/run-line.js'
import { controlSocket } from '../../src/control/routes.js'
import { serveControls } from '../../src/control/server.js'
import { IpcsupError } from '../../src/errors.js'
import { kinds } from '../../src/ipc/kinds/index.js'
import { identify } from '../../src/ipc/named-objects.js'
import type { Controls, ProcessStatus, Report, Status } from '../../src/supervisor/controls.js'
import { openRun } from '../../src/supervisor/run/open.js'
import { readStartTime } from '../../src/supervisor/run/processes.js'
import { until } from '../support/conditions.js'

let directory: string
const before = { cwd: process.cwd(), runtime: process.env.XDG_RUNTIME_DIR }
const closers: (() => Promise<void> | void)[] = []

beforeEach(() => {
  directory = realpathSync(mkdtempSync('/tmp/ipcsup-talk-'))
  mkdirSync(join(directory, 'runtime'), { mode: 0o700 })
  mkdirSync(join(directory, 'project'))
  mkdirSync(join(directory, 'elsewhere'))
  process.env.XDG_RUNTIME_DIR = join(directory, 'runtime')
  process.chdir(join(directory, 'project'))
  writeFileSync('ipcsup.config.json', JSON.stringify({ processes: { parse: { command: 'true' } } }))
})

afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  process.chdir(before.cwd)
  if (before.runtime === undefined) delete process.env.XDG_RUNTIME_DIR
  else process.env.XDG_RUNTIME_DIR = before.runtime
  rmSync(directory, { recursive: true, force: true })
})

const row = (name: string, more: Partial<ProcessStatus> = {}): ProcessStatus => ({
  name,
  state: 'running',
  pid: process.pid,
  exit: null,
  restarts: 0,
  gaveUp: false,
  inputLost: [],
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: null,
  userMs: null,
  systemMs: null,
  maxRssBytes: null,
  cpuPercent: 12.34,
  residentBytes: 3 * 1024 * 1024,
  leftovers: [],
  statusText: null,
  note: null,
  ...more,
})

const status: Status = {
  name: 'orders',
  pid: 4120,
  phase: 'running',
  ok: false,
  processes: [
    row('parse'),
    row('tail', {
      state: 'delayed',
      pid: null,
      exit: { signal: 'SIGKILL' },
      restarts: 3,
      inputLost: ['lines'],
      note: 'restart 4 in 1.2 s',
    }),
    row('web', {
      state: 'failed',
      pid: null,
      exit: { code: 3 },
      cpuPercent: null,
      residentBytes: null,
      leftovers: [77],
    }),
  ],
  links: [
    {
      name: 'lines',
      kind: 'pipe',
      lifetime: 'auto',
      generation: 1,
      queuedBytes: 3112,
      capacityBytes: 65536,
      sides: { read: { processes: ['parse'], closed: false }, write: { processes: ['tail'], closed: true } },
    },
  ],
}

const noBytes = { lifetime: 'auto', generation: 1, queuedBytes: null, capacityBytes: null, sides: {} } as const

/** Links of other forms, with what is known of them. */
const factualStatus: Status = {
  ...status,
  links: [
    {
      ...noBytes,
      name: 'jobs',
      kind: 'queue',
      objectName: '/x.jobs',
      queuedBytes: 12,
      capacityBytes: 81920,
      messages: 3,
    },
    { ...noBytes, name: 'web', kind: 'tcp', host: '::1', port: 8080, waiting: 1 },
    {
      ...noBytes,
      name: 'seats',
      kind: 'semaphore',
      id: 7,
      value: [2, 0],
      holders: [4120, 4121],
      holderNames: { 4121: 'web' },
    },
    { ...noBytes, name: 'lines', kind: 'fifo', path: '/x/\x1b[2J', capacityBytes: 4096, queuedBytes: null },
  ],
}

/** A supervisor to talk to: its run directory, its control socket, and a process that lives as long as it. */
async function startFake(configPath: string | null, name = 'orders') {
  const body: ChildProcess = spawn('sleep', ['1000'], { stdio: 'ignore' })
  await once(body, 'spawn')
  const run = await openRun({ key: configPath === null ? { pid: body.pid! } : { configPath }, name, version: '0' })
  const ledger = join(run.directory, 'ledger.jsonl')
  const header = JSON.parse(readFileSync(ledger, 'utf8')).run
  writeFileSync(
    ledger,
    `${JSON.stringify({ run: { ...header, pid: body.pid, startTime: readStartTime(body.pid!) } })}\n`,
  )
  const calls: unknown[][] = []
  const report: Report = { ok: false, processes: status.processes }
  const logs = join(directory, 'logs')
  mkdirSync(logs, { recursive: true })
  const take =
    <R>(verb: string, answer: R) =>
    async (...args: unknown[]) => {
      calls.push([verb, ...args])
      return answer
    }
  const controls: Controls = {
    status: take('status', status),
    plan: () => Promise.reject(new IpcsupError('IPCSUP_ERR_REQUEST', { request: 'plan', why: 'not asked for here' })),
    logFiles: take('logFiles', [
      { process: 'parse', stream: 'stdout', path: join(logs, 'parse.stdout.log') } as const,
      { process: 'web', stream: 'stderr', path: join(logs, 'web.stderr.log') } as const,
    ]),
    startProcesses: take('startProcesses', undefined),
    stopProcesses: take('stopProcesses', undefined),
    restartProcesses: take('restartProcesses', undefined),
    signalProcesses: take('signalProcesses', undefined),
    callLink: take('callLink', ['web']),
    stop: async (...args) => {
      calls.push(['stop', ...args])
      rmSync(run.directory, { recursive: true })
      body.kill()
      return report
    },
  }
  const server = await serveControls(controls, run.directory)
  let isOpen = true
  const close = async () => {
    if (!isOpen) return
    isOpen = false
    await server.close()
    run.close()
    body.kill()
  }
  closers.push(close)
  return { calls, controls, logs, pid: body.pid!, directory: run.directory, close }
}

const here = () => join(process.cwd(), 'ipcsup.config.json')

function collect(): Output & { text: string; onText: () => void } {
  return {
    descriptor: -1,
    isTerminal: false,
    color: false,
    text: '',
    onText() {},
    write(text) {
      this.text += text
      this.onText()
    },
  }
}

async function ipcsup(...argv: string[]) {
  const [out, err] = [collect(), collect()]
  const outcome = await runCommandLine(argv, out, err)
  return { outcome, out: out.text, err: err.text }
}

describe('status', () => {
  test('is an aligned table of processes and links, plain in a pipe', async () => {
    await startFake(here())
    const { outcome, out } = await ipcsup('status')
    expect(outcome).toBe(0)
    const lines = out.split('\n')
    expect(lines[0]).toBe('orders: running (pid 4120)')
    expect(lines[2]).toMatch(/^PROCESS {2}STATE {4,}PID +UPTIME +RESTARTS +CPU +MEMORY {2}NOTE$/)
    expect(lines[3]).toMatch(new RegExp(`^parse {4}running +${process.pid} +\\S.* +0 +12\\.3% +3 MiB$`))
    expect(lines[4]).toMatch(/^tail {5}delayed .* 3 .*killed by SIGKILL; restart 4 in 1\.2 s; input lost: lines$/)
    expect(lines[5]).toMatch(/^web {6}failed .* exit 3; left behind: 77$/)
    expect(lines[7]).toMatch(/^LINK +KIND +SIDES +QUEUED +CAPACITY$/)
    expect(lines[8]).toMatch(/^lines +pipe +read: parse; write: tail \(closed\) +3\.0 KiB +64 KiB$/)
    expect(out).not.toContain('\x1b')
  })

  test('has a sentence in front of others without its full stop', async () => {
    const fake = await startFake(here())
    const exit = { code: 127, error: 'Command "wbe" was not found. Install it.' }
    const web = row('web', { state: 'failed', pid: null, exit, note: 'gave up: 8 restarts within 1 min' })
    fake.controls.status = async () => ({ ...status, processes: [web] })
    expect((await ipcsup('status')).out).toContain('was not found. Install it; gave up: 8 restarts within 1 min\n')
  })

  test('shows of each link what is known of it, aligned, and no column that none needs', async () => {
    const fake = await startFake(here())
    fake.controls.status = async () => factualStatus
    const { out } = await ipcsup('status')
    expect(out.split('\n').slice(7).join('\n')).toBe(
      [
        'LINK   KIND       QUEUED  MESSAGES  CAPACITY  WAITING  VALUE  HELD BY           PLACE',
        'jobs   queue        12 B         3    80 KiB                                    /x.jobs',
        'web    tcp                                          1                           [::1]:8080',
        'seats  semaphore                                         2 0  4120, web (4121)  id 7',
        'lines  fifo                            4 KiB                                    /x/\\x1b[2J',
        '',
      ].join('\n'),
    )
  })

  test('has the place of a link, which may be long, after all else', async () => {
    const fake = await startFake(here())
    const path = `/srv/${'long/'.repeat(20)}orders`
    const ring = { lag: {}, dropped: 2, missed: 0, stalls: 0, damage: null }
    fake.controls.status = async () => ({
      ...status,
      links: [{ ...noBytes, name: 'orders', kind: 'ring', path, ring }],
    })
    const [head, line] = (await ipcsup('status')).out.split('\n').slice(7)
    expect(head).toMatch(/NOTE +PLACE$/)
    expect(line).toBe(`orders  ring  2 dropped  ${path}`)
  })

  test('--json has the rows of the report with state and pid, and the bytes queued', async () => {
    await startFake(here())
    expect(JSON.parse((await ipcsup('status', '--json')).out)).toEqual(status)
  })
})

describe('which supervisor is meant', () => {
  test('the one of the config of the current directory', async () => {
    await startFake(here())
    const other = await startFake('/srv/other.json', 'other')
    await ipcsup('restart', 'parse')
    expect(other.calls).toEqual([])
  })

  test('the one of --config, also through a symbolic link, and the one of --pid', async () => {
    const { calls, pid } = await startFake(here())
    process.chdir('../elsewhere')
    await ipcsup('restart', '--config', '../project/ipcsup.config.json')
    await ipcsup('restart', '--pid', String(pid))
    expect(calls).toEqual([
      ['restartProcesses', []],
      ['restartProcesses', []],
    ])
  })

  test('none is status 3, also when another config runs', async () => {
    await startFake('/srv/other.json')
    const { outcome, err } = await ipcsup('status')
    expect(outcome).toBe(3)
    expect(err).toContain(`No supervisor is running for ${here()}`)
    expect((await ipcsup('status', '--pid', '4000000')).outcome).toBe(3)
  })
})

test('a supervisor that ls lists and that takes no commands is not said to be none', async () => {
  const { pid, directory: ofRun } = await startFake(null, 'app')
  rmSync(controlSocket(ofRun))
  expect((await ipcsup('ls')).out).toContain(String(pid))
  const { outcome, err } = await ipcsup('status', '--pid', String(pid))
  expect(outcome).toBe(3)
  expect(err).toContain(`The supervisor that runs with pid ${pid} takes no commands: it is part of a Node program`)
})

describe('verbs that ask for something', () => {
  test.each([
    [
      ['stop', 'parse', 'web'],
      ['stopProcesses', ['parse', 'web'], { end: false }],
    ],
    [
      ['stop', '--end', 'parse'],
      ['stopProcesses', ['parse'], { end: true }],
    ],
    [
      ['restart', 'parse'],
      ['restartProcesses', ['parse']],
    ],
    [['restart'], ['restartProcesses', []]],
    [
      ['signal', 'hup', 'parse', 'web'],
      ['signalProcesses', ['parse', 'web'], 'SIGHUP'],
    ],
  ])('%j', async (argv, call) => {
    const { calls } = await startFake(here())
    expect(await ipcsup(...argv)).toEqual({ outcome: 0, out: '', err: '' })
    expect(calls).toEqual([call])
  })

  test('stop drains, waits until the supervisor is gone, and has status 1 when a process had failed', async () => {
    const { calls, pid } = await startFake(here())
    const { outcome, out } = await ipcsup('stop')
    expect(calls).toEqual([['stop', { now: false, kill: false }]])
    expect(readStartTime(pid)).toBeNull()
    expect(outcome).toBe(1)
    expect(out).toBe(
      'orders ended badly: 3 processes, 3 restarts; tail (killed by SIGKILL, input lost: lines), web (exit 3)\n',
    )
  })

  test('stop says whom it waits for when it takes long, and that --now helps', async () => {
    const { controls } = await startFake(here())
    const stop = controls.stop
    const [out, err] = [collect(), collect()]
    const isAsked = new Promise<void>(asked => {
      controls.stop = async (...args) => {
        asked()
        await new Promise<void>(resolve => {
          err.onText = resolve
        })
        return stop(...args)
      }
    })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const ended = runCommandLine(['stop'], out, err)
    await isAsked
    vi.advanceTimersByTime(5_000)
    vi.useRealTimers()
    await ended
    expect(err.text).toBe('Waiting for parse to end. `ipcsup stop --now` stops all at once, without draining.\n')
  })

  test('stop --now does not drain; --json prints the report; --end needs names', async () => {
    const { calls } = await startFake(here())
    expect((await ipcsup('stop', '--end')).outcome).toBe(2)
    const { out } = await ipcsup('stop', '--now', '--json')
    expect(JSON.parse(out).ok).toBe(false)
    expect(calls).toEqual([['stop', { now: true, kill: false }]])
  })

  test('start NAME of a config that runs already asks its supervisor', async () => {
    const { calls, pid } = await startFake(here())
    const { outcome, err } = await ipcsup('start', 'parse')
    expect(outcome).toBe(0)
    expect(err).toContain(`pid ${pid}`)
    expect(calls).toEqual([['startProcesses', ['parse']]])
  })

  test('§16 start without names of a config that runs already is refused', async () => {
    const { calls } = await startFake(here())
    expect(await ipcsup('start')).toMatchObject({ outcome: 2, err: expect.stringContaining('is running already') })
    expect(calls).toEqual([])
  })
})

describe('logs', () => {
  test('shows the last lines of each file with prefixes, of the named ones only', async () => {
    const { logs } = await startFake(here())
    writeFileSync(join(logs, 'parse.stdout.log'), Array.from({ length: 20 }, (_, line) => `line ${line}\n`).join(''))
    writeFileSync(join(logs, 'web.stderr.log'), 'oops\nunfinished')
    const { out } = await ipcsup('logs', '-n', '2')
    expect(out).toBe('parse | line 18\nparse | line 19\nweb   ! oops\nweb   ! unfinished\n')
    expect((await ipcsup('logs', 'web', '-n', '1')).out).toBe('web ! unfinished\n')
    expect((await ipcsup('logs', '-n', '0')).out).toBe('')
    expect(await ipcsup('logs', 'wbe')).toMatchObject({ outcome: 2, err: expect.stringContaining('no log of "wbe"') })
    expect(JSON.parse((await ipcsup('logs', '--json')).out)).toHaveLength(2)
  })

  test('finds the last lines across blocks of the file', async () => {
    const { logs } = await startFake(here())
    const long = 'x'.repeat(100_000)
    writeFileSync(join(logs, 'parse.stdout.log'), `first\n${long}\nlast\n`)
    const { out } = await ipcsup('logs', 'parse', '-n', '3')
    expect(out.split('\n').map(line => line.length)).toEqual([13, expect.any(Number), 12, 0])
    expect((await ipcsup('logs', 'parse', '-n', '1')).out).toBe('parse | last\n')
  })

  test('-f goes on over a rotation, and ends with the supervisor', async () => {
    const { logs, close } = await startFake(here())
    const file = join(logs, 'parse.stdout.log')
    writeFileSync(file, 'one\n')
    const [out, err] = [collect(), collect()]
    const shown = (text: string) =>
      new Promise<void>(resolve => {
        const look = () => {
          if (out.text.includes(text)) resolve()
        }
        out.onText = look
        look()
      })
    const outcome = runCommandLine(['logs', '-f'], out, err)
    await shown('one')
    appendFileSync(file, 'two\n')
    await shown('two')
    appendFileSync(file, 'three\n')
    renameSync(file, `${file}.1`)
    writeFileSync(file, 'four\n')
    await shown('four')
    appendFileSync(file, 'five\n')
    await close()
    expect(await outcome).toBe(0)
    expect(out.text).toBe(['one', 'two', 'three', 'four', 'five'].map(word => `parse | ${word}\n`).join(''))
  })
})

describe('graph', () => {
  beforeEach(() => {
    const processes = { a: { command: 'true', stdout: 'lines' }, b: { command: 'true', stdin: 'lines' } }
    writeFileSync('ipcsup.config.json', JSON.stringify({ links: { lines: { kind: 'pipe' } }, processes }))
  })

  test('says how each link stands while a supervisor runs', async () => {
    const { close } = await startFake(here())
    expect((await ipcsup('graph')).out.split('\n').slice(0, 2)).toEqual([
      'LINK   KIND  FLOW    NOW',
      'lines  pipe  a -> b  3.0 KiB of 64 KiB queued',
    ])
    expect((await ipcsup('graph', '--format', 'dot')).out).toContain('label="lines (pipe)\\n3.0 KiB of 64 KiB queued"')
    expect((await ipcsup('graph', '--format', 'mermaid')).out).toContain('"lines (pipe)<br>3.0 KiB of 64 KiB queued"')
    await close()
    expect((await ipcsup('graph')).out.split('\n')[0]).toBe('LINK   KIND  FLOW')
  })

  test.each(['text', 'dot', 'mermaid'])('as %s has no control characters of a path', async format => {
    const { controls } = await startFake(here())
    const status = await controls.status()
    controls.status = async () => ({ ...status, links: status.links.map(link => ({ ...link, path: '/x\x1b[31m\ny' })) })
    const { out } = await ipcsup('graph', '--format', format)
    expect(out).toContain('x1b[31m')
    expect(out).not.toContain('\x1b')
    expect(out).not.toContain('m\ny')
  })

  test('with --pid is that of a supervisor without a config, as it stands', async () => {
    const { controls, pid } = await startFake(null, 'run')
    const { plan } = parseRunLine('tail | parse', { kinds, cwd: directory })
    const [lines] = status.links
    controls.plan = async () => plan
    controls.status = async () => ({ ...status, links: [{ ...lines!, name: 'run.1' }] })
    rmSync('ipcsup.config.json')
    expect((await ipcsup('graph', '--pid', String(pid))).out.split('\n').slice(0, 2)).toEqual([
      'LINK   KIND  FLOW                       NOW',
      'run.1  pipe  run.1-tail -> run.2-parse  3.0 KiB of 64 KiB queued',
    ])
    expect(await ipcsup('graph', '--pid', '4000000')).toMatchObject({ outcome: 3, out: '' })
  })

  test('is that of the config when the supervisor does not answer', async () => {
    const { controls } = await startFake(here())
    controls.status = () => Promise.reject(new IpcsupError('IPCSUP_ERR_REQUEST', { request: 'status', why: 'no' }))
    expect(await ipcsup('graph')).toMatchObject({ outcome: 0, out: expect.stringMatching(/^LINK +KIND +FLOW\n/) })
  })
})

test('ls --links lists the named objects of all runs, and which a killed supervisor left', async () => {
  const runs = [await startFake(here()), await startFake('/srv/dead.json', 'dead')] as const
  const paths = ['here', 'left', 'gone'].map(name => join(directory, name))
  execFileSync('mkfifo', [paths[0]!])
  for (const path of paths.slice(1)) writeFileSync(path, '')
  const record = (run: (typeof runs)[number], link: string, path: string) => {
    const object = { link, ...identify('file', path)!, recordedMs: Date.now() }
    appendFileSync(join(run.directory, 'ledger.jsonl'), `${JSON.stringify({ object })}\n`)
  }
  record(runs[0], 'lines', paths[0]!)
  record(runs[1], 'jobs', paths[1]!)
  record(runs[1], 'jobs', paths[2]!)
  // Another object of that name is somebody else's.
  rmSync(paths[2]!)
  writeFileSync(paths[2]!, 'new')
  process.kill(runs[1].pid, 'SIGKILL')
  await until('it is gone', () => readStartTime(runs[1].pid) === null)
  const { out, err } = await ipcsup('ls', '--links')
  expect(out.split('\n').filter(line => line.startsWith('RUN') || line.includes(directory))).toEqual([
    expect.stringMatching(/^RUN +STATE +PID +LINK +TYPE +NAME$/),
    expect.stringMatching(new RegExp(`^dead +killed +${runs[1].pid} +jobs +file +${paths[1]}$`)),
    expect.stringMatching(new RegExp(`^orders +running +${runs[0].pid} +lines +FIFO +${paths[0]}$`)),
  ])
  expect(err).toContain('ipcsup clean')
  const rows = JSON.parse((await ipcsup('ls', '--links', '--json')).out) as { name: string }[]
  expect(rows.filter(({ name }) => name.startsWith(directory))).toEqual([
    { run: 'dead', pid: runs[1].pid, alive: false, link: 'jobs', type: 'file', name: paths[1] },
    { run: 'orders', pid: runs[0].pid, alive: true, link: 'lines', type: 'file', name: paths[0] },
  ])
})

test('ls lists all supervisors of this user, and says which were killed', async () => {
  const living = await startFake(here())
  const dead = await startFake('/srv/dead.json', 'dead')
  process.kill(dead.pid, 'SIGKILL')
  await until('it is gone', () => readStartTime(dead.pid) === null)
  const { out, err } = await ipcsup('ls')
  // Others of this user may run on the same machine.
  const isOurs = (line: string) => ['CONFIG', '/srv/dead.json', here()].some(end => line.endsWith(end))
  const lines = out.split('\n').filter(isOurs)
  expect(lines).toEqual([
    expect.stringMatching(/^NAME +STATE +PID +UPTIME {2}CONFIG$/),
    expect.stringMatching(new RegExp(`^dead +killed +${dead.pid} +/srv/dead.json$`)),
    expect.stringMatching(new RegExp(`^orders +running +${living.pid} `)),
  ])
  expect(err).toContain('ipcsup clean')
  const rows = JSON.parse((await ipcsup('ls', '--json')).out) as { pid: number }[]
  expect(rows.find(row => row.pid === living.pid)).toMatchObject({ alive: true, configPath: here() })
  expect(rows.find(row => row.pid === dead.pid)).toMatchObject({ alive: false })
})

test('clean leaves the living alone', async () => {
  await startFake(here())
  expect(await ipcsup('clean')).toMatchObject({ outcome: 0, err: '' })
  expect((await ipcsup('status')).outcome).toBe(0)
})
