/** Message queues under a real supervisor: what kills lose (nothing), and what the janitor removes (only ours). */
import { closeSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Config, createSupervisor, type Supervisor } from '../../src/index.js'
import { identify } from '../../src/ipc/named-objects.js'
import {
  createQueue,
  createSysvQueue,
  findSysvQueue,
  openQueue,
  readSysvQueue,
  removeQueue,
  removeSysvQueue,
  sendToQueue,
} from '../../src/platform/index.js'
import { readProcess } from '../../src/supervisor/host/proc.js'
import { readStartTime } from '../../src/supervisor/run/processes.js'
import { fixtures } from '../ipc/languages.js'
import { createSandbox, type Sandbox } from '../support/command-line.js'
import { until } from '../support/conditions.js'

const program = (name: string): string => `/usr/bin/python3 ${join(fixtures, 'queue', `${name}.py`)}`

describe('a producer and a consumer, each killed in the middle', () => {
  let directory: string
  let supervisor: Supervisor | null = null

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ipcsup-queue-'))
  })

  afterEach(async () => {
    await supervisor?.stop({ kill: true })
    rmSync(directory, { recursive: true, force: true })
  })

  const readNotes = (file: string): string[] => {
    try {
      return readFileSync(join(directory, file), 'utf8').split('\n').slice(0, -1)
    } catch {
      return [] // Nothing was noted yet.
    }
  }

  /** By the test, while it waits for the other one. */
  async function killWaiting(name: string): Promise<void> {
    const { pid } = await supervisor!.process(name).status()
    await until(`${name} waits`, () => readProcess(pid!)?.state === 'S')
    process.kill(pid!, 'SIGKILL')
    await until(`${name} is there again`, async () => {
      const now = await supervisor!.process(name).status()
      return now.pid !== null && now.pid !== pid
    })
  }

  test.each(['posix', 'sysv'] as const)('%s: every message that was sent comes once, in order', async system => {
    const restart = { policy: 'on-failure', initial: '1ms', max: '1ms' } as const
    supervisor = createSupervisor(
      {
        links: { data: { kind: 'queue', system, ...(system === 'sysv' && { maxBytes: '1KiB' }) } },
        processes: {
          // Each kills itself twice; the producer pauses at 1000, so that the consumer waits, the consumer at 2000.
          produce: { command: `${program('produce')} 3000 1000 300 1500`, links: { data: 'write' }, restart },
          consume: { command: `${program('consume')} 3000 2000 700 2400`, links: { data: 'read' }, restart },
        },
        logs: { directory: join(directory, 'logs') },
      } as Config,
      { directory },
    )
    await supervisor.start()
    await until('the queue is empty', () => readNotes('got').length === 1000)
    await killWaiting('consume')
    writeFileSync(join(directory, 'go'), '')
    await until('the consumer pauses', () => readNotes('got').length === 2001)
    await until('the queue is full', async () => {
      const { messages, queuedBytes } = (await supervisor!.status()).links[0]!
      return system === 'posix' ? messages === 10 : queuedBytes === 1024
    })
    await killWaiting('produce')
    writeFileSync(join(directory, 'on'), '')
    const report = await supervisor.finished
    const all = Array.from({ length: 3000 }, (_, number) => String(number))
    expect([readNotes('sent'), readNotes('got')]).toEqual([all, all])
    expect(report.processes.map(row => row.restarts)).toEqual([3, 3])
  })
})

test.each([{ name: `/ipcsup.reset.${process.pid}` }, { system: 'sysv', key: 0x6973_0000 + process.pid }] as const)(
  '%o, lifetime reset: a crash makes it anew, and what was in it is gone',
  async options => {
    const directory = mkdtempSync(join(tmpdir(), 'ipcsup-queue-'))
    const supervisor = createSupervisor(
      {
        links: { data: { kind: 'queue', lifetime: 'reset', ...options } },
        processes: {
          send: { command: `${program('talk')} send:one send:two sleep`, links: { data: 'write' } },
          take: { command: `${program('talk')} read sleep`, links: { data: 'read' } },
        },
        logs: { directory: join(directory, 'logs') },
      } as Config,
      { directory },
    )
    const isOneLeft = async (generation: number): Promise<boolean> => {
      const [link] = (await supervisor.status()).links
      return link!.generation === generation && link!.messages === 1
    }
    try {
      await supervisor.start()
      await until('one is taken', async () => readTaken(directory) === 'one\n' && (await isOneLeft(1)))
      process.kill((await supervisor.process('take').status()).pid!, 'SIGKILL')
      await until('both began again', async () => readTaken(directory) === 'one\none\n' && (await isOneLeft(2)))
    } finally {
      await supervisor.stop({ kill: true })
      rmSync(directory, { recursive: true, force: true })
    }
    const left = 'name' in options ? identify('queue', options.name) : identify('sysv-queue', String(options.key))
    expect(left).toBeNull()
  },
)

