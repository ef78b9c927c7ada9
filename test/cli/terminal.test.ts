import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readProcess } from '../../src/supervisor/host/proc.js'
import { createSandbox, type Sandbox } from '../support/command-line.js'
import { until } from '../support/conditions.js'

let sandbox: Sandbox

beforeEach(() => {
  sandbox = createSandbox()
})

afterEach(async () => {
  await sandbox[Symbol.asyncDispose]()
})

const stateOf = (pid: number) => readProcess(pid)?.state
const readPid = (text: string, name: string) => Number(new RegExp(`${name}=(\\d+)`).exec(text)![1])

/** One that says its pid, ignores SIGTERM, and ends only by SIGKILL. */
const stubborn = `sh -c 'trap "" TERM; echo pid=$$ >&2; while :; do sleep 1000; done'`

describe('§12 run on a terminal', () => {
  test('stderr of every stage and stdout of the last are the terminal, and so is stdin of the first', async () => {
    const line = `sh -c 'test -t 0; echo in=$? >&2; test -t 1; echo middle=$? >&2' | sh -c 'test -t 1; echo out=$?'`
    const terminal = sandbox.openTerminal(`ipcsup run "$1"; echo status=$?`.replace('"$1"', quote(line)))
    const { out } = await terminal.ended
    expect(out).toContain('in=0')
    expect(out).toContain('middle=1')
    expect(out).toContain('out=0')
    expect(out).toContain('status=0')
  })

  test('a line that is typed reaches the first stage, and ^D ends it', async () => {
    const terminal = sandbox.openTerminal(`ipcsup run 'cat | tr a-z A-Z'; echo status=$?`)
    terminal.type('hello\n')
    terminal.type('\x04')
    const { out } = await terminal.ended
    expect(out).toContain('HELLO')
    expect(out).toContain('status=0')
  })

  test('after ^C it ends by SIGINT itself, so that the loop of a shell ends too', async () => {
    const terminal = sandbox.openTerminal(`for n in 1 2 3; do ipcsup run "sh -c 'echo round $n; sleep 1000'"; done`, {
      shell: 'bash',
    })
    await terminal.shows('round 1')
    terminal.type('\x03')
    const { out, status } = await terminal.ended
    expect(status).toBe(130)
    expect(out).not.toContain('round 2')
  })

  test.each(['SIGTERM', 'SIGHUP'] as const)('after %s it ends by that signal', async signal => {
    const started = sandbox.start('run', `sh -c 'echo up; exec sleep 1000'`)
    await started.shows('up')
    started.child.kill(signal)
    expect(await started.ended).toMatchObject({ signal })
  })

  test('a first ^C drains, a second skips the drain, a third kills', async () => {
    const terminal = sandbox.openTerminal(`trap : INT; ipcsup run ${quote(`${stubborn} | cat`)}; echo status=$?`)
    await terminal.shows('pid=')
    for (const said of ['draining', 'stopping without draining', 'killing']) {
      terminal.type('\x03')
      await terminal.shows(`SIGINT: ${said}`)
    }
    const { out } = await terminal.ended
    expect(out).toContain('status=130')
    expect(stateOf(readPid(out, 'pid'))).toBeUndefined()
  })

  test('^\\ kills at once', async () => {
    const terminal = sandbox.openTerminal(`trap : QUIT; ipcsup run ${quote(stubborn)}; echo status=$?`)
    await terminal.shows('pid=')
    terminal.type('\x1c')
    const { out } = await terminal.ended
    expect(out).toContain('SIGQUIT: killing')
    expect(stateOf(readPid(out, 'pid'))).toBeUndefined()
  })

  test('^Z stops every stage and then ipcsup, fg wakes them all', async () => {
    const script = `set -m; ipcsup run "sh -c 'echo pid=\\$\\$; while read line; do echo got \\$line; done'"
      echo stopped=$?; read line; fg; echo status=$?`
    const terminal = sandbox.openTerminal(script, { shell: 'bash' })
    await terminal.shows(/pid=\d+/)
    terminal.type('\x1a')
    await terminal.shows(/stopped=\d+/)
    const pid = readPid(terminal.out(), 'pid')
    // A signal that stops is obeyed once the stage has its turn.
    await until('the stage is stopped', () => stateOf(pid) === 'T')
    terminal.type('\n')
    await until('the stage runs again', () => stateOf(pid) !== 'T')
    terminal.type('more\n')
    await terminal.shows('got more')
    terminal.type('\x04')
    expect((await terminal.ended).out).toContain('status=0')
  })

  test('in the background it leaves the keyboard to the shell, and says so', async () => {
    const script = `set -m; ipcsup run 'cat' & wait; read line; echo "the shell got $line"`
    const terminal = sandbox.openTerminal(script, { shell: 'bash' })
    await terminal.shows('gets an empty stdin')
    terminal.type('typed at the prompt\n')
    expect((await terminal.ended).out).toContain('the shell got typed at the prompt')
  })
})

