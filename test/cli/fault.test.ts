/** A defect of ipcsup itself, in the command line: injected by what Node loads before it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isAlive, readProcess } from '../../src/supervisor/host/proc.js'
import { createSandbox, type Sandbox } from '../support/command-line.js'
import { until } from '../support/conditions.js'

let sandbox: Sandbox

beforeEach(() => {
  sandbox = createSandbox()
})

afterEach(async () => {
  delete sandbox.environment['NODE_OPTIONS']
  await sandbox[Symbol.asyncDispose]()
})

function loadBefore(code: string): void {
  const path = join(sandbox.directory, 'before.cjs')
  writeFileSync(path, code)
  sandbox.environment['NODE_OPTIONS'] = `--require=${path}`
}

/** The delay before a restart is drawn in the midst of the decision what follows from an end. */
const brokenDecision = `Math.random = () => { throw new Error('no more luck') }`
const thrower = `process.on('SIGUSR2', () => { throw new Error('nobody thought of this') })`

const isGone = (pid: number) => !isAlive(readProcess(pid))
const tailPid = () => Number(readFileSync(join(sandbox.directory, 'tail.pid'), 'utf8'))
const writePid = 'echo $$ > tail.pid; exec sleep 1000'
const fail = 'until [ -s tail.pid ]; do sleep 0.01; done; exit 3'

const config = {
  name: 'orders',
  links: { lines: { kind: 'fifo', path: 'lines.fifo' } },
  processes: {
    tail: { command: ['sh', '-c', writePid], links: { lines: 'write' } },
    web: { command: ['sh', '-c', fail], restart: 'on-failure' },
  },
}

test.each([
  { argv: ['start'], name: 'orders' },
  { argv: ['run', '--restart', 'on-failure', `sh -c '${writePid}' | sh -c '${fail}'`], name: 'run' },
])('a defect in a decision ends everything that $name has started, and says where it is', async ({ argv, name }) => {
  sandbox.writeConfig(config)
  loadBefore(brokenDecision)
  const { status, err } = await sandbox.ipcsup(...argv)
  expect(err).toContain(`ipcsup: "${name}" cannot go on, and all that it had started was ended: no more luck.`)
  expect(err).toMatch(/Error: no more luck\n +at .*before\.cjs:1:/)
  expect(status).toBe(4)
  expect(isGone(tailPid())).toBe(true)
  expect(existsSync(join(sandbox.directory, 'lines.fifo'))).toBe(false)
  expect(await sandbox.listRuns()).toEqual([])
})

test('what nobody caught ends everything too', async () => {
  sandbox.writeConfig(config)
  loadBefore(thrower)
  const started = sandbox.start('start', 'tail')
  await until('it runs', async () => (await sandbox.ipcsup('status')).status === 0)
  const { pid } = await sandbox.status()
  process.kill(pid, 'SIGUSR2')
  const { status, err } = await started.ended
  expect(err).toContain('was ended: nobody thought of this. This is a defect of ipcsup: please report it.\n')
  expect(status).toBe(4)
  expect(isGone(tailPid())).toBe(true)
  expect(await sandbox.listRuns()).toEqual([])
})

test('who waits for an answer of a supervisor that breaks is told so', async () => {
  const stubborn = `trap '' TERM; echo $$ > tail.pid; until [ -e go ]; do sleep 0.01; done`
  sandbox.writeConfig({ processes: { tail: { command: ['sh', '-c', stubborn], stopTimeout: '10m' } } })
  loadBefore(thrower)
  const started = sandbox.start('start')
  await until('it runs', async () => (await sandbox.ipcsup('status')).status === 0)
  await until('tail has trapped', () => existsSync(join(sandbox.directory, 'tail.pid')))
  const { pid } = await sandbox.status()
  const stopping = sandbox.start('stop', 'tail')
  await until('tail is stopping', async () => (await sandbox.status()).processes[0]!.state === 'stopping')
  process.kill(pid, 'SIGUSR2')
  await until('it has shown itself', () => started.err().includes('A defect of ipcsup has shown itself.'))
  writeFileSync(join(sandbox.directory, 'go'), '')
  expect(await stopping.ended).toMatchObject({ status: 4, err: expect.stringContaining('nobody thought of this') })
  expect((await started.ended).status).toBe(4)
})
