/** A ring under supervision: its ends, restarts and the stop are those of every other link, and nothing is lost. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSupervisor, type Supervisor } from '../../src/index.js'
import type { MessageReader, MessageWriter } from '../../src/ipc/messages.js'
import { bundleProgram } from '../support/bundle.js'
import { until } from '../support/conditions.js'

const program = bundleProgram(join(import.meta.dirname, '../ipc/drivers/ring-talk.ts'))
const talk = (...words: string[]): string[] => [process.execPath, program, ...words]

let directory: string
const made: Supervisor[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipcsup-ring-'))
})

afterEach(async () => {
  await Promise.all(made.splice(0).map(supervisor => supervisor.stop({ kill: true })))
  rmSync(directory, { recursive: true, force: true })
})

function make(link: object, processes: object): Supervisor {
  const config = { name: 'ring', logs: { directory: join(directory, 'logs') }, links: { data: link }, processes }
  const supervisor = createSupervisor(config as Parameters<typeof createSupervisor>[0], { directory })
  made.push(supervisor)
  return supervisor
}

const outputOf = (name: string): string => readFileSync(join(directory, name), 'utf8')

test('§2 a reader that has taken all is completed at the end of its writers, whatever its policy; so the graph ends', async () => {
  const supervisor = make(
    { kind: 'ring', readers: 'each' },
    {
      send: { command: talk('many:5000'), links: { data: 'write' } },
      one: { command: talk('all'), stdout: { file: 'one' }, links: { data: 'read' }, restart: 'always' },
      two: { command: talk('take', 'all'), stdout: { file: 'two' }, links: { data: 'read' }, restart: 'always' },
    },
  )
  await supervisor.start()
  const report = await supervisor.finished
  expect(report.ok).toBe(true)
  expect(report.processes.map(({ name, restarts }) => [name, restarts])).toEqual([
    ['send', 0],
    ['one', 0],
    ['two', 0],
  ])
  expect(outputOf('one')).toBe('5000 whole\n')
})

test('§3 a reader that is killed has lost no input: what it had not acknowledged comes again', async () => {
  const read = `[ $IPCSUP_GENERATION = 1 ] && exec ${talk('name', 'keep', 'sleep').join(' ')}; exec ${talk('name', 'take', 'take', 'take').join(' ')}`
  const supervisor = make(
    { kind: 'ring' },
    {
      send: { command: talk('send:one', 'send:two'), links: { data: 'write' } },
      read: { command: ['sh', '-c', read], stdout: { file: 'read', append: true }, links: { data: 'read' } },
    },
  )
  const warnings: string[] = []
  supervisor.on('warning', message => warnings.push(message))
  await supervisor.start()
  await until('one is taken', () => outputOf('read') === 'one 0.1\n')
  await supervisor.process('read').signal('SIGKILL')
  const report = await supervisor.finished
  expect(outputOf('read')).toBe('one 0.1\none 0.1\ntwo 0.2\nend\n')
  expect(report.processes[1]).toMatchObject({ name: 'read', restarts: 1, inputLost: [] })
  expect(warnings).toEqual([])
})

test('§7 the stop lets readers take what was sent, and tells what nobody took', async () => {
  const supervisor = make(
    { kind: 'ring', readers: 'each' },
    {
      send: { command: talk('send:one', 'send:two', 'sleep'), links: { data: 'write' } },
      good: { command: talk('take', 'take', 'take'), stdout: { file: 'good' }, links: { data: 'read' } },
      bad: { command: talk('sleep'), links: { data: 'read' }, stopTimeout: '1s' },
    },
  )
  const warnings: string[] = []
  supervisor.on('warning', message => warnings.push(message))
  await supervisor.start()
  await until('one is taken', () => outputOf('good').startsWith('one\n'))
  await until('two is sent', async () => (await supervisor.status()).links[0]!.messages === 2)
  const stopped = supervisor.stop()
  await until('all are taken', () => outputOf('good') === 'one\ntwo\nend\n')
  // For the bad one it would wait until the drain's time is over.
  await supervisor.stop({ now: true })
  await stopped
  expect(warnings.filter(text => text.includes('left in'))).toEqual(['64 bytes left in "data".'])
})

test('§17 the embedding app has ends of its own', async () => {
  const supervisor = make(
    { kind: 'ring' },
    { read: { command: talk('name', 'take', 'take'), stdout: { file: 'read' }, links: { data: 'read' } } },
  )
  const opening = supervisor.link('data', 'write')
  await supervisor.start()
  const writer = (await opening) as unknown as MessageWriter
  await writer.send('from the app')
  await until('it is read', () => outputOf('read') === 'from the app 0.1\n')
  writer.close()
  await supervisor.finished
  expect(outputOf('read')).toBe('from the app 0.1\nend\n')

  const other = make({ kind: 'ring' }, { send: { command: talk('send:x'), links: { data: 'write' } } })
  const end = other.link('data', 'read')
  await other.start()
  const reader = (await end) as unknown as MessageReader
  expect((await reader.receive())!.text).toBe('x')
  reader.ack()
  expect(await reader.receive()).toBeNull()
  reader.close()
})
