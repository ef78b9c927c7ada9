/** Permits under a real supervisor: two processes, of which one is killed in the middle, and a supervisor that is. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Config, createSupervisor, type Supervisor } from '../../src/index.js'
import type { LinkFacts } from '../../src/ipc/kind.js'
import { identify } from '../../src/ipc/named-objects.js'
import { readSysvSemaphore } from '../../src/platform/index.js'
import { readProcess } from '../../src/supervisor/host/proc.js'
import { openRun } from '../../src/supervisor/run/open.js'
import { findLanguages } from '../ipc/languages.js'
import { bundleProgram } from '../support/bundle.js'
import { until } from '../support/conditions.js'

const programs = findLanguages('permits')
const holdLinks = bundleProgram(join(import.meta.dirname, '../ipc/drivers/hold-links.ts'))

let directory: string
let supervisor: Supervisor | null = null
const children: ChildProcess[] = []

beforeEach(() => {
  directory = mkdtempSync('/tmp/ipcsup-permits-')
  writeFileSync(join(directory, 'counter'), '0\n')
})

afterEach(async () => {
  await supervisor?.stop({ kill: true })
  supervisor = null
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

const readCounter = (): number => Number(readFileSync(join(directory, 'counter'), 'utf8'))

async function start(config: Config): Promise<Supervisor> {
  supervisor = createSupervisor({ logs: { directory: join(directory, 'logs') }, ...config }, { directory })
  await supervisor.start()
  return supervisor
}

const links = {
  lock: { kind: 'lock' },
  'POSIX semaphore': { kind: 'semaphore' },
  'System V semaphore': { kind: 'semaphore', system: 'sysv' },
} as const

const times = { C: 20_000, Node: 2000, Python: 5000 } as const
/** In its first life it counts ten thousand times as long: until it is killed. */
const untilKilled = ['/bin/sh', '-c', 'if test "$IPCSUP_GENERATION" = 1; then exec "$@"0000; else exec "$@"; fi', 'sh']
/** Begins when the other process has counted a little. */
const afterFirst = [
  '/bin/sh',
  '-c',
  'until test "$(cat counter)" -gt 50; do sleep 0.01; done; touch begun; exec "$@"',
  'sh',
]

describe('two processes that count in one file under a permit', () => {
  // What the killed one does under a permit is not undone, nor done twice: it counts in one write, and says so after.
  for (const [name, link] of Object.entries(links)) {
    for (const [killed, other] of [
      ['Node', 'Python'],
      ['C', 'Node'],
      ['Python', 'C'],
    ] as const) {
      // What takes by sem_wait leaves no trace: then its permit may be lost with it, as the page says.
      const comesBack = name !== 'POSIX semaphore' || killed === 'Node'
      it.runIf(comesBack && programs[killed] && programs[other])(
        `${name}: goes on when the one in ${killed} is killed in the middle and started again, beside one in ${other}`,
        async () => {
          await start({
            links: { data: link },
            processes: {
              killed: {
                command: [...untilKilled, ...programs[killed]!('count'), 'data', 'counter', String(times[killed])],
                links: { data: 'use' },
                restart: 'on-failure',
              },
              other: {
                command: [...afterFirst, ...programs[other]!('count'), 'data', 'counter', String(times[other])],
                links: { data: 'use' },
              },
            },
          } as Config)
          await until('the other begins', () => existsSync(join(directory, 'begun')))
          const begun = readCounter()
          await until('they count', () => readCounter() > begun + 100)
          const { pid } = await supervisor!.process('killed').status()
          process.kill(pid!, 'SIGSTOP')
          await until('it has stopped', () => readProcess(pid!)?.state === 'T')
          const before = readCounter()
          process.kill(pid!, 'SIGKILL')
          await supervisor!.finished
          const rows = (await supervisor!.status()).processes
          expect(rows.map(row => [row.name, row.state, row.restarts])).toEqual([
            ['killed', 'completed', 1],
            ['other', 'completed', 0],
          ])
          // Its first life counted at least nothing, at most all that was there.
          expect(readCounter()).toBeGreaterThanOrEqual(times[killed] + times[other])
          expect(readCounter()).toBeLessThanOrEqual(times[killed] + times[other] + before)
        },
      )
    }
  }
})

