/** What becomes of a command that was started without stdin, stdout or stderr, as with `>&-`. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createSandbox, type Sandbox } from '../support/command-line.js'

let sandbox: Sandbox

beforeEach(() => {
  sandbox = createSandbox()
})

afterEach(async () => {
  await sandbox[Symbol.asyncDispose]()
})

function bash(script: string) {
  const { directory: cwd, environment: env } = sandbox
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { cwd, env, encoding: 'utf8', timeout: 60_000 })
  return { status, out: stdout, err: stderr }
}

describe('a closed stdout', () => {
  test.each(['check', 'graph', 'plan', 'ls', 'schema', 'advise --purpose turns', 'completion bash', '--help'])(
    '%s says that its output cannot be written, status 4',
    verb => {
      sandbox.writeConfig({ processes: { web: { command: 'sleep 1000' } } })
      expect(bash(`ipcsup ${verb} >&-`)).toEqual({
        status: 4,
        out: '',
        err: 'ipcsup: Writing the output failed: write: EBADF.\n',
      })
    },
  )

  test('status and logs do so too; the supervisor goes on', async () => {
    sandbox.writeConfig({ processes: { web: { command: ['sh', '-c', 'echo hi; exec sleep 1000'] } } })
    await sandbox.ipcsup('start', '--detach')
    await expect.poll(async () => (await sandbox.ipcsup('logs')).out, { timeout: 20_000 }).toContain('hi')
    for (const verb of ['status', 'logs']) {
      const { status, err } = bash(`ipcsup ${verb} >&-`)
      expect({ status, err }).toEqual({ status: 4, err: 'ipcsup: Writing the output failed: write: EBADF.\n' })
    }
    expect((await sandbox.status()).processes[0]!.state).toBe('running')
  })
})

describe('§10 the stages of run have the descriptors that bash gives them', () => {
  test.each([
    ['echo hi', '>&-', 1],
    ['cat', '<&-', 1],
    ['ls no-such-file', '2>&-', 1],
    ['true', '<&- >&- 2>&-', 0],
  ])('%s %s', (line, redirection, status) => {
    const shell = bash(`(exec ${line}) ${redirection}`)
    expect(bash(`ipcsup run '${line}' ${redirection}`)).toEqual({ status, out: '', err: shell.err })
    expect(shell.status !== 0).toBe(status !== 0)
  })

  test('what one stage does not have another may', () => {
    expect(bash("ipcsup run 'echo hi | tr a-z A-Z > out.txt' <&- >&-")).toEqual({ status: 0, out: '', err: '' })
    expect(readFileSync(join(sandbox.directory, 'out.txt'), 'utf8')).toBe('HI\n')
  })
})

test('start without any of the three supervises, and its logs are in the files', async () => {
  sandbox.writeConfig({ processes: { web: { command: 'echo hi' } } })
  expect(bash('ipcsup start <&- >&- 2>&-')).toEqual({ status: 0, out: '', err: '' })
  expect(bash('cat $XDG_STATE_HOME/ipcsup/*/web.stdout.log')).toMatchObject({ out: 'hi\n' })
})

test('start --detach without them: what the background starts has its own', async () => {
  sandbox.writeConfig({ processes: { web: { command: ['sh', '-c', 'ipcsup check > checked.txt; exec sleep 1000'] } } })
  expect(bash('ipcsup start --detach <&- >&- 2>&-')).toEqual({ status: 0, out: '', err: '' })
  await expect.poll(() => bash('cat checked.txt').out, { timeout: 20_000 }).toMatch(/^ok /)
  expect((await sandbox.ipcsup('status')).status).toBe(0)
})

test('a closed stdin is no empty one', async () => {
  sandbox.writeConfig({
    links: { lines: { kind: 'fifo' } },
    processes: { web: { command: 'sleep 1000', stdin: 'lines' } },
  })
  await sandbox.ipcsup('start', '--detach')
  expect(bash('ipcsup link lines write <&-')).toEqual({
    status: 4,
    out: '',
    err: 'ipcsup: Reading the input failed: read: EBADF.\n',
  })
})
