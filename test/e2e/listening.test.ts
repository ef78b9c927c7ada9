/** Listening sockets under load: what a client sees while its server is killed, restarted, or one of several. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Config, createSupervisor, type Supervisor } from '../../src/index.js'
import { until } from '../support/conditions.js'

const fixtures = join(import.meta.dirname, '../../fixtures/listening')
const server = ['/usr/bin/python3', join(fixtures, 'server.py'), '10']
/** Each at once again, however often. */
const restart = { policy: 'always', initial: '1ms', max: '1ms', limit: 1000 } as const
const clients = 8

let directory: string
let supervisor: Supervisor
let load: ChildProcess | null = null
/** Of the last incarnation of each process. */
const pids = new Map<string, number>()

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipcsup-listening-'))
})

afterEach(async () => {
  load?.kill('SIGKILL')
  load = null
  await supervisor.stop({ kill: true })
  rmSync(directory, { recursive: true, force: true })
})

const links = {
  tcp: { kind: 'tcp' },
  unix: { kind: 'unix', path: 'web.sock' },
  'unix (seqpacket)': { kind: 'unix', path: 'web.sock', type: 'seqpacket' },
} as const satisfies Record<string, NonNullable<Config['links']>[string]>

async function start(link: (typeof links)[keyof typeof links], more: { readonly replicas?: number } = {}) {
  supervisor = createSupervisor(
    {
      logs: { directory: join(directory, 'logs') },
      links: { web: link },
      processes: { server: { command: server, links: { web: 'listen' }, restart, ...more } },
    } as Config,
    { directory },
  )
  pids.clear()
  supervisor.on('state', ({ process, to, pid }) => void (to === 'running' && pid !== null && pids.set(process, pid)))
  await supervisor.start()
  return startClients()
}

interface Counted {
  /** By what became of them. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Answers, by who gave them. */
  readonly servers: Readonly<Record<string, number>>
}

/** A program that knows nothing but the address. */
async function startClients() {
  const { links: rows } = await supervisor.status()
  const { kind, path, host, port } = rows[0]!
  const { options } = (await supervisor.plan()).links['web']!
  const told = { web: { kind, path, host, port, options } }
  const child = spawn('/usr/bin/python3', [join(fixtures, 'client.py'), String(clients)], {
    env: { IPCSUP_LINKS: JSON.stringify(told) },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  load = child
  let text = ''
  child.stdout.setEncoding('utf8').on('data', chunk => {
    text += chunk
  })
  const lastWords = (): string[] => text.trimEnd().split('\n').at(-1)!.split(' ')
  const countAnswers = (): number => Number(lastWords()[0])
  return {
    servedBy: (names: readonly string[]): Promise<void> =>
      until(`${names} have answered`, () => names.every(name => lastWords().includes(name))),
    async answers(more: number): Promise<void> {
      const wanted = countAnswers() + more
      await until(`${more} more answers`, () => countAnswers() >= wanted)
    },
    async stop(): Promise<Counted> {
      child.stdin.end()
      await once(child, 'close')
      return JSON.parse(text.trimEnd().split('\n').at(-1)!) as Counted
    },
  }
}

async function kill(name: string): Promise<void> {
  const pid = pids.get(name)!
  process.kill(pid, 'SIGKILL')
  await until(`${name} is there again`, () => pids.get(name) !== pid)
}

for (const [title, link] of Object.entries(links)) {
  describe(title, () => {
    it('20 restarts by SIGKILL: nobody is refused, and nobody waits in vain', async () => {
      const asking = await start(link)
      for (let count = 0; count < 20; count++) {
        await asking.answers(60)
        await kill('server')
      }
      await asking.answers(60)
      const { outcomes } = await asking.stop()
      const { answered, unanswered = 0, ...others } = outcomes
      writeSync(1, `${title}: 20 × SIGKILL, ${answered} answered, ${unanswered} ended without an answer\n`)
      expect(others).toEqual({})
      // At most those that were being served.
      expect(unanswered).toBeLessThanOrEqual(20 * clients)
      expect((await supervisor.process('server').status()).restarts).toBe(20)
    })

    it('20 restarts by SIGTERM of a server that finishes what it accepted: every request is answered', async () => {
      const asking = await start(link)
      for (let count = 0; count < 20; count++) {
        await asking.answers(20)
        await supervisor.process('server').restart()
      }
      await asking.answers(20)
      const { outcomes } = await asking.stop()
      writeSync(1, `${title}: 20 × SIGTERM, ${outcomes['answered']} answered\n`)
      expect(Object.keys(outcomes)).toEqual(['answered'])
    })

    it('replicas share one socket, and the others serve while one is killed', async () => {
      const asking = await start(link, { replicas: 3 })
      for (let count = 0; count < 12; count++) {
        await asking.answers(20)
        await kill(`server.${count % 3}`)
      }
      await asking.answers(100)
      // One that takes long to start comes to its turn, too.
      await asking.servedBy(['server.0', 'server.1', 'server.2'])
      const { outcomes } = await asking.stop()
      const { answered, unanswered, ...others } = outcomes
      expect(others).toEqual({})
      expect(answered).toBeGreaterThan(300)
    })
  })
}
