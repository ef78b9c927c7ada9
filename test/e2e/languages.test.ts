/**
 * Programs of several languages under supervision, each with one side killed and restarted in the middle: what the page
 * on other languages promises.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Config, createSupervisor, type Supervisor } from '../../src/index.js'
import { until } from '../support/conditions.js'

const fixtures = join(import.meta.dirname, '../../fixtures')
/** Where it is, by the PATH; null: it is not. */
function findProgram(name: string): string | null {
  const paths = (process.env['PATH'] ?? '').split(':').map(folder => join(folder, name))
  return paths.find(path => existsSync(path)) ?? null
}

const compilers = { c: findProgram('gcc'), rs: findProgram('rustc') } as const

let directory: string
let supervisor: Supervisor | null

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipcsup-lang-'))
  supervisor = null
})

afterEach(async () => {
  await supervisor?.stop({ kill: true })
  rmSync(directory, { recursive: true, force: true })
})

/** How a fixture is run, by the end of its name; null: that language is not here. */
function findCommand(folder: string, file: string): string[] | null {
  const source = join(fixtures, folder, file)
  const built = join(directory, file.replace('.', '-'))
  switch (file.split('.')[1]) {
    case 'sh':
      return ['/bin/sh', source]
    case 'py':
      return ['/usr/bin/python3', source]
    case 'php':
      return existsSync('/usr/bin/php') ? ['/usr/bin/php', source] : null
    case 'mjs':
      return [process.execPath, source]
    case 'c':
      if (compilers.c === null) return null
      execFileSync(compilers.c, ['-O1', '-o', built, source])
      return [built]
    default:
      if (compilers.rs === null) return null
      execFileSync(compilers.rs, ['-o', built, source])
      return [built]
  }
}

async function start(config: Config): Promise<Supervisor> {
  supervisor = createSupervisor({ logs: { directory: join(directory, 'logs') }, ...config }, { directory })
  await supervisor.start()
  return supervisor
}

const read = (name: string): string =>
  existsSync(join(directory, name)) ? readFileSync(join(directory, name), 'utf8') : ''

describe('an echo, whose server is killed again and again while it is asked', () => {
  const links = {
    'a unix socket': { kind: 'unix' },
    TCP: { kind: 'tcp' },
    UDP: { kind: 'udp' },
  } as const
  const cases = ['serve.py', 'serve.c', 'serve.php', 'serve.mjs', 'serve.rs'].flatMap(file =>
    (Object.keys(links) as (keyof typeof links)[])
      .filter(over => file !== 'serve.rs' || over !== 'UDP')
      .map(over => [file, over] as const),
  )

  test.for(cases)('%s over %s answers everything', async ([file, over], { skip }) => {
    const command = findCommand('echo', file)
    skip(command === null, 'that language is not here')
    const isUdp = over === 'UDP'
    const made = await start({
      links: { echo: links[over] },
      processes: {
        serve: {
          command: command!,
          links: { echo: isUdp ? 'bind' : 'listen' },
          restart: { policy: 'always', limit: 100 },
        },
        ask: {
          command: findCommand('echo', 'ask.py')!,
          links: { echo: isUdp ? 'send' : 'connect' },
          env: { DATAGRAMS: isUdp ? 1 : 0 },
          stdout: { file: 'answers' },
          restart: 'never',
        },
      },
    } as Config)
    let isDone = false
    const serve = made.process('serve')
    const asked = new Promise<void>(resolve => {
      made.on('state', ({ process, to }) => {
        if (process !== 'ask' || (to !== 'completed' && to !== 'failed')) return
        isDone = true
        resolve()
      })
    })
    let kills = 0
    while (!isDone && kills < 3) {
      const { pid, state } = await serve.status()
      if (pid === null || state !== 'running') continue
      process.kill(pid, 'SIGKILL')
      kills += 1
      await until('the next one lives', async () => {
        const now = await serve.status()
        return isDone || (now.pid !== null && now.pid !== pid && now.state === 'running')
      })
    }
    await asked
    expect(read('answers')).toBe('300 answered\n')
    expect(kills).toBeGreaterThan(0)
  })
})

test('a chain of sh, Python, PHP, C and Node, each of which is killed once, keeps every line', async ({ skip }) => {
  const stages = ['add.sh', 'add.py', 'add.php', 'add.c', 'add.mjs'].map(file => findCommand('chain', file))
  skip(stages.includes(null), 'a language is missing')
  const made = await start({
    links: Object.fromEntries(['p0', 'p1', 'p2', 'p3', 'p4'].map(name => [name, { kind: 'pipe' }])),
    processes: {
      first: { command: 'seq 100', stdout: 'p0' },
      ...Object.fromEntries(
        stages.map((command, index) => [
          `stage${index}`,
          {
            command: command!,
            stdin: `p${index}`,
            stdout: index === 4 ? { file: 'lines' } : `p${index + 1}`,
            env: { DIE_AFTER: 10 * (index + 1) },
          },
        ]),
      ),
    },
  } as Config)
  const report = await made.finished
  expect(read('lines')).toBe(Array.from({ length: 100 }, (_, index) => `${index + 1} sh Python PHP C Node\n`).join(''))
  expect(report.processes.map(({ name, restarts }) => [name, restarts])).toEqual([
    ['first', 0],
    ...stages.map((_, index) => [`stage${index}`, 1]),
  ])
})

test('a FIFO between strangers goes on when the supervised side is killed', async () => {
  const made = await start({
    links: { lines: { kind: 'fifo', path: 'lines' } },
    processes: {
      say: {
        command: ['/bin/sh', '-c', 'echo "life $IPCSUP_GENERATION" > "$IPCSUP_PATH_LINES"; exec sleep 1000'],
        links: { lines: 'write' },
      },
    },
  })
  const stranger = spawn('cat', [join(directory, 'lines')])
  let heard = ''
  stranger.stdout.setEncoding('utf8').on('data', text => {
    heard += text
  })
  await until('the stranger hears it', () => heard === 'life 1\n')
  process.kill((await made.process('say').status()).pid!, 'SIGKILL')
  await until('the stranger hears the next one', () => heard === 'life 1\nlife 2\n')
  const closed = once(stranger, 'close')
  await made.stop()
  await closed
})
