import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Config, createSupervisor, type StateChange, type Supervisor } from '../../src/index.js'
import { findLanguages, fixtures } from '../ipc/languages.js'
import { until } from '../support/conditions.js'

let directory: string
const made: Supervisor[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipcsup-ready-'))
})

afterEach(async () => {
  await Promise.all(made.splice(0).map(supervisor => supervisor.stop({ kill: true })))
  rmSync(directory, { recursive: true, force: true })
})

function make(processes: Config['processes']): { supervisor: Supervisor; changes: string[] } {
  const supervisor = createSupervisor(
    { name: 'ready', logs: { directory: join(directory, 'logs') }, processes },
    { directory },
  )
  made.push(supervisor)
  const changes: string[] = []
  supervisor.on('state', ({ process, from, to }: StateChange) => changes.push(`${process}: ${from} -> ${to}`))
  return { supervisor, changes }
}

const tell = join(fixtures, 'notify/notify.py')
const stateOf = async (supervisor: Supervisor, name: string) => (await supervisor.process(name).status()).state
const { C, Python } = findLanguages('notify')
const server = C?.('server') ?? Python!('server')
/** For a shell: the temporary directory may have spaces in its path. */
const quoted = server.map(word => `'${word}'`).join(' ')

test('who needs a process ready is started when it says so; events and status show it; a restart takes it away', async () => {
  const { supervisor, changes } = make({
    web: {
      command: `while ! test -e go; do sleep 0.01; done; exec ${quoted}`,
      shell: true,
      ready: 'notify',
    },
    smoke: { command: 'touch smoked', needs: { web: 'ready' } },
  })
  await supervisor.start()
  expect(await supervisor.process('web').status()).toMatchObject({ state: 'running', statusText: null })
  expect(await supervisor.process('smoke').status()).toMatchObject({
    state: 'waiting',
    note: 'waits for "web" to be ready',
  })
  writeFileSync(join(directory, 'go'), '')
  await until('smoke has run', async () => (await stateOf(supervisor, 'smoke')) === 'completed')
  expect(existsSync(join(directory, 'smoked'))).toBe(true)
  expect(await supervisor.process('web').status()).toMatchObject({
    state: 'ready',
    statusText: expect.stringMatching(/^told by /),
    pid: expect.any(Number),
  })
  expect(changes.indexOf('web: running -> ready')).toBeLessThan(changes.indexOf('smoke: waiting -> starting'))
  rmSync(join(directory, 'go'))
  await supervisor.signalProcesses(['web'], 'SIGKILL')
  await until('it runs again', async () => {
    const { state, restarts } = await supervisor.process('web').status()
    return state === 'running' && restarts === 1
  })
  expect((await supervisor.process('web').status()).statusText).toBe(null)
  writeFileSync(join(directory, 'go'), '')
  await until('it is ready again', async () => (await stateOf(supervisor, 'web')) === 'ready')
  expect((await supervisor.stop()).ok).toBe(true)
})

test('replicas are each ready for themselves, and a need of all of them waits for the last', async () => {
  const { supervisor } = make({
    work: {
      command: `while ! test -e $IPCSUP_PROCESS.go; do sleep 0.01; done; exec ${quoted}`,
      shell: true,
      replicas: 2,
      ready: 'notify',
    },
    after: { command: 'true', needs: { work: 'ready' } },
  })
  await supervisor.start()
  writeFileSync(join(directory, 'work.1.go'), '')
  await until('one is ready', async () => (await stateOf(supervisor, 'work.1')) === 'ready')
  expect([await stateOf(supervisor, 'work.0'), await stateOf(supervisor, 'after')]).toEqual(['running', 'waiting'])
  writeFileSync(join(directory, 'work.0.go'), '')
  await until('all are', async () => (await stateOf(supervisor, 'after')) === 'completed')
})

test('a process that ends well without having been ready fails whoever waits for it, with a note', async () => {
  const { supervisor } = make({
    migrate: { command: ['/usr/bin/python3', tell, 'STATUS=never ready'], ready: 'notify', restart: 'never' },
    ready: { command: ['/usr/bin/python3', tell, 'READY=1'], ready: 'notify', restart: 'never' },
    waits: { command: 'true', needs: { migrate: 'ready' } },
    after: { command: 'true', needs: { ready: 'ready' } },
  })
  await supervisor.start()
  const report = await supervisor.finished
  expect(report.ok).toBe(false)
  expect(await supervisor.process('waits').status()).toMatchObject({
    state: 'failed',
    note: 'need "migrate" ended before it was ready',
  })
  expect(await stateOf(supervisor, 'after')).toBe('completed')
})

test('onStart is run once for an incarnation, ready or not', async () => {
  const { supervisor } = make({
    web: { command: server, ready: 'notify', onStart: 'sh -c "echo started >> hooks"' },
  })
  await supervisor.start()
  await until('it is ready', async () => (await stateOf(supervisor, 'web')) === 'ready')
  await supervisor.stop()
  expect(readFileSync(join(directory, 'hooks'), 'utf8')).toBe('started\n')
})
