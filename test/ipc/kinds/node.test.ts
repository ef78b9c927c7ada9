import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { buildPlan } from '../../../src/config/build-plan.js'
import { type Config, createSupervisor, type Supervisor } from '../../../src/index.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { openNodeChannel } from '../../../src/ipc/node-channel.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { createTestHost } from '../../support/host.js'
import { fixtures } from '../languages.js'
import { refusalOf } from '../support.js'

const plan = (config: Config) => buildPlan(config, { kinds, directory: '/tmp', configPath: null }).plan
const two = (command: string | readonly string[]) => ({
  one: { command, links: { data: 'a' } },
  other: { command, links: { data: 'b' } },
})

test('§19 a link of Node’s channel is of lifetime reset unless the config says otherwise', () => {
  const lifetimeOf = (more: object): string =>
    plan({ links: { data: { kind: 'node', ...more } }, processes: two('true') }).links['data']!.lifetime
  expect(lifetimeOf({})).toBe('reset')
  expect(lifetimeOf({ lifetime: 'auto' })).toBe('auto')
})

test('a process can have one, which is all that Node can find', () => {
  const links = { x: 'a', y: 'a' }
  const config = {
    links: { x: { kind: 'node' }, y: { kind: 'node' } },
    processes: { one: { command: 'true', links }, other: { command: 'true', links: { x: 'b', y: 'b' } } },
  }
  expect(refusalOf(() => plan(config as Config))).toMatch(
    /processes\.one\.links\.y.*one link of kind node.*"x" already/,
  )
})

test('a program finds it by Node’s own variables', async () => {
  await using host = createTestHost({
    links: { data: { kind: 'node', serialization: 'advanced' } },
    processes: {
      one: {
        command: ['/bin/sh', '-c', 'echo "$NODE_CHANNEL_FD $NODE_CHANNEL_SERIALIZATION_MODE $IPCSUP_FD_DATA"'],
        links: { data: { side: 'a', fd: 7 } },
      },
    },
  })
  await host.openAll()
  await host.run('one')
  expect(await host.text('one')).toBe('7 advanced 7\n')
})

test.each([
  ['json', '{}'],
  ['advanced', 'Map(1) { 1 => 2n }'],
])('of what is no JSON, %s carries %s', async (serialization, shown) => {
  await using host = createTestHost({
    links: { data: { kind: 'node', serialization } },
    processes: {
      one: {
        command: [process.execPath, '-e', `process.send(new Map([[1, ${serialization === 'json' ? 2 : '2n'}]]))`],
        links: { data: 'a' },
      },
      other: {
        command: [process.execPath, '-e', 'process.once("message", m => { console.log(m); process.disconnect() })'],
        links: { data: 'b' },
      },
    },
  })
  await host.openAll()
  await host.run('one')
  await host.run('other')
  expect(await host.text('other')).toBe(`${shown}\n`)
})

test('a program in another language speaks it: a line of JSON is a message', async () => {
  await using host = createTestHost({
    links: { squares: { kind: 'node' } },
    processes: {
      ask: { command: [process.execPath, join(fixtures, 'channel/square.mjs')], links: { squares: 'a' } },
      answer: { command: ['/usr/bin/python3', join(fixtures, 'channel/square.py')], links: { squares: 'b' } },
    },
  })
  await host.openAll()
  await host.spawn('answer')
  await host.run('ask')
  expect(await host.text('ask')).toBe('1 squared is 1\n2 squared is 4\n3 squared is 9\n')
})

test('what a finished peer left is heard by a program that listens at once, which a module of CommonJS does', async () => {
  await using host = createTestHost({
    links: { data: { kind: 'node' } },
    processes: {
      one: { command: [process.execPath, '-e', 'process.send("last words")'], links: { data: 'a' } },
      other: { command: [process.execPath, '-e', 'process.on("message", m => console.log(m))'], links: { data: 'b' } },
    },
  })
  await host.openAll()
  await host.run('one')
  await host.call({ type: 'release', link: 'data', generation: 1, side: 'a', reason: 'over' }, 'released')
  expect((await host.run('other')).exit).toEqual({ code: 0 })
  expect(await host.text('other')).toBe('last words\n')
})

test('the child’s half may be closed by the listener of a message that came before it', async () => {
  const half = bundleProgram(join(import.meta.dirname, '../drivers/channel-half.ts'))
  await using host = createTestHost({
    links: { data: { kind: 'node' } },
    processes: {
      one: { command: [process.execPath, '-e', 'process.send("early")'], links: { data: 'a' } },
      other: { command: [process.execPath, half, 'once'], links: { data: 'b' } },
    },
  })
  await host.openAll()
  await host.run('one')
  expect((await host.run('other')).exit).toEqual({ code: 0 })
  expect(await host.text('other')).toBe('"early"\nclosed\n')
})

test('the child’s half refuses what is not this program’s channel', () => {
  expect(refusalOf(() => openNodeChannel(99))).toMatch(/IPCSUP_ERR_SYSTEM: .*channel, which this program does not have/)
})

describe('under a supervisor', () => {
  let directory: string
  let supervisor: Supervisor

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ipcsup-node-'))
  })
  afterEach(async () => {
    await supervisor.stop({ kill: true })
    rmSync(directory, { recursive: true, force: true })
  })

  /** Sends messages of 1 MiB without a pause and notes which generation of which peer it hears, once each. */
  const talker = `
import { appendFileSync } from 'node:fs'
const { IPCSUP_PROCESS: name, IPCSUP_GENERATION: generation } = process.env
const heard = new Set()
process.on('message', ({ from, body }) => {
  const note = name + '.' + generation + ' hears ' + from + (body.length === 1048576 ? '' : ' torn')
  if (!heard.has(note)) appendFileSync('notes', note + '\\n')
  heard.add(note)
})
const body = 'x'.repeat(1048576)
const send = () => process.send({ from: name + '.' + generation, body }, send)
send()
`
  const notes = (): string[] => {
    try {
      return readFileSync(join(directory, 'notes'), 'utf8').split('\n').slice(0, -1)
    } catch {
      return [] // Nothing was noted yet.
    }
  }

  test.each(['json', 'advanced'] as const)(
    '§19 %s: whichever side is killed in mid-message, both begin again and understand each other',
    async serialization => {
      writeFileSync(join(directory, 'talker.mjs'), talker)
      supervisor = createSupervisor(
        {
          links: { data: { kind: 'node', serialization } },
          processes: two([process.execPath, 'talker.mjs']) as Config['processes'] & object,
          logs: { directory: join(directory, 'logs') },
        },
        { directory },
      )
      await supervisor.start()
      const hearsAll = (generation: number) =>
        until(`generation ${generation} hears`, () =>
          ['one', 'other'].every(name =>
            notes().includes(`${name}.${generation} hears ${name === 'one' ? 'other' : 'one'}.${generation}`),
          ),
        )
      await hearsAll(1)
      for (const [index, victim] of ['one', 'other', 'one'].entries()) {
        const { pid } = await supervisor.process(victim).status()
        process.kill(pid!, 'SIGKILL')
        await hearsAll(index + 2)
      }
      const { processes, links } = await supervisor.status()
      expect(processes.map(row => [row.state, row.restarts])).toEqual([
        ['running', 3],
        ['running', 3],
      ])
      expect(links[0]!.generation).toBe(4)
      // Nobody heard anything of another generation, or a part of a message.
      expect(notes()).toHaveLength(8)
    },
  )
})
