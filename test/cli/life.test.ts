import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isAlive, readOwner, readProcess, readProcesses } from '../../src/supervisor/host/proc.js'
import { createSandbox, type Sandbox } from '../support/command-line.js'
import { until } from '../support/conditions.js'

let sandbox: Sandbox

beforeEach(() => {
  sandbox = createSandbox()
})

afterEach(async () => {
  await sandbox[Symbol.asyncDispose]()
})

/** Pids of all live processes of a run, by what is in their environment. */
const listOfRun = (run: string) =>
  readProcesses()
    .filter(isAlive)
    .map(({ pid }) => pid)
    .filter(pid => readOwner(pid).run === run)

/** Empty of one that has ended meanwhile. */
function readCommandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    return ''
  }
}

const isGone = (pid: number) => !isAlive(readProcess(pid))

describe('§16 start --detach', () => {
  test('returns when every process without needs was spawned; stop ends it and everything it made', async () => {
    sandbox.writeConfig({
      name: 'orders',
      drainTimeout: '50ms',
      links: { lines: { kind: 'fifo', path: 'lines.fifo' } },
      processes: {
        tail: { command: 'sleep 1000', links: { lines: 'write' } },
        parse: { command: 'sleep 1000', links: { lines: 'read' } },
      },
    })
    const { status, out, err } = await sandbox.ipcsup('start', '--detach')
    expect({ status, out }).toEqual({ status: 0, out: '' })
    expect(err).toMatch(/running in the background \(pid \d+\), messages in .*\.log/)
    const { pid, processes } = await sandbox.status()
    expect(processes.map(row => row.state)).toEqual(['running', 'running'])
    expect(readProcess(pid)).toMatchObject({ session: pid, group: pid })
    expect(lstatSync(join(sandbox.directory, 'lines.fifo')).isFIFO()).toBe(true)
    expect(await sandbox.ipcsup('stop')).toMatchObject({ status: 0, out: 'orders ended well: 2 processes\n' })
    expect([pid, ...processes.map(row => row.pid!)].every(isGone)).toBe(true)
    expect(existsSync(join(sandbox.directory, 'lines.fifo'))).toBe(false)
  })

  test.each([
    ['an invalid config', { processes: { parse: { comand: 'true' } } }, 2, 'processes.parse'],
    [
      'a link that cannot be made',
      {
        links: { lines: { kind: 'fifo', path: 'missing/lines.fifo' } },
        processes: {
          a: { command: 'true', links: { lines: 'write' } },
          b: { command: 'true', links: { lines: 'read' } },
        },
      },
      4,
      '"lines" cannot be created',
    ],
  ])('has the error and status of the foreground for %s', async (_what, config, status, text) => {
    sandbox.writeConfig(config)
    const foreground = await sandbox.ipcsup('start')
    const background = await sandbox.ipcsup('start', '--detach')
    expect(foreground).toMatchObject({ status, out: '', err: expect.stringContaining(text) })
    expect(background).toEqual(foreground)
    expect(sandbox.listRuns()).toEqual([])
  })

  test('says so when the background is killed before it is up', async () => {
    const kill = `if (process.argv.includes('--background-of')) process.kill(process.pid, 'SIGKILL')`
    writeFileSync(join(sandbox.directory, 'ipcsup.config.mjs'), `${kill}\nexport default { processes: {} }`)
    expect(await sandbox.ipcsup('start', '--detach')).toMatchObject({
      status: 4,
      err: expect.stringMatching(
        /ended before its processes were started: it was killed by SIGKILL\. .* in .*\.log\.\n$/,
      ),
    })
  })

  test('is refused while the config runs, naming the pid', async () => {
    sandbox.writeConfig({ processes: { web: { command: 'sleep 1000' } } })
    await sandbox.ipcsup('start', '--detach')
    const { pid } = await sandbox.status()
    for (const argv of [['start'], ['start', '--detach']]) {
      expect(await sandbox.ipcsup(...argv)).toMatchObject({ status: 2, err: expect.stringContaining(`(pid ${pid})`) })
    }
    expect((await sandbox.status()).processes[0]!.state).toBe('running')
  })

  test('its messages are in its log, with their times', async () => {
    sandbox.writeConfig({ processes: { web: { command: 'sleep 1000', restart: 'always' } } })
    const { err } = await sandbox.ipcsup('start', '--detach')
    expect(err).toMatch(/^ipcsup: started web/)
    await sandbox.ipcsup('signal', 'KILL', 'web')
    const log = /messages in (.*)\n/.exec(err)![1]!
    await until('the restart is in the log', () =>
      /^\d{4}-\d\d-\d\dT[\d:.]+Z ipcsup: web restarted \(pid \d+\): killed by SIGKILL$/m.test(
        readFileSync(log, 'utf8'),
      ),
    )
  })
})

