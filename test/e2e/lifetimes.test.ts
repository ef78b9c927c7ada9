/** Lifetimes of links with real kernel objects and real programs: what a killed side finds when it comes back. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Config, createSupervisor, type Supervisor } from '../../src/index.js'
import type { Kind } from '../../src/ipc/kind.js'
import { kinds } from '../../src/ipc/kinds/index.js'
import { makeSubject } from '../ipc/subject.js'
import { until } from '../support/conditions.js'

/** Sends `<name>.<generation>.<n>` for ever, each as one write. */
const sender = `
import os, time
for n in range(10**9):
    os.write(3, b"%s.%s.%d\\n" % (os.environb[b"IPCSUP_PROCESS"], os.environb[b"IPCSUP_GENERATION"], n))
    time.sleep(0.002)
`
/** Notes what it gets, one whole record at a time: nothing is in its memory when it is killed between two. */
const receiver = `
import os, sys
note = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
record = b""
while True:
    byte = os.read(3, 1) if sys.argv[2] == "bytes" else os.read(3, 4096)
    if not byte: break
    record += byte
    if record.endswith(b"\\n"):
        os.write(note, os.environb[b"IPCSUP_GENERATION"] + b" got " + record)
        record = b""
`

let directory: string
let supervisor: Supervisor | null = null

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipcsup-lifetimes-'))
  writeFileSync(join(directory, 'sender.py'), sender)
  writeFileSync(join(directory, 'receiver.py'), receiver)
})

afterEach(async () => {
  await supervisor?.stop({ kill: true })
  supervisor = null
  rmSync(directory, { recursive: true, force: true })
})

const notes = (): string[] => {
  try {
    return readFileSync(join(directory, 'notes'), 'utf8').split('\n').slice(0, -1)
  } catch {
    return [] // Nothing was noted yet.
  }
}

async function start(config: Config): Promise<Supervisor> {
  supervisor = createSupervisor({ logs: { directory: join(directory, 'logs') }, ...config }, { directory })
  await supervisor.start()
  return supervisor
}

async function kill(name: string): Promise<void> {
  const { pid } = await supervisor!.process(name).status()
  process.kill(pid!, 'SIGKILL')
}

const statusOf = async (name: string) => (await supervisor!.status()).processes.find(row => row.name === name)!
const generationOf = async (link: string) =>
  (await supervisor!.status()).links.find(row => row.name === link)!.generation
const hears = (text: string) => until(`a note of ${text}`, () => notes().some(note => note.includes(text)))

/** Whatever is read and written as a file is, and ends. */
const subjects = Object.values(kinds as Readonly<Record<string, Kind>>).flatMap(kind =>
  Object.keys(kind.variants)
    .map(variant => ({ ...makeSubject(kind, variant), variant, given: kind.variants[variant]! }))
    .filter(({ form, traits }) => (form === 'stream' || form === 'messages') && traits.showsEnd),
)
const cases = subjects.flatMap(subject =>
  (['auto', 'hold', 'reset'] as const).map(lifetime => ({ ...subject, lifetime })),
)

for (const { kind, variant, lifetime, given, ...subject } of cases) {
  const name = `${kind.name} (${variant}), lifetime ${lifetime}`
  const sides = Object.entries(subject.sides)
  const writing = sides.find(([, side]) => side.writes)![0]
  const reading = sides.findLast(([, side]) => side.reads)![0]

  it(`${name}: ${lifetime === 'reset' ? 'both begin again on a new object' : 'a killed side comes back to the same object'}`, async () => {
    const path = 'path' in kind.options ? { path: 'link' } : {}
    const mode = subject.form === 'messages' ? 'messages' : 'bytes'
    await start({
      links: { lines: { kind: kind.name, lifetime, ...path, ...given } },
      processes: {
        from: { command: '/usr/bin/python3 sender.py', links: { lines: writing } },
        to: { command: `/usr/bin/python3 receiver.py notes ${mode}`, links: { lines: reading } },
      },
    } as Config)
    await hears('from.1.5')
    const isReset = lifetime === 'reset'
    await kill('to')
    await hears(isReset ? '2 got from.2.' : '2 got from.1.')
    await kill('from')
    await hears(isReset ? '3 got from.3.' : '2 got from.2.')
    expect([(await statusOf('from')).restarts, (await statusOf('to')).restarts]).toEqual(isReset ? [2, 2] : [1, 1])
    expect(await generationOf('lines')).toBe(isReset ? 3 : 1)
    expect((await statusOf('to')).inputLost).toEqual(['lines'])
  })
}

describe('reset, with real programs', () => {
  it('three writers and one reader begin again together', async () => {
    const writer = { command: '/usr/bin/python3 sender.py', links: { lines: { side: 'write', fd: 3 } } } as const
    await start({
      links: { lines: { kind: 'pipe', lifetime: 'reset', writers: 'lines' } },
      processes: {
        a: writer,
        b: writer,
        c: writer,
        to: { command: '/usr/bin/python3 receiver.py notes bytes', links: { lines: 'read' } },
      },
    })
    for (const name of ['a', 'b', 'c']) await hears(`${name}.1.`)
    await kill('b')
    for (const name of ['a', 'b', 'c']) await hears(`2 got ${name}.2.`)
    const rows = (await supervisor!.status()).processes
    expect(rows.map(row => row.restarts)).toEqual([1, 1, 1, 1])
  })
})