describe('after kill -9 of the supervisor', () => {
  const keyOf = (link: LinkFacts): string => String(readKey(link.id!))
  const config = {
    lock: { kind: 'lock', path: 'its.lock' },
    posix: { kind: 'semaphore' },
    named: { kind: 'semaphore', name: `/ipcsup.test.${process.pid}.named` },
    set: { kind: 'semaphore', system: 'sysv', values: [1, 2] },
    event: { kind: 'event' },
  }

  const hold = async (
    project: string,
    held: object,
  ): Promise<{ child: ChildProcess; path: string; facts: Record<string, LinkFacts> }> => {
    mkdirSync(join(directory, project))
    const path = join(directory, project, 'ipcsup.config.json')
    const child = spawn(process.execPath, [holdLinks, path, JSON.stringify(held)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, XDG_RUNTIME_DIR: directory },
    })
    children.push(child)
    const [line] = await once(child.stdout!, 'data')
    return { child, path, facts: JSON.parse(String(line)) }
  }

  const listThere = ({ facts }: { facts: Record<string, LinkFacts> }): boolean[] => [
    ...['lock'].map(name => facts[name]?.path !== undefined && identify('file', facts[name].path) !== null),
    ...['posix', 'named'].map(
      name => facts[name]?.name !== undefined && identify('file', `/dev/shm/sem.${facts[name].name.slice(1)}`) !== null,
    ),
    facts['set']?.id !== undefined && readSysvSemaphore(facts['set'].id) !== null,
  ]

  it('the next start removes exactly what the dead one owned: nothing of a live one, nothing foreign', async () => {
    const foreign = spawn('ipcmk', ['-S', '1'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [text] = await once(foreign.stdout!, 'data')
    const foreignId = Number(/\d+/.exec(String(text))![0])
    const [dead, alive] = [
      await hold('dead', config),
      await hold('alive', { ...config, named: { kind: 'semaphore', name: `/ipcsup.test.${process.pid}.alive` } }),
    ]
    try {
      expect([listThere(dead), listThere(alive)]).toEqual([Array(4).fill(true), Array(4).fill(true)])
      const key = keyOf(dead.facts['set']!)
      dead.child.kill('SIGKILL')
      await once(dead.child, 'exit')
      expect(listThere(dead)).toEqual(Array(4).fill(true))
      const run = await openRun({
        key: { configPath: dead.path },
        name: 'dead',
        version: '0.0.0',
        environment: { ...process.env, XDG_RUNTIME_DIR: directory },
      })
      run.close()
      const { lock, posix, named } = dead.facts
      const names = [
        lock!.path!,
        ...[posix, named].map(facts => `/dev/shm/sem.${facts!.name!.slice(1)}`),
        `sysv semaphore with key ${key}`,
      ]
      expect([...run.reclaimed!.removed].sort()).toEqual(names.sort())
      expect([listThere(dead), listThere(alive)]).toEqual([Array(4).fill(false), Array(4).fill(true)])
      expect(readSysvSemaphore(foreignId)).not.toBeNull()
    } finally {
      spawn('ipcrm', ['-s', String(foreignId)])
      const run = await reclaim(alive)
      run.close()
    }
  })

  /** Kills it, and cleans up after it. */
  const reclaim = async ({ child, path }: { child: ChildProcess; path: string }) => {
    child.kill('SIGKILL')
    await once(child, 'exit')
    const environment = { ...process.env, XDG_RUNTIME_DIR: directory }
    return openRun({ key: { configPath: path }, name: 'alive', version: '0.0.0', environment })
  }
})

/** Of a set of System V semaphores. */
function readKey(id: number): number | undefined {
  const rows = readFileSync('/proc/sysvipc/sem', 'latin1').split('\n').slice(1)
  const row = rows.map(line => line.trim().split(/\s+/)).find(cells => Number(cells[1]) === id)
  return row && Number(row[0])
}