describe('§16 a supervisor that was killed', () => {
  const config = {
    name: 'orders',
    drainTimeout: '50ms',
    links: { lines: { kind: 'fifo', path: 'lines.fifo' } },
    processes: {
      tail: { command: 'sleep 1000', links: { lines: 'write' } },
      parse: { command: 'sleep 1000', links: { lines: 'read' } },
      leaver: {
        command: [
          'sh',
          '-c',
          'setsid sleep 1001 & (setsid sh -c "trap : TERM; setsid sleep 1002" &) ; exec sleep 1003',
        ],
      },
    },
  }

  async function killSupervisor(): Promise<{ pids: number[]; inode: number }> {
    sandbox.writeConfig(config)
    await sandbox.ipcsup('start', '--detach')
    const { pid, processes } = await sandbox.status()
    const run = readOwner(processes[0]!.pid!).run!
    await until('the leavers have left', () => {
      const sleepers = listOfRun(run).filter(each => readCommandLine(each).startsWith('sleep'))
      return sleepers.filter(each => readProcess(each)?.session === each).length === 5
    })
    const pids = listOfRun(run)
    const { ino: inode } = lstatSync(join(sandbox.directory, 'lines.fifo'))
    process.kill(pid, 'SIGKILL')
    await until('it is gone', () => isGone(pid))
    return { pids, inode }
  }

  test('the next start ends its processes, also those that left their group, takes over its FIFO, and says so', async () => {
    const { pids, inode } = await killSupervisor()
    const { status, err } = await sandbox.ipcsup('start', '--detach')
    expect(status).toBe(0)
    expect(err).toMatch(/A supervisor of "orders" \(pid \d+\) died without cleaning up; ended \d+ of its processes: /)
    for (const pid of pids) expect(err).toContain(`(${pid})`)
    expect(pids.filter(pid => !isGone(pid))).toEqual([])
    expect(lstatSync(join(sandbox.directory, 'lines.fifo')).ino).toBe(inode)
    expect((await sandbox.status()).processes.map(row => row.state)).toEqual(['running', 'running', 'running'])
    await sandbox.ipcsup('stop')
    expect(existsSync(join(sandbox.directory, 'lines.fifo'))).toBe(false)
  })

  test('is shown as killed, and clean does the same without a start', async () => {
    const { pids } = await killSupervisor()
    expect((await sandbox.ipcsup('ls')).out).toMatch(/orders +killed/)
    expect((await sandbox.ipcsup('status')).status).toBe(3)
    const { status, out } = await sandbox.ipcsup('clean')
    expect(status).toBe(0)
    expect(out).toContain(`removed ${join(sandbox.directory, 'lines.fifo')}`)
    expect(pids.filter(pid => !isGone(pid))).toEqual([])
    expect(sandbox.listRuns()).toEqual([])
  })
})

describe('talking to a real supervisor', () => {
  test('§1 a parked process goes on with the same links after start NAME', async () => {
    sandbox.writeConfig({
      links: { lines: { kind: 'pipe' } },
      processes: {
        count: {
          command: ['sh', '-c', 'i=0; while [ $i -lt 3 ]; do i=$((i+1)); echo $i; done; exec sleep 1000'],
          stdout: 'lines',
        },
        show: { command: ['sh', '-c', 'while read line; do echo "got $line" >> shown; done'], stdin: 'lines' },
      },
    })
    await sandbox.ipcsup('start', '--detach', 'show')
    const state = async (name: string) => (await sandbox.status()).processes.find(row => row.name === name)!.state
    expect([await state('show'), await state('count')]).toEqual(['running', 'idle'])
    expect((await sandbox.ipcsup('stop', 'show')).status).toBe(0)
    expect(await state('show')).toBe('parked')
    expect((await sandbox.ipcsup('start', 'count')).status).toBe(0)
    await until('count has written', async () => (await sandbox.status()).links[0]!.queuedBytes === 6)
    expect((await sandbox.ipcsup('start', 'show')).status).toBe(0)
    const shown = join(sandbox.directory, 'shown')
    await until('all is shown', () => existsSync(shown) && readFileSync(shown, 'utf8') === 'got 1\ngot 2\ngot 3\n')
  })

  test('an unknown process is an error with the nearest name', async () => {
    sandbox.writeConfig({ processes: { parse: { command: 'sleep 1000' } } })
    await sandbox.ipcsup('start', '--detach')
    for (const argv of [
      ['restart', 'pars'],
      ['stop', 'pars'],
      ['signal', 'HUP', 'pars'],
      ['start', 'pars'],
    ]) {
      expect(await sandbox.ipcsup(...argv)).toMatchObject({
        status: 2,
        err: expect.stringContaining('Did you mean "parse"?'),
      })
    }
  })
})

