/** Rings under a real supervisor: nothing is lost, torn or doubled, whoever is killed, and whenever. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Config, createSupervisor } from '../../src/index.js'
import { bundleProgram } from '../support/bundle.js'
import { until } from '../support/conditions.js'
import { type Torture, torture } from './ring-torture.js'

/** `npm run torture` asks for more. */
const messages = Number(process.env['IPCSUP_TORTURE_MESSAGES'] ?? 200_000)
const kills = Number(process.env['IPCSUP_TORTURE_KILLS'] ?? 40)
const firstSeed = Number(process.env['IPCSUP_TORTURE_SEED'] ?? Date.now() % 2 ** 31)

const tortures: Readonly<Record<string, Omit<Torture, 'messages' | 'kills'>>> = {
  'a ring of 4 KiB': { options: { size: '4KiB' }, writers: 1, readers: 1, largest: 2032 },
  'a ring of 1 MiB, held to the stop': {
    options: { size: '1MiB', lifetime: 'hold' },
    writers: 1,
    readers: 1,
    largest: 500_000,
  },
  'three writers, and two readers that each get all': {
    options: { size: '16KiB', readers: 'each' },
    writers: 3,
    readers: 2,
    largest: 8000,
  },
  'two writers, and three readers that share': {
    options: { size: '16KiB', readers: 'share' },
    writers: 2,
    readers: 3,
    largest: 8000,
  },
}

describe('§3 under SIGKILLs of both sides at random moments, what was sent comes whole, in order and to its end', () => {
  const count = Object.keys(tortures).length
  for (const [index, [what, options]] of Object.entries(tortures).entries()) {
    test(what, { timeout: 3_600_000 }, async () => {
      const seed = firstSeed + index
      const asked = { messages: Math.ceil(messages / count), kills: Math.ceil(kills / count) }
      console.log(`torture of ${what}: IPCSUP_TORTURE_SEED=${firstSeed}`)
      const done = await torture({ ...options, ...asked }, seed)
      console.log(`${done.messages} messages, ${done.kills} SIGKILLs of each side at least`)
      expect(done.messages).toBeGreaterThanOrEqual(asked.messages)
      expect(done.kills).toBeGreaterThanOrEqual(asked.kills)
    })
  }
})

test('§5 lifetime reset: a crash makes the ring anew, and what was in it is gone', async () => {
  const talk = [process.execPath, bundleProgram(join(import.meta.dirname, '../ipc/drivers/ring-talk.ts')), 'name']
  const directory = mkdtempSync(join(tmpdir(), 'ipcsup-ring-'))
  const supervisor = createSupervisor(
    {
      links: { data: { kind: 'ring', lifetime: 'reset' } },
      processes: {
        send: { command: [...talk, 'send:one', 'send:two', 'sleep'], links: { data: 'write' } },
        take: { command: [...talk, 'take', 'sleep'], links: { data: 'read' } },
      },
      logs: { directory: join(directory, 'logs') },
    } as Config,
    { directory },
  )
  const log = join(directory, 'logs/take.stdout.log')
  const readTaken = (): string => (existsSync(log) ? readFileSync(log, 'utf8') : '')
  const isOneLeft = async (generation: number): Promise<boolean> => {
    const [link] = (await supervisor.status()).links
    return link!.generation === generation && link!.messages === 1
  }
  try {
    await supervisor.start()
    await until('one is taken', async () => readTaken() === 'one 0.1\n' && (await isOneLeft(1)))
    process.kill((await supervisor.process('take').status()).pid!, 'SIGKILL')
    // Its sequences begin anew too.
    await until('both began again', async () => readTaken() === 'one 0.1\none 0.1\n' && (await isOneLeft(2)))
  } finally {
    await supervisor.stop({ kill: true })
    rmSync(directory, { recursive: true, force: true })
  }
})
