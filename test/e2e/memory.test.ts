/** Memory under a real supervisor: what is in it survives the death of its users, and nothing of it survives the run. */
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Config, createSupervisor, type Supervisor } from '../../src/index.js'
import type { Shm } from '../../src/ipc/shm.js'
import { isAlive, readProcess } from '../../src/supervisor/host/proc.js'
import { findLanguages } from '../ipc/languages.js'
import { createSandbox, type Sandbox } from '../support/command-line.js'
import { until } from '../support/conditions.js'

const name = `ipcsup-test-memory-${process.pid}`
const path = join('/dev/shm', name)
/** Somebody else may run these tests at the same time. */
const run = `orders${process.pid}`

describe('a counter', () => {
  let directory: string
  let supervisor: Supervisor | null = null

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ipcsup-memory-'))
  })

  afterEach(async () => {
    await supervisor?.stop({ kill: true })
    supervisor = null
    rmSync(directory, { recursive: true, force: true })
    rmSync(path, { force: true })
  })

  const kill = async (process_: string): Promise<void> => {
    let pid: number | null = null
    await until(`${process_} runs`, async () => {
      pid = (await supervisor!.process(process_).status()).pid
      return pid !== null
    })
    process.kill(pid!, 'SIGKILL')
  }
  const restartsOf = async (process_: string) =>
    (await supervisor!.status()).processes.find(row => row.name === process_)!.restarts

  const { C, Node, Python } = findLanguages('memory')
  /** Its first two lives, which are killed, never come to their goal; the third one waits until it is told one. */
  const lives = [
    '/bin/sh',
    '-c',
    'goal=2000000000; test "$IPCSUP_GENERATION" -lt 3 || { until test -e goal; do sleep 0.01; done; goal=$(cat goal); }; exec "$@" "$goal"',
    'sh',
  ]

  test.skipIf(!C).for([
    { kind: 'shm', size: '4KiB', name },
    { kind: 'file', size: '4KiB', path },
  ])(
    'in a $kind goes on where it was when one of two processes is killed, and ends exactly at its goal',
    async link => {
      const more = { restart: { policy: 'on-failure', initial: '1ms', max: '1ms' } } as const
      const config = {
        links: { data: link },
        processes: {
          c: { command: [...lives, ...C!('count')], links: { data: 'map' }, ...more },
          node: { command: [...lives, ...Node!('count')], links: { data: 'map' }, ...more },
          show: {
            command: Python!('show'),
            links: { data: 'map-ro' },
            needs: { c: 'completed', node: 'completed' },
            stdout: { file: 'shown' },
          },
        },
        logs: { directory: join(directory, 'logs') },
      } as unknown as Config
      supervisor = createSupervisor(config, { directory })
      await supervisor.start()
      const counter = openSync(path, 'r')
      const read = (): number => {
        const bytes = Buffer.alloc(4)
        readSync(counter, bytes, 0, 4, 0)
        return bytes.readInt32LE()
      }
      let last = 0
      for (const [round, process_] of ['node', 'c', 'node', 'c'].entries()) {
        await until(`it counts (round ${round})`, () => read() >= last + 5_000)
        last = read()
        await kill(process_)
        await until(`${process_} was restarted`, async () => (await restartsOf(process_)) === Math.floor(round / 2) + 1)
        expect(read()).toBeGreaterThanOrEqual(last)
      }
      const goal = read() + 50_000
      writeFileSync(join(directory, 'goal.new'), String(goal))
      renameSync(join(directory, 'goal.new'), join(directory, 'goal'))
      await supervisor.finished
      expect(readFileSync(join(directory, 'shown'), 'utf8')).toBe(`${goal}\n`)
      expect(existsSync(path)).toBe('path' in link)
    },
  )

  test('is shared by an app and its children', async () => {
    const command = ['/usr/bin/python3', '-c', 'import mmap; memory = mmap.mmap(3, 0); memory[0] = memory[0] + 1']
    const app = createSupervisor(
      {
        links: { data: { kind: 'shm', size: '4KiB' } },
        processes: { child: { command, links: { data: 'map' } } },
        logs: { directory: join(directory, 'logs') },
      },
      { directory },
    )
    supervisor = app
    const opened = app.link('data', 'map') as Promise<Shm>
    await app.start()
    const memory = await opened
    await until('the child has counted', () => Atomics.load(memory.bytes, 0) === 1)
    memory.close()
    await app.finished
  })
})

