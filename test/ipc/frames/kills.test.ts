/** Frames under a real supervisor: what a kill in the middle of one costs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Config, createSupervisor, type Supervisor } from '../../../src/index.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'

const program = bundleProgram(join(import.meta.dirname, '../drivers/frames.ts'))

let directory: string
let notesFile: string
let supervisor: Supervisor | null = null

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipcsup-frames-'))
  notesFile = join(directory, 'notes')
  writeFileSync(notesFile, '')
})

afterEach(async () => {
  if (process.env['KEEP']) console.log(directory)
  await supervisor?.stop({ kill: true })
  supervisor = null
  if (!process.env['KEEP']) rmSync(directory, { recursive: true, force: true })
})

const notes = (): string[] => readFileSync(notesFile, 'utf8').split('\n').slice(0, -1)
const run = (...words: string[]): string[] => [process.execPath, program, ...words]
const restart = { policy: 'on-failure', initial: '1ms', max: '1ms', limit: 100 } as const

async function start(config: Config): Promise<Supervisor> {
  supervisor = createSupervisor({ logs: { directory: join(directory, 'logs') }, ...config }, { directory })
  await supervisor.start()
  return supervisor
}

const kinds = [
  { kind: 'pipe', from: 'write', to: 'read' },
  { kind: 'fifo', from: 'write', to: 'read' },
  { kind: 'socketpair', from: 'a', to: 'b' },
  { kind: 'unix', from: 'connect', to: 'listen' },
  { kind: 'tcp', from: 'connect', to: 'listen' },
] as const

describe.each(kinds)('$kind', ({ kind, from, to }) => {
  const link = (more: object = {}): Config => ({ links: { data: { kind, frame: 'checked', ...more } as never } })

  test.each(['checked', 'plain'])(
    'a writer that is killed in the middle of a frame costs that frame only, three times (%s)',
    async frame => {
      const run_ = await start({
        ...link({ frame, maxFrame: '16MiB' }),
        processes: {
          writer: { command: run('tear', notesFile, '4'), links: { data: from }, restart },
          reader: { command: run('take', notesFile), links: { data: to } },
        },
      })
      await run_.finished
      const rows = notes()
      const came = rows.filter(row => !row.includes(' end '))
      expect(came).toEqual(
        [1, 2, 3, 4].flatMap(generation => [1, 2, 3, 4, 5].map(n => `reader.1 writer.${generation} ${n} ${n}`)),
      )
      const ends = rows.filter(row => row.includes(' end '))
      const perConnection = [1, 1, 1, 0].map(torn => `reader.1 end torn ${torn} missed ${torn}`)
      expect(ends).toEqual(to === 'listen' ? perConnection : ['reader.1 end torn 3 missed 3'])
    },
  )

  test('an end keeps no program alive', async () => {
    const run_ = await start({
      ...link(),
      processes: {
        one: { command: run('idle', notesFile), links: { data: from } },
        other: {
          command: run('idle', notesFile),
          links: { data: to },
          // Nobody can connect to a server that has ended.
          ...(to === 'listen' && { needs: { one: 'completed' as const } }),
        },
      },
    })
    await run_.finished
    expect(notes().sort()).toEqual(['one.1', 'other.1'])
  })

  test('a writer killed at any time loses only what it had not sent, and nothing comes altered', async () => {
    const run_ = await start({
      ...link(),
      processes: {
        writer: { command: run('flood', notesFile), links: { data: from }, restart },
        reader: { command: run('take', notesFile), links: { data: to } },
      },
    })
    const kills = 5
    for (let turn = 1; turn <= kills; turn++) {
      await until(`messages of incarnation ${turn}`, () => notes().some(row => row.includes(` writer.${turn} 200 `)))
      const { pid } = await run_.process('writer').status()
      process.kill(pid!, 'SIGKILL')
    }
    await until('the last one', () => notes().some(row => row.includes(` writer.${kills + 1} 200 `)))
    writeFileSync(`${notesFile}.stop`, '')
    await run_.finished
    checkOrder(notes(), 'writer')
    const torn = notes().reduce((sum, row) => sum + Number(/ torn (\d+)/.exec(row)?.[1] ?? 0), 0)
    expect(torn).toBeLessThanOrEqual(kills)
  })
})

describe.each(kinds.filter(({ to }) => to !== 'listen'))('$kind', ({ kind, from, to }) => {
  test('a reader that is killed costs what it had taken in, and its successor goes on with whole frames', async () => {
    const run_ = await start({
      links: { data: { kind, frame: 'checked' } as never },
      processes: {
        writer: { command: run('flood', notesFile, '3000'), links: { data: from } },
        reader: { command: run('take', notesFile, '500'), links: { data: to }, restart },
      },
    })
    await run_.finished
    const rows = notes().filter(row => row.startsWith('reader'))
    const came = rows.filter(row => !row.includes(' end ')).map(row => row.split(' '))
    expect(came.filter(([, name]) => name !== 'writer.1')).toEqual([])
    const numbers = came.map(([, , number]) => Number(number))
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
    expect(numbers.at(-1)).toBe(3_000)
    for (const reader of ['reader.1', 'reader.2']) expect(came.filter(([name]) => name === reader)).toHaveLength(500)
    const [, torn, missed] = / torn (\d+) missed (\d+)/.exec(rows.at(-1)!)!.map(Number)
    expect(torn).toBeLessThanOrEqual(1)
    expect(missed).toBe(torn)
  })
})

describe.each(kinds.filter(({ from }) => from !== 'write'))('$kind', ({ kind, from, to }) => {
  test('both sides send and receive over one end, and one may be through before the other', async () => {
    const run_ = await start({
      links: { data: { kind, frame: 'checked' } as never },
      processes: {
        client: { command: run('ask', notesFile), links: { data: from } },
        server: { command: run('echo', notesFile), links: { data: to } },
      },
    })
    await run_.finished
    expect(notes()).toEqual(['1000 answers'])
  })
})

describe.each(['pipe', 'fifo'] as const)('%s', kind => {
  test('several writers, one of which is killed again and again, tear nothing either', async () => {
    const [name, counted] = ['killed', ['two', 'three']]
    const run_ = await start({
      links: { data: { kind, frame: 'checked', maxFrame: 4096, capacity: '8KiB' } },
      processes: {
        [name]: { command: run('flood', notesFile), links: { data: 'write' }, restart },
        ...Object.fromEntries(
          counted.map(other => [other, { command: run('flood', notesFile, '3000'), links: { data: 'write' } }]),
        ),
        reader: { command: run('take', notesFile), links: { data: 'read' } },
      },
    })
    for (let turn = 1; turn <= 4; turn++) {
      await until(`messages of incarnation ${turn}`, () => notes().some(row => row.includes(` ${name}.${turn} 150 `)))
      const { pid } = await run_.process(name).status()
      process.kill(pid!, 'SIGKILL')
    }
    await until('the others have sent all', () => counted.every(other => notes().includes(`${other}.1 sent 3000`)))
    writeFileSync(`${notesFile}.stop`, '')
    await run_.finished
    const rows = notes().filter(row => row.startsWith('reader.1 '))
    checkOrder(
      rows.filter(row => row.includes(` ${name}.`)),
      name,
    )
    for (const other of counted)
      expect(rows.filter(row => row.startsWith(`reader.1 ${other}.1 `))).toEqual(
        Array.from({ length: 3_000 }, (_, n) => `reader.1 ${other}.1 ${n + 1} ${n + 1}`),
      )
    expect(rows.at(-1)).toBe('reader.1 end torn 0 missed 0')
  })

  test('several writers send frames of up to 4096 bytes at the same time, and none is torn or lost', async () => {
    const writers = Object.fromEntries(
      ['one', 'two', 'three', 'four'].map(name => [
        name,
        { command: run('flood', notesFile, '2000'), links: { data: 'write' } },
      ]),
    )
    const run_ = await start({
      links: { data: { kind, frame: 'checked', maxFrame: 4096, capacity: '8KiB' } },
      processes: { ...writers, reader: { command: run('take', notesFile), links: { data: 'read' } } },
    })
    await run_.finished
    const rows = notes()
    for (const name of Object.keys(writers)) {
      const own = rows.filter(row => row.startsWith(`reader.1 ${name}.1 `))
      expect(own).toEqual(Array.from({ length: 2_000 }, (_, n) => `reader.1 ${name}.1 ${n + 1} ${n + 1}`))
    }
    expect(rows.at(-1)).toBe('reader.1 end torn 0 missed 0')
  })
})

/** Every incarnation's messages, from its first on without a gap, one incarnation after another. */
function checkOrder(rows: readonly string[], writer: string): void {
  const came = rows.filter(row => !row.includes(' end ')).map(row => row.split(' '))
  let [incarnation, number] = [1, 0]
  for (const [, name, n, sequence] of came) {
    const next = Number(name!.split('.')[1])
    if (next !== incarnation) [incarnation, number] = [next, 0]
    number++
    expect(`${name} ${n} ${sequence}`).toBe(`${writer}.${incarnation} ${number} ${number}`)
  }
}
