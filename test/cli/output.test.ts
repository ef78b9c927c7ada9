import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSandbox, type Sandbox } from '../support/command-line.js'

let sandbox: Sandbox

beforeEach(() => {
  sandbox = createSandbox()
})

afterEach(async () => {
  await sandbox[Symbol.asyncDispose]()
})

test('output that a full disk does not take is status 4; a reader that has gone is no error', async () => {
  const script = 'ipcsup schema > /dev/full; echo "full $?"; (ipcsup schema; echo "gone $?" >&2) | true'
  const { out } = await sandbox.openTerminal(script).ended
  expect(out).toContain('Writing the output failed: write: ENOSPC.')
  expect(out).toContain('full 4')
  expect(out).toContain('gone 0')
})

test('logs -f ends when nobody reads its output any more', async () => {
  sandbox.writeConfig({ processes: { web: { command: ['sh', '-c', 'while :; do echo tick; sleep 0.02; done'] } } })
  await sandbox.ipcsup('start', '--detach')
  const { out } = await sandbox.openTerminal('(ipcsup logs -f; echo "ended $?" >&2) | head -n 1').ended
  expect(out).toMatch(/web \| tick\r\nended 0/)
  expect((await sandbox.status()).processes[0]!.state).toBe('running')
})

test('a line with bytes that are no UTF-8 is refused: its stages would get others', async () => {
  const { out } = await sandbox.openTerminal(
    `ipcsup run "$(printf 'printf \\377')"; echo "status $?"; ipcsup run 'printf �'`,
  ).ended
  expect(out).toContain('The line has bytes that are no UTF-8')
  expect(out).toContain('status 2')
  expect(out).toMatch(/�$/)
})

test('a current directory that was removed is said to be', async () => {
  const { out } = await sandbox.openTerminal('mkdir gone; cd gone; rmdir ../gone; ipcsup check; echo "status $?"').ended
  expect(out).toContain('ipcsup: The current directory was removed. Change to another one.')
  expect(out).toContain('status 4')
})

test('a file for messages that cannot be made is an error that names it', async () => {
  sandbox.writeConfig({ processes: { web: { command: 'sleep 1000' } } })
  const { out } = await sandbox.openTerminal('touch plain; XDG_STATE_HOME=$PWD/plain ipcsup start -d; echo "status $?"')
    .ended
  expect(out).toMatch(/Opening the file for messages \/.*\/plain\/ipcsup\/.*\.log failed: mkdir: ENOTDIR\./)
  expect(out).toContain('status 4')
})

test('§14 why a log cannot be written is said on the terminal, also when its process has ended already', async () => {
  writeFileSync(join(sandbox.directory, 'plain'), '')
  sandbox.writeConfig({
    drainTimeout: '200ms',
    logs: { directory: 'plain/logs' },
    processes: { web: { command: 'echo hi' } },
  })
  const { out } = await sandbox.openTerminal('ipcsup start').ended
  expect(out).toMatch(/warning: The log .*web\.stdout\.log cannot be written: not a directory \(ENOTDIR\)/)
})

test.each(['process.exit(0)', 'await new Promise(() => {})'])('a config with %s is no success', async line => {
  writeFileSync(join(sandbox.directory, 'ipcsup.config.mjs'), `${line}\nexport default { processes: {} }`)
  expect(await sandbox.ipcsup('check')).toMatchObject({
    status: 2,
    err: 'ipcsup: Ended too early: the config calls process.exit(), or waits for something that never comes.\n',
  })
})