describe('§16 a supervisor that was killed', () => {
  let sandbox: Sandbox

  beforeEach(() => {
    sandbox = createSandbox()
  })

  afterEach(async () => {
    await sandbox[Symbol.asyncDispose]()
    for (const file of [path, `${path}.foreign`]) rmSync(file, { force: true })
  })

  const isGone = (pid: number) => !isAlive(readProcess(pid))

  async function killSupervisor(): Promise<string[]> {
    sandbox.writeConfig({
      name: run,
      drainTimeout: '50ms',
      links: {
        fixed: { kind: 'shm', size: '4KiB', name },
        own: { kind: 'shm', size: '4KiB', named: true },
        foreign: { kind: 'shm', name: `${name}.foreign`, existing: true },
        kept: { kind: 'file', size: '4KiB', path: 'kept' },
        temporary: { kind: 'file', size: '4KiB', path: 'temporary', temporary: true },
      },
      processes: {
        hold: {
          command: 'sleep 1000',
          links: { fixed: 'map', own: 'map', foreign: 'map', kept: 'map', temporary: 'map' },
        },
      },
    })
    writeFileSync(`${path}.foreign`, 'precious')
    const { status, err } = await sandbox.ipcsup('start', '--detach')
    expect({ status, err }).toMatchObject({ status: 0 })
    const { pid } = await sandbox.status()
    process.kill(pid, 'SIGKILL')
    await until('it is gone', () => isGone(pid))
    return listOwn()
  }

  /** Objects with the run's own name. */
  const listOwn = (): string[] =>
    readdirSync('/dev/shm').filter(file => file.startsWith(`ipcsup.${run}.`) && file.endsWith('.own'))

  test('leaves memory behind, of which the next start removes what was its own, and nothing else', async () => {
    const others = new Set(listOwn())
    const left = (await killSupervisor()).filter(file => !others.has(file))
    expect(left).toHaveLength(1)
    expect(existsSync(path)).toBe(true)
    const dead = lstatSync(path).ino
    writeFileSync(join(sandbox.directory, 'kept'), 'data', { flag: 'r+' })
    const { status, err } = await sandbox.ipcsup('start', '--detach')
    expect(status).toBe(0)
    for (const file of [path, join('/dev/shm', left[0]!)]) expect(err).toContain(file)
    // It has made its own by the same configuration.
    const made = listOwn().filter(file => !others.has(file))
    expect([made.length, made[0] === left[0], lstatSync(path).ino === dead]).toEqual([1, false, false])
    expect(readFileSync(`${path}.foreign`, 'utf8')).toBe('precious')
    expect(readFileSync(join(sandbox.directory, 'kept'), 'utf8').slice(0, 4)).toBe('data')
    await sandbox.ipcsup('stop')
    expect([existsSync(path), existsSync(`${path}.foreign`)]).toEqual([false, true])
    expect(readdirSync(sandbox.directory).sort()).toEqual(['ipcsup.config.json', 'kept'])
  })

  test('is cleaned up by `ipcsup clean` without a start', async () => {
    const others = new Set(listOwn())
    const left = (await killSupervisor()).filter(file => !others.has(file))
    const { out } = await sandbox.ipcsup('clean')
    for (const file of [path, join('/dev/shm', left[0]!), join(sandbox.directory, 'temporary')])
      expect(out).toContain(file)
    expect([existsSync(path), listOwn().filter(file => !others.has(file))]).toEqual([false, []])
    expect(existsSync(`${path}.foreign`)).toBe(true)
    expect(existsSync(join(sandbox.directory, 'kept'))).toBe(true)
    expect(existsSync(join(sandbox.directory, 'temporary'))).toBe(false)
  })
})
