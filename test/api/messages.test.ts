/** §17 The app that embeds a supervisor has ends of links that carry messages and calls; of rings see ring.test.ts. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createSupervisor, type Supervisor } from '../../src/index.js'
import type { FrameConnection, FrameServer } from '../../src/ipc/frames/ends.js'
import type { MessageReader, MessageWriter } from '../../src/ipc/messages.js'
import type { CallingEnd, ServingEnd } from '../../src/ipc/service/end.js'
import { bundleProgram } from '../support/bundle.js'
import { until } from '../support/conditions.js'

const program = (name: string, ...words: string[]): string[] => [
  process.execPath,
  bundleProgram(join(import.meta.dirname, `../ipc/drivers/${name}.ts`)),
  ...words,
]
const text = (...words: string[]): string[] => program('same-program', ...words)
const peer = (...words: string[]): string[] => program('app-peer', ...words)

let directory: string
const made: Supervisor[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipcsup-app-'))
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await Promise.all(made.splice(0).map(supervisor => supervisor.stop({ kill: true })))
  rmSync(directory, { recursive: true, force: true })
})

/** With one process, which has that side of the link. */
function make(link: object, side: string, command: readonly string[]): Supervisor {
  const processes = { one: { command, links: { data: side }, stdout: { file: 'out' }, restart: 'never' } }
  const config = { name: 'app', logs: { directory: join(directory, 'logs') }, links: { data: link }, processes }
  const supervisor = createSupervisor(config as Parameters<typeof createSupervisor>[0], { directory })
  made.push(supervisor)
  return supervisor
}

/** The app's end of it, once everything runs. */
async function begin<End>(supervisor: Supervisor, side: string): Promise<End> {
  const end = supervisor.link('data', side)
  await supervisor.start()
  return (await end) as End
}

const output = (): string => readFileSync(join(directory, 'out'), 'utf8')

describe('§17 frames', () => {
  const link = { kind: 'pipe', frame: 'checked', codec: 'json' }

  test('that the app sends are received by a process, to their end', async () => {
    const supervisor = make(link, 'read', text('receive'))
    const writer = await begin<MessageWriter>(supervisor, 'write')
    for (let number = 1; number <= 1000; number++) await writer.send({ number, text: 'x'.repeat(number % 100) })
    writer.close()
    expect((await supervisor.finished).ok).toBe(true)
    expect(output()).toBe('1000 messages, 0 wrong, 0 missed\n')
  })

  test('that a process sends are received by the app, to their end', async () => {
    const reader = await begin<MessageReader<{ number: number }>>(make(link, 'write', text('send', '1000')), 'read')
    let last = 0
    for await (const { value } of reader) if (value.number === last + 1) last++
    expect(last).toBe(1000)
    reader.close()
  })

  test('come over a socket at which the app listens', async () => {
    const supervisor = make({ ...link, kind: 'unix' }, 'connect', text('send', '1000'))
    const server = await begin<FrameServer>(supervisor, 'listen')
    const connection: FrameConnection = await server.accept()
    let count = 0
    for await (const _ of connection) count++
    expect(count).toBe(1000)
    connection.close()
    server.close()
    expect((await supervisor.finished).ok).toBe(true)
  })
})

describe('§17 a service', () => {
  test.each([undefined, 'web', 'one'])(
    'of the app is called by a process; the app is itself of one named %s',
    async outer => {
      // As a program has it that another supervisor has started.
      vi.stubEnv('IPCSUP_PROCESS', outer)
      vi.stubEnv('IPCSUP_GENERATION', outer && '7')
      const supervisor = make({ kind: 'service' }, 'call', peer('call', '10'))
      const end = await begin<ServingEnd>(supervisor, 'serve')
      const service = await end.serve({ double: (value: number) => 2 * value })
      expect(service.name).toBe('data')
      expect((await supervisor.finished).ok).toBe(true)
      expect(output()).toBe('110\n')
      service.close()
    },
  )

  test('of a process is called by the app, until it is finished', async () => {
    vi.stubEnv('IPCSUP_PROCESS', 'of another supervisor')
    const supervisor = make({ kind: 'service' }, 'serve', peer('serve'))
    const end = await begin<CallingEnd<{ double: (value: number) => number; who: () => string | null }>>(
      supervisor,
      'call',
    )
    expect([await end.methods.double(21), await end.methods.who()]).toEqual([42, null])
    expect((await end.find()).instances.map(instance => instance.process)).toEqual(['one'])
    await supervisor.process('one').stop()
    await until('it is finished', async () => (await end.find()).over)
    await expect(end.methods.double(1)).rejects.toMatchObject({ code: 'IPCSUP_ERR_SERVICE_OVER' })
    end.close()
    await expect(end.methods.double(1)).rejects.toMatchObject({
      code: 'IPCSUP_ERR_CLOSED',
      message: expect.stringContaining('link "data"'),
    })
  })
})