describe('§12 start on a terminal', () => {
  const config = {
    name: 'orders',
    logs: { directory: 'logs' },
    links: { lines: { kind: 'pipe' } },
    processes: {
      tell: { command: ['sh', '-c', 'echo hello; exec sleep 1000'], stdout: 'lines' },
      say: { command: ['sh', '-c', 'while read line; do echo "$line world"; done'], stdin: 'lines' },
    },
  }

  test('shows logs with prefixes and notices in whole lines, and after ^C ends with status 0', async () => {
    sandbox.writeConfig(config)
    const terminal = sandbox.openTerminal('trap : INT; ipcsup start; echo status=$?')
    await terminal.shows('hello world')
    terminal.type('\x03')
    const { out } = await terminal.ended
    const lines = out.replace(/\x1b\[\d*m/g, '').split('\r\n')
    expect(lines).toContain('say  | hello world')
    expect(lines.some(line => /^ipcsup: started .*tell \(pid \d+\)/.test(line))).toBe(true)
    expect(lines).toContain('ipcsup: say completed')
    expect(lines).toContain('ipcsup: orders ended well: 2 processes')
    expect(lines).toContain('status=0')
  })

  test('a restart is shown with its reason', async () => {
    sandbox.writeConfig(config)
    const terminal = sandbox.openTerminal('ipcsup start')
    await terminal.shows('hello world')
    expect((await sandbox.ipcsup('signal', 'KILL', 'say')).status).toBe(0)
    await terminal.shows(/say restarted \(pid \d+\): killed by SIGKILL/)
    await terminal.shows(/warning: .*lines/)
  })

  test('a terminal that nobody reads holds up the logs, but neither supervision nor control', async () => {
    sandbox.writeConfig({
      logs: { directory: 'logs' },
      processes: { flood: { command: 'yes' }, web: { command: 'sleep 1000', restart: 'always' } },
    })
    const terminal = sandbox.openTerminal('ipcsup start', { deaf: true })
    const web = async () => (await sandbox.status()).processes.find(row => row.name === 'web')
    await until('it can be asked', async () => (await sandbox.ipcsup('status')).status === 0)
    const flood = (await sandbox.status()).processes.find(row => row.name === 'flood')!.pid!
    await until('the flood waits', async () => {
      const before = readProcess(flood)
      return before?.state === 'S' && (await web()) !== undefined && readProcess(flood)?.state === 'S'
    })
    process.kill((await web())!.pid!, 'SIGKILL')
    await until('web runs again', async () => (await web())?.restarts === 1 && (await web())?.state === 'running')
    terminal.child.kill('SIGUSR1')
    await sandbox.ipcsup('stop', '--now')
    await terminal.ended
  })

  test('when nobody reads its output any more, only the printing ends', async () => {
    sandbox.writeConfig({
      logs: { directory: 'logs' },
      processes: { talk: { command: ['sh', '-c', 'for n in 1 2 3 4 5; do echo $n; done; exec sleep 1000'] } },
    })
    const terminal = sandbox.openTerminal('ipcsup start 2>&1 | head -n 1; read line')
    const logged = async () =>
      (await sandbox.ipcsup('logs', '-n', '100')).out.split('\n').filter(line => line === 'talk | 5').length
    // One that is ended before it has said all says less.
    await until('it has logged', async () => (await logged()) === 1)
    expect((await sandbox.ipcsup('restart', 'talk')).status).toBe(0)
    await until('it has logged twice', async () => (await logged()) === 2)
    expect((await sandbox.status()).phase).toBe('running')
    expect((await sandbox.ipcsup('stop')).status).toBe(0)
    terminal.type('\n')
    await terminal.ended
    expect(readdirSync(`${sandbox.environment.XDG_RUNTIME_DIR}/ipcsup`)).toEqual([])
  })
})

/** For a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

describe('§12 an output that nobody reads', () => {
  test('does not keep the supervisor from ending, also a socket, which cannot be opened anew', () => {
    sandbox.writeConfig({ drainTimeout: '50ms', processes: { loud: { command: 'yes' } } })
    const script = `
import select, signal, socket, subprocess, sys, time
ours, theirs = socket.socketpair()
child = subprocess.Popen(['ipcsup', 'start'], stdout=theirs, stderr=subprocess.DEVNULL)
while select.select([], [theirs], [], 0)[1]: time.sleep(0.01)
child.send_signal(signal.SIGTERM)
sys.exit(child.wait())`
    const ended = spawnSync('timeout', ['120', 'python3', '-c', script], {
      cwd: sandbox.directory,
      env: sandbox.environment,
      encoding: 'utf8',
    })
    // The worker hangs in its write to the socket: what it could not take from the pipe of the log any more is lost.
    expect(ended).toMatchObject({ stderr: '', status: 1 })
  })
})
