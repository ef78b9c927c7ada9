import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Report } from '../../src/supervisor/controls.js'
import { createSandbox, type Sandbox } from '../support/command-line.js'
import { until } from '../support/conditions.js'

let sandbox: Sandbox

beforeEach(() => {
  sandbox = createSandbox()
})

afterEach(async () => {
  await sandbox[Symbol.asyncDispose]()
})

const always = { policy: 'always', initial: '1ms', limit: 2 }

test('§4 the last line of start names who gave up although each of its ends was clean', async () => {
  sandbox.writeConfig({ name: 'orders', processes: { poll: { command: 'true', restart: always } } })
  const { status, err } = await sandbox.ipcsup('start')
  expect(status).toBe(1)
  expect(err.trimEnd().split('\n').at(-1)).toBe(
    'ipcsup: orders ended badly: 1 process, 2 restarts; poll (exit 0, gave up)',
  )
})

test('§4 status marks who gave up until it is started by hand, and so does the report of stop', async () => {
  sandbox.writeConfig({
    processes: {
      poll: { command: ['sh', '-c', 'if [ -e good ]; then exec sleep 1000; fi; true'], restart: always },
      web: { command: 'sleep 1000' },
    },
  })
  const started = sandbox.start('start')
  const stand = async () => (await sandbox.status()).processes.map(({ state, gaveUp }) => `${state} ${gaveUp}`)
  await until('the supervisor answers', async () => (await sandbox.ipcsup('status')).status === 0)
  await until('poll has given up', async () => (await stand()).join() === 'failed true,running false')
  expect((await sandbox.ipcsup('status')).out).toContain('gave up: 2 restarts within 1 min')
  writeFileSync(join(sandbox.directory, 'good'), '')
  await sandbox.ipcsup('start', 'poll')
  await until('poll runs', async () => (await stand()).join() === 'running false,running false')
  rmSync(join(sandbox.directory, 'good'))
  await sandbox.ipcsup('restart', 'poll')
  await until('poll has given up again', async () => (await stand()).join() === 'failed true,running false')
  const report = JSON.parse((await sandbox.ipcsup('stop', '--json')).out) as Report
  expect(report.processes).toMatchObject([{ exit: { code: 0 }, gaveUp: true }, { gaveUp: false }])
  await started.ended
})