describe('run', () => {
  test('its bytes are those of the stages, exactly, and its status is 0 if all ended well, else 1', async () => {
    expect(await sandbox.ipcsup('run', String.raw`printf 'a\0b\rno newline' | cat`)).toEqual({
      status: 0,
      signal: null,
      out: 'a\0b\rno newline',
      err: '',
    })
    expect(await sandbox.ipcsup('run', `false | cat`)).toMatchObject({ status: 1, out: '' })
    expect(await sandbox.ipcsup('run', `nonexistent | cat`)).toMatchObject({
      status: 1,
      err: expect.stringContaining('"nonexistent" was not found'),
    })
    expect(await sandbox.ipcsup('run', `echo $HOME`)).toMatchObject({ status: 2, err: expect.stringContaining('$') })
  })

  test('--report writes how every stage ended, in order; --strict makes lost input status 1', async () => {
    writeFileSync(join(sandbox.directory, 'once.sh'), 'read line; [ -e again ] || { : > again; kill -9 $$; }; cat')
    const line = 'seq 1000 | sh once.sh | tail -n 1'
    const { status, err } = await sandbox.ipcsup(
      'run',
      '--restart',
      'on-failure',
      '--strict',
      '--report',
      'r.json',
      line,
    )
    expect(err).toMatch(/run\.2-sh restarted \(pid \d+\): killed by SIGKILL/)
    const report = JSON.parse(readFileSync(join(sandbox.directory, 'r.json'), 'utf8'))
    expect(status).toBe(1)
    expect(report.ok).toBe(false)
    expect(report.processes.map(({ name, exit }: { name: string; exit: unknown }) => [name, exit])).toEqual([
      ['run.1-seq', { code: 0 }],
      ['run.2-sh', { code: 0 }],
      ['run.3-tail', { code: 0 }],
    ])
    expect(report.processes[1]).toMatchObject({ restarts: 1, inputLost: [expect.any(String)] })
    expect(Object.keys(report.processes[0]).sort()).toEqual([
      'endedAt',
      'exit',
      'gaveUp',
      'inputLost',
      'maxRssBytes',
      'name',
      'restarts',
      'startedAt',
      'systemMs',
      'userMs',
    ])
  })

  test('a report that cannot be written is an error of the system, before anything runs', async () => {
    expect(await sandbox.ipcsup('run', '--report', 'missing/r.json', 'touch ran')).toMatchObject({
      status: 4,
      err: expect.stringContaining('Writing the report missing/r.json failed: open: ENOENT'),
    })
    expect(existsSync(join(sandbox.directory, 'ran'))).toBe(false)
  })

  test('is found by status --pid while it runs', async () => {
    const started = sandbox.start('run', `sh -c 'echo up; exec sleep 1000'`)
    await started.shows('up')
    const { pid } = sandbox.listRuns()[0]!
    await until('it can be asked', async () => (await sandbox.ipcsup('status', '--pid', String(pid))).status === 0)
    expect((await sandbox.ipcsup('stop', '--pid', String(pid), '--now')).status).toBe(0)
    await started.ended
  })
})

test('the launcher works through symbolic links, as npx makes them', async () => {
  const { symlinkSync } = await import('node:fs')
  const { execFileSync } = await import('node:child_process')
  const { program } = await import('../support/command-line.js')
  symlinkSync(program, join(sandbox.directory, 'first'))
  symlinkSync('first', join(sandbox.directory, 'second'))
  for (const command of ['./second', join(sandbox.directory, 'second')]) {
    expect(execFileSync(command, ['--version'], { cwd: sandbox.directory, encoding: 'utf8' })).toMatch(
      /^\d+\.\d+\.\d+\n$/,
    )
  }
})

test('§8 children have the soft limit of open files that ipcsup was started with', async () => {
  const started = sandbox.openTerminal(`ulimit -Sn 321; ipcsup run "sh -c 'ulimit -Sn'"`)
  expect((await started.ended).out.trim()).toBe('321')
})

