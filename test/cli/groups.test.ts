/** The name of a process with replicas, or of a pipeline, means all of them. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSandbox, type Sandbox } from '../support/command-line.js'
import { until } from '../support/conditions.js'

let sandbox: Sandbox

beforeEach(() => {
  sandbox = createSandbox()
  sandbox.writeConfig({
    links: { jobs: { kind: 'pipe' }, other: { kind: 'pipe' } },
    processes: {
      work: { command: ['sh', '-c', 'echo I am $IPCSUP_PROCESS; exec sleep 1000'], replicas: 2, stdin: 'jobs' },
      feed: { command: 'sleep 1000', links: { jobs: 'write', other: 'write' } },
      sink: { command: 'sleep 1000', stdin: 'other' },
    },
    pipelines: { top: { line: 'sleep 1000 | sleep 1000', restart: 'always' } },
  })
})

afterEach(async () => {
  await sandbox[Symbol.asyncDispose]()
})

async function describeAll(): Promise<string[]> {
  const { processes } = await sandbox.status()
  return processes.map(({ name, state, restarts }) => `${name} ${state} ${restarts}`)
}

const expectAll = (what: string, all: readonly string[]) =>
  until(`${what}: ${all}`, async () => (await describeAll()).join() === all.join(), 20_000)

test('restart, stop, start and signal take the name of replicas or of a pipeline for all of them', async () => {
  expect((await sandbox.ipcsup('start', '--detach')).status).toBe(0)
  const others = ['feed running 0', 'sink running 0']
  expect(await sandbox.ipcsup('restart', 'work')).toMatchObject({ status: 0, err: '' })
  const top = ['top.1-sleep running 0', 'top.2-sleep running 0']
  await expectAll('restarted', ['work.0 running 1', 'work.1 running 1', ...others, ...top])
  expect(await sandbox.ipcsup('stop', 'top')).toMatchObject({ status: 0, err: '' })
  const parked = ['top.1-sleep parked 0', 'top.2-sleep parked 0']
  await expectAll('stopped', ['work.0 running 1', 'work.1 running 1', ...others, ...parked])
  expect((await sandbox.ipcsup('start', 'top')).status).toBe(0)
  const again = ['top.1-sleep running 1', 'top.2-sleep running 1']
  await expectAll('started', ['work.0 running 1', 'work.1 running 1', ...others, ...again])
  // One of them is named twice, and restarted once.
  expect(await sandbox.ipcsup('restart', 'work', 'work.1')).toMatchObject({ status: 0, err: '' })
  await expectAll('restarted again', ['work.0 running 2', 'work.1 running 2', ...others, ...again])
  expect(await sandbox.ipcsup('signal', 'KILL', 'work')).toMatchObject({ status: 0, err: '' })
  await expectAll('killed', ['work.0 running 3', 'work.1 running 3', ...others, ...again])
})

test('start takes it at the first start too, and logs and status show all of them', async () => {
  const started = sandbox.start('start', 'work', 'feed')
  await started.shows('I am work')
  await until('both have logged', async () => {
    const { out } = await sandbox.ipcsup('logs', 'work')
    return out.includes('I am work.0') && out.includes('I am work.1')
  })
  expect((await describeAll()).filter(row => !row.includes(' idle '))).toEqual([
    'work.0 running 0',
    'work.1 running 0',
    'feed running 0',
  ])
  const { out } = await sandbox.ipcsup('status', 'work', '--json')
  expect(JSON.parse(out)).toMatchObject({
    processes: [{ name: 'work.0' }, { name: 'work.1' }],
    links: [{ name: 'jobs' }],
  })
  expect((await sandbox.ipcsup('status', 'sink')).out).toMatch(/^sink /m)
})

test('a name that is none of both is refused, with the one that was probably meant', async () => {
  expect((await sandbox.ipcsup('start', '--detach')).status).toBe(0)
  for (const argv of [
    ['restart', 'wrk'],
    ['stop', 'wrk'],
    ['status', 'wrk'],
  ])
    expect(await sandbox.ipcsup(...argv)).toMatchObject({
      status: 2,
      err: expect.stringContaining('There is no process "wrk". Did you mean "work"?'),
    })
  expect((await sandbox.ipcsup('logs', 'wor')).status).toBe(2)
})

test('completion knows the names of groups', async () => {
  const { out } = await sandbox.ipcsup('completion', 'names')
  expect(out.split('\n')).toEqual(
    expect.arrayContaining(['work', 'top', 'work.0', 'work.1', 'feed', 'sink', 'top.1-sleep']),
  )
})
