import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fixtures } from '../ipc/languages.js'
import { createSandbox } from '../support/command-line.js'
import { until } from '../support/conditions.js'

const python = '/usr/bin/python3'

test('call raises the signal of a route, says when nobody got it, and names the links that can be called', async () => {
  await using sandbox = createSandbox()
  sandbox.writeConfig({
    links: { reload: { kind: 'signal' }, lines: { kind: 'fifo' } },
    processes: {
      web: { command: [python, join(fixtures, 'signal/count-signals.py'), 'SIGHUP', 'heard'], links: { reload: 'to' } },
    },
  })
  await sandbox.ipcsup('start', '--detach')
  const heard = join(sandbox.directory, 'heard')
  await until('it is up', () => existsSync(heard) && readFileSync(heard, 'utf8') === 'up\n')
  expect(await sandbox.ipcsup('call', 'reload')).toEqual({ status: 0, signal: null, out: '', err: '' })
  await until('it is heard', () => readFileSync(heard, 'utf8') === 'up\ngot\n')
  await sandbox.ipcsup('stop', 'web')
  expect(await sandbox.ipcsup('call', 'reload')).toMatchObject({
    status: 0,
    err: 'ipcsup: no process at "reload" is running, so nobody got its signal\n',
  })
  expect(await sandbox.ipcsup('call', 'lines')).toMatchObject({
    status: 2,
    err: 'ipcsup: There is no link "lines" that can be called. Known: reload.\n',
  })
  await sandbox.ipcsup('stop')
})

test('status, plan and graph show who is ready, what it says and who waits for that', async () => {
  await using sandbox = createSandbox()
  sandbox.writeConfig({
    links: { up: { kind: 'signal', on: 'ready', signal: 'SIGWINCH' } },
    processes: {
      db: { command: [python, join(fixtures, 'notify/server.py')], ready: 'notify', links: { up: 'from' } },
      web: { command: 'sleep 1000', needs: { db: 'ready' } },
      watch: { command: 'sleep 1000', links: { up: 'to' } },
    },
  })
  expect((await sandbox.ipcsup('plan')).out).toContain('  no fd: up (from)\n  ready notify\n')
  const graph = (await sandbox.ipcsup('graph')).out
  expect(graph).toMatch(/^up +signal +db -> watch$/m)
  expect(graph).toContain('web needs db (ready)\n')
  await sandbox.ipcsup('start', '--detach')
  await until('web runs', async () => (await sandbox.status()).processes[1]!.state === 'running')
  const { out } = await sandbox.ipcsup('status')
  expect(out).toMatch(/^db +ready .* told by Python$/m)
  await sandbox.ipcsup('stop')
})
