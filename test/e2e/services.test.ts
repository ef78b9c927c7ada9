/** Services under a whole supervisor, with instances and callers in several languages. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Config, createSupervisor, type Supervisor } from '../../src/index.js'
import { readStartTime } from '../../src/supervisor/run/processes.js'
import { findLanguages } from '../ipc/languages.js'
import { until } from '../support/conditions.js'

const programs = findLanguages('service')
const callers = { Python: programs.Python!('call'), Node: programs.Node!('call') }
const server = programs.Python!('serve')

let directory: string
let supervisor: Supervisor | null = null

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipcsup-services-'))
})

afterEach(async () => {
  await supervisor?.stop({ kill: true })
  supervisor = null
  rmSync(directory, { recursive: true, force: true })
})

/** What each process prints is in a file of its name. */
async function start(processes: Readonly<Record<string, object>>, names?: readonly string[]): Promise<void> {
  const printing = Object.entries(processes).map(([name, process]) => [
    name,
    { stdout: { file: `${name}.out` }, ...process },
  ])
  const config = {
    logs: { directory: join(directory, 'logs') },
    links: { data: { kind: 'service' } },
    processes: Object.fromEntries(printing),
  }
  supervisor = createSupervisor(config as Config, { directory })
  await supervisor.start(names)
}

const serve = { data: 'serve' }
const call = { data: 'call' }
const service = async () => (await supervisor!.status()).links[0]!.service!
const said = (process: string): string[] =>
  readFileSync(join(directory, `${process}.out`), 'utf8')
    .split('\n')
    .slice(0, -1)
const ends = (process: string) =>
  until(`${process} ends`, async () => (await supervisor!.process(process).status()).state === 'completed')

test.each(Object.entries(callers))('a caller in %s calls instances in Python and Node', async (_, caller) => {
  await start({
    python: { command: server, links: serve },
    ask: { command: [...caller, 'add:[1, 2]', 'who'], links: call, restart: 'never' },
  })
  await ends('ask')
  expect(
    said('ask')
      .map(line => JSON.parse(line))
      .sort(),
  ).toEqual([3, ['python', 1]])
})

test('a call goes to the instance with the fewest of them: not to the one that is busy', async () => {
  await start(
    {
      server: { command: server, links: serve, replicas: 2 },
      ask: {
        command: [...callers.Node, 'hold:["go"]', 'who', 'then', 'who'],
        cwd: directory,
        links: call,
        restart: 'never',
      },
    },
    ['server.0', 'server.1'],
  )
  await until('both serve', async () => (await service()).instances.length === 2)
  await supervisor!.startProcesses(['ask'])
  // The second call is answered while the first is held.
  await until('it is answered', () => said('ask').length === 1)
  const { instances } = await service()
  await until('one is busy', async () => (await service()).outstanding === 1)
  const [other] = JSON.parse(said('ask')[0]!) as [string]
  const busy = (await service()).instances.find(({ outstanding }) => outstanding === 1)!
  expect(instances.map(({ process }) => process).sort()).toEqual(['server.0', 'server.1'])
  expect(busy.process).not.toBe(other)
})

test('calls that are made while the only server restarts wait, and its next life answers them', async () => {
  const go = join(directory, 'go')
  writeFileSync(go, '')
  await start(
    {
      server: { command: [...server, 'wait:go'], cwd: directory, links: serve, restart: 'always' },
      ask: { command: [...callers.Node, 'who', 'who'], links: call, restart: 'never' },
    },
    ['server'],
  )
  const lives = async () => (await service()).instances.map(({ generation }) => generation)
  await until('it serves', async () => (await lives()).length === 1)
  rmSync(go)
  await supervisor!.signalProcesses(['server'], 'SIGKILL')
  await until('it is down', async () => (await lives()).length === 0)
  await supervisor!.startProcesses(['ask'])
  await until('it asks', async () => (await supervisor!.process('ask').status()).state === 'running')
  writeFileSync(go, '')
  await ends('ask')
  expect(said('ask')).toEqual(['["server",2]', '["server",2]'])
})

test('a server is called once it has registered, and not when it has merely started', async () => {
  await start({
    server: { command: [...server, 'wait:go'], cwd: directory, links: serve },
    ask: { command: [...callers.Node, 'who'], links: call, restart: 'never' },
  })
  await until('both run', async () => (await supervisor!.status()).processes.every(({ state }) => state === 'running'))
  expect(said('server')).toEqual([])
  writeFileSync(join(directory, 'go'), '')
  await ends('ask')
  expect(said('server')).toEqual(['who'])
})

test('once its only server is finished, calls are refused', async () => {
  await start({
    server: { command: server, links: serve, restart: 'never' },
    ask: { command: [...callers.Python, 'die', 'over', 'who'], links: call, restart: 'never' },
  })
  await ends('ask')
  expect(said('ask')).toEqual(['"unknown"', 'over', '"nobody serves"'])
})

test('a supervisor that was killed leaves nothing of it once it is started again', async () => {
  const { createSandbox } = await import('../support/command-line.js')
  await using sandbox = createSandbox()
  sandbox.writeConfig({
    links: { data: { kind: 'service' } },
    processes: { server: { command: server, links: serve } },
  })
  await sandbox.ipcsup('start', '--detach')
  expect((await sandbox.ipcsup('call', 'data.who')).out).toBe('["server",1]\n')
  const [run] = sandbox.listRuns()
  process.kill(run!.pid, 'SIGKILL')
  await until('it is gone', () => readStartTime(run!.pid) === null)
  await sandbox.ipcsup('start', '--detach')
  expect((await sandbox.ipcsup('call', 'data.who')).out).toBe('["server",1]\n')
  await sandbox.ipcsup('stop', '--now')
  expect(readdirSync(join(run!.directory, '..'))).toEqual([])
})