test.each([
  ['in the state directory', {}],
  ['where the config says', { logs: { directory: 'logs' } }],
])('logs shows what the last run has left %s, and ends though it is to follow', async (_where, more) => {
  sandbox.writeConfig({ ...more, processes: { web: { command: 'seq 3' }, silent: { command: 'true' } } })
  expect(await sandbox.ipcsup('logs')).toMatchObject({ status: 3, out: '' })
  expect(await sandbox.ipcsup('start')).toMatchObject({ status: 0 })
  const said = 'ipcsup: no supervisor is running; this was logged before\n'
  expect(await sandbox.ipcsup('logs', '-n', '2')).toMatchObject({
    status: 0,
    out: 'web    | 2\nweb    | 3\n',
    err: said,
  })
  expect(await sandbox.ipcsup('logs', '-f', 'web')).toMatchObject({ status: 0, out: 'web | 1\nweb | 2\nweb | 3\n' })
  expect(await sandbox.ipcsup('logs', 'wep')).toMatchObject({ status: 2 })
  expect(await sandbox.ipcsup('logs', '--pid', '1')).toMatchObject({ status: 3 })
})

test.each([[[]], [['--end']]])(
  'stop %j ends when what ran has ended, though it was started again meanwhile',
  async more => {
    const untilTold = "trap '' TERM; touch up; until test -e go; do sleep 0.05; done; rm go"
    sandbox.writeConfig({ processes: { slow: { command: ['sh', '-c', untilTold], stopTimeout: '10m' } } })
    await sandbox.ipcsup('start', '--detach')
    const stateIs = (state: string) => until(state, async () => (await sandbox.status()).processes[0]!.state === state)
    await until('it bears SIGTERM', () => existsSync(join(sandbox.directory, 'up')))
    const stopped = sandbox.ipcsup('stop', ...more, 'slow')
    await stateIs('stopping')
    expect((await sandbox.ipcsup('start', 'slow')).status).toBe(0)
    writeFileSync(join(sandbox.directory, 'go'), '')
    expect(await stopped).toMatchObject({ status: 0, err: '' })
    await stateIs('running')
    writeFileSync(join(sandbox.directory, 'go'), '')
  },
)

describe('restart --rolling', () => {
  // Notes when it is up and when it is told to end; says that it is ready after it has noted that, but for `broken` lives.
  const server = `
import os, signal, socket
name, life = os.environ['IPCSUP_PROCESS'], os.environ['IPCSUP_GENERATION']
def note(what):
    with open('seen.txt', 'a') as seen: seen.write(f'{what} {name} {life}\\n')
def end(*_):
    note('down')
    os._exit(0)
signal.signal(signal.SIGTERM, end)
if life == '2' and os.path.exists('broken'): os._exit(3)
note('up')
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1', os.environ['NOTIFY_SOCKET'])
while True: signal.pause()
`
  const seen = () => readFileSync(join(sandbox.directory, 'seen.txt'), 'utf8').trim().split('\n')
  const startTwo = async () => {
    const web = { command: ['/usr/bin/python3', '-c', server], replicas: 2, ready: 'notify', restart: 'never' }
    sandbox.writeConfig({ processes: { web, other: { command: 'sleep 1000' } } })
    await sandbox.ipcsup('start', '--detach')
    await until('both are ready', async () =>
      (await sandbox.status()).processes.slice(0, 2).every(row => row.state === 'ready'),
    )
  }

  test('ends one only when the one before is ready again', async () => {
    await startTwo()
    expect(await sandbox.ipcsup('restart', '--rolling', 'web')).toMatchObject({ status: 0, err: '' })
    expect(seen().slice(2)).toEqual(['down web.0 1', 'up web.0 2', 'down web.1 1', 'up web.1 2'])
    expect((await sandbox.status()).processes.map(row => row.restarts)).toEqual([1, 1, 0])
  })

  test('leaves the others as they are when one does not come back', async () => {
    await startTwo()
    writeFileSync(join(sandbox.directory, 'broken'), '')
    const { status, err } = await sandbox.ipcsup('restart', '--rolling', 'web')
    expect(status).toBe(1)
    expect(err).toMatch(/"web\.0" did not come back: it is failed.*Those after it were not restarted/)
    expect((await sandbox.status()).processes.map(row => row.state)).toEqual(['failed', 'ready', 'running'])
    expect(await sandbox.ipcsup('restart', '--rolling', 'wep')).toMatchObject({ status: 2 })
  })
})