function readTaken(directory: string): string {
  const path = join(directory, 'logs/take.stdout.log')
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

describe('§16 a supervisor that was killed', () => {
  let sandbox: Sandbox
  const foreign = `/ipcsup.foreign.${process.pid}`
  const own = `/ipcsup.own.${process.pid}`
  const foreignKey = 0x6971_0000 + process.pid
  const ownKey = 0x6972_0000 + process.pid

  beforeEach(() => {
    sandbox = createSandbox()
    closeSync(createQueue(foreign, 0o600, { maxMessages: 1, messageSize: 10 }))
    createSysvQueue(foreignKey, 0o600)
  })

  afterEach(async () => {
    removeQueue(foreign)
    removeSysvQueue(findSysvQueue(foreignKey)!)
    await sandbox[Symbol.asyncDispose]()
  })

  const config = {
    name: 'queues',
    links: {
      named: { kind: 'queue', name: own, maxMessages: 2, messageSize: 100 },
      unnamed: { kind: 'queue', maxMessages: 2, messageSize: 100 },
      keyed: { kind: 'queue', system: 'sysv', key: ownKey },
      unkeyed: { kind: 'queue', system: 'sysv' },
      strangers: { kind: 'queue', name: foreign, existing: true },
      others: { kind: 'queue', system: 'sysv', key: foreignKey, existing: true },
    },
    processes: { sleeper: { command: 'sleep 1000', links: { unnamed: 'read', unkeyed: 'read' } } },
  }

  /** Name and number of those that have none in the config. */
  async function killSupervisor(): Promise<{ name: string; id: number }> {
    sandbox.writeConfig(config)
    expect(await sandbox.ipcsup('start', '--detach')).toMatchObject({ status: 0 })
    const { pid, links } = await sandbox.status()
    const find = (link: string) => links.find(row => row.name === link)!
    process.kill(pid, 'SIGKILL')
    await until('it is gone', () => readStartTime(pid) === null)
    const [name, id] = [find('unnamed').objectName!, find('unkeyed').id!]
    expect([name, id]).toEqual([expect.stringMatching(/^\/ipcsup\.queues\./), expect.any(Number)])
    return { name, id }
  }

  const isThere = ({ name, id }: { name: string; id: number }): boolean[] => [
    identify('queue', own) !== null,
    identify('queue', name) !== null,
    identify('sysv-queue', String(ownKey)) !== null,
    readSysvQueue(id) !== null,
  ]
  const foreigners = () => [identify('queue', foreign), identify('sysv-queue', String(foreignKey))]

  test('clean removes exactly its queues', async () => {
    const before = foreigners()
    const left = await killSupervisor()
    expect(isThere(left)).toEqual([true, true, true, true])
    const { out } = await sandbox.ipcsup('clean')
    for (const name of [own, left.name, String(ownKey)]) expect(out).toContain(name)
    expect(isThere(left)).toEqual([false, false, false, false])
    expect(foreigners()).toEqual(before)
  })

  test('the next start does the same, and makes its own anew', async () => {
    const before = foreigners()
    const left = await killSupervisor()
    const queue = openQueue(own, 'both')
    sendToQueue(queue, Buffer.from('of the dead run'), 0)
    closeSync(queue)
    const { status, err } = await sandbox.ipcsup('start', '--detach')
    expect([status, err]).toEqual([0, expect.stringContaining('died without cleaning up')])
    expect(isThere(left)).toEqual([true, false, true, false])
    expect((await sandbox.ipcsup('stop')).status).toBe(0)
    expect(isThere(left)).toEqual([false, false, false, false])
    expect(foreigners()).toEqual(before)
  })

  test('what somebody made in place of one of its queues is left alone', async () => {
    await killSupervisor()
    removeQueue(own)
    closeSync(createQueue(own, 0o600, { maxMessages: 1, messageSize: 10 }))
    removeSysvQueue(findSysvQueue(ownKey)!)
    const id = createSysvQueue(ownKey, 0o600)
    try {
      await sandbox.ipcsup('clean')
      expect(identify('queue', own)).not.toBeNull()
      expect(findSysvQueue(ownKey)).toBe(id)
    } finally {
      removeQueue(own)
      removeSysvQueue(id)
    }
  })
})
