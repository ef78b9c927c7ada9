/** The ends of a ring in C and Python: what they do about deaths, damage and wrong memory, and beside Node's. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { header, lane, laneStart, measure, poisons, version } from '../../../src/ipc/ring/layout.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { repository } from '../../support/documents.js'
import { createTestHost, type TestHost } from '../../support/host.js'
import { compilePrograms, isThere } from './programs.js'
import { makeRing, type TestRing } from './test-ring.js'

const fixtures = join(repository, 'fixtures/ring')
const python = (program: string): string[] => ['/usr/bin/python3', join(fixtures, `${program}.py`)]
const node = (program: string): string[] => [process.execPath, bundleProgram(join(fixtures, `${program}.mjs`))]
const hasCompiler = ['cc', 'gcc', 'clang'].some(isThere)
const compiled = hasCompiler
  ? compilePrograms(['torture-write', 'torture-read', 'talk', 'fuzz'])
  : { 'torture-write': '', 'torture-read': '', talk: '', fuzz: '' }
const c = (program: keyof typeof compiled): string[] => [compiled[program]]
const directory = mkdtempSync(join(tmpdir(), 'ipcsup-foreign-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

type Language = 'C' | 'Python' | 'Node'
const torture = {
  C: (program: 'torture-write' | 'torture-read') => c(program),
  Python: python,
  Node: node,
} as const
/** They are started again dozens of times, each start of which takes as long as a busy machine lets it. */
const tortureTimeoutMs = 240_000
/** How long an incarnation lives, in µs: most are killed in the middle of messages, not in their start. */
const lives: Readonly<Record<Language, number>> = { C: 20_000, Python: 150_000, Node: 300_000 }

describe.runIf(hasCompiler)('both sides are killed again and again, and nothing is lost or comes twice:', () => {
  test.for([
    ['C', 'C', 100_000],
    ['C', 'Python', 10_000],
    ['Python', 'C', 10_000],
    ['C', 'Node', 10_000],
    ['Node', 'C', 10_000],
    ['Node', 'Python', 10_000],
    ['Python', 'Node', 10_000],
  ] as const)('%s to %s', { timeout: tortureTimeoutMs }, async ([from, to, count]) => {
    await using run = makeTorture({ size: '4KiB' }, { w0: from }, { r0: to }, count)
    await run.start()
    expect(findGaps([run.read('r0')], 1, count)).toEqual([])
    expect(findRepeats(run.read('r0'))).toEqual([])
    expect(run.kills('w0')).toBeGreaterThan(0)
    expect(run.kills('r0')).toBeGreaterThan(0)
  })

  test('several writers, and several readers that get everything', { timeout: tortureTimeoutMs }, async () => {
    const count = 10_000
    await using run = makeTorture(
      { size: '16KiB', readers: 'each' },
      { w0: 'C', w1: 'Python' },
      { r0: 'C', r1: 'Python', r2: 'Node' },
      count,
    )
    await run.start()
    for (const reader of ['r0', 'r1', 'r2']) {
      expect(findGaps([run.read(reader)], 2, count)).toEqual([])
      expect(findRepeats(run.read(reader))).toEqual([])
    }
  })

  test('readers that share: what a dead one had comes to another', { timeout: tortureTimeoutMs }, async () => {
    const count = 10_000
    await using run = makeTorture(
      { size: '4KiB', readers: 'share' },
      { w0: 'C', w1: 'C' },
      { r0: 'C', r1: 'Python', r2: 'Node', r3: 'C' },
      count,
    )
    await run.start()
    const read = ['r0', 'r1', 'r2', 'r3'].map(run.read)
    expect(findGaps(read, 2, count)).toEqual([])
    // One that takes long to start may come when the others have had everything.
    expect(read.filter(lines => lines.length > 0).length).toBeGreaterThan(1)
  })

  test('a writer that waits for nobody: a reader knows how many it missed', { timeout: tortureTimeoutMs }, async () => {
    const count = 10_000
    await using run = makeTorture(
      { size: '4KiB', readers: 'each-lossy' },
      { w0: 'Python' },
      { r0: 'C', r1: 'Python' },
      count,
    )
    await run.start()
    for (const reader of ['r0', 'r1']) {
      const lines = run.read(reader)
      const got = lines.reduce((sum, { first, last }) => sum + last - first + 1, 0)
      const { last, missed } = lines.at(-1)!
      expect(last).toBe(count)
      // What it had and had not acknowledged may be gone when it comes back; then it was missed too.
      expect(missed).toBeGreaterThanOrEqual(count - got)
      expect(findRepeats(lines)).toEqual([])
    }
  })
})

/** A program that does what it is told: see talk.c. */
const talkers = {
  ...(hasCompiler && { C: () => c('talk') }),
  Python: () => python('talk'),
} as Readonly<Record<'C' | 'Python', () => string[]>>

describe.for(Object.entries(talkers))('an end in %s', ([, program]) => {
  const talk = (ring: TestRing, side: 'write' | 'read', ...words: string[]) =>
    start(ring, side, [...program(), ...words])

  test('opens only what is the end of a ring', async () => {
    expect(await runWith(process.execPath, [...program(), 'next'])).toBe('NOT_A_RING')
    expect(await runWith(null, [...program(), 'next'])).toBe('NO_LINK')
  })

  test('refuses a layout of another version, but not of a later minor one', async () => {
    const ring = makeRing()
    ring.set(header.version, version.major | ((version.minor + 1) << 16))
    expect(await talk(ring, 'read', 'next').text()).toBe('EMPTY')
    ring.set(header.version, (version.major + 1) | (version.minor << 16))
    expect(await talk(ring, 'read', 'next').text()).toBe('VERSION')
    ring.close()
  })

  test('refuses memory that says something else than its supervisor', async () => {
    for (const word of ['capacity', 'readers', 'writers', 'flags', 'dataStart', 'byteOrder'] as const) {
      const ring = makeRing()
      ring.set(header[word], ring.get(header[word]) + 4096)
      expect(await talk(ring, 'read', 'next').text()).toBe('MISMATCH')
      ring.close()
    }
    const ring = makeRing()
    ring.set(header.magic, 0)
    expect(await talk(ring, 'write', 'send:x').text()).toBe('NOT_A_RING')
    ring.close()
  })

  test('is for one program at a time, and for the next when that is killed', async () => {
    const ring = makeRing()
    const first = talk(ring, 'read', 'receive')
    await until('it waits', () => ring.get(readerWaiting(ring)) === 2)
    expect(await talk(ring, 'read', 'next').text()).toBe('TAKEN')
    first.child.kill('SIGKILL')
    await first.text()
    expect(await talk(ring, 'read', 'next').text()).toBe('EMPTY')
    ring.close()
  })

  test('sends and receives bytes, text and nothing, with sequences that go on after a restart', async () => {
    const ring = makeRing()
    expect(await talk(ring, 'write', 'send:one', 'send:', 'text:zwei').text()).toBe('OK\nOK\nOK')
    expect(await talk(ring, 'write', 'send:three').text()).toBe('OK')
    const reader = await ring.reader()
    const messages = []
    for (let count = 0; count < 4; count++) {
      const { sequence, value, isText } = (await reader.receive())!
      messages.push([sequence, String(value), isText])
    }
    expect(messages).toEqual([
      [1, 'one', false],
      [2, '', false],
      [3, 'zwei', true],
      [4, 'three', false],
    ])
    reader.close()
    // None was acknowledged: they come again.
    expect(await talk(ring, 'read', 'receive', 'receive', 'receive', 'ack').text()).toBe('1 1 one\n2 1 \n3 2 zwei\nOK')
    expect(await talk(ring, 'read', 'receive', 'next').text()).toBe('4 1 three\nEMPTY')
    ring.close()
  })

  test('sleeps until a message comes, and is told of the end', async () => {
    const ring = makeRing()
    const reader = talk(ring, 'read', 'receive', 'ack', 'receive')
    await until('it sleeps', () => ring.get(readerWaiting(ring)) === 2)
    const writer = await ring.writer<string>()
    await writer.send('late')
    await until('it got it', () => reader.seen().includes('late'))
    ring.finish('write')
    expect(await reader.text()).toBe('1 2 late\nOK\nEND')
    writer.close()
    ring.close()
  })

  test('waits for room, asleep, and does not send when no reader is left', async () => {
    const ring = makeRing()
    const writer = talk(ring, 'write', ...Array.from({ length: 6 }, () => 'fill:1000'))
    await until('it sleeps', () => ring.get(laneStart(0) + lane.waiting) === 2)
    await until('it said how many went in', () => writer.seen() === 'OK\n'.repeat(4))
    const reader = await ring.reader()
    await reader.receive()
    reader.ack()
    await until('there was room', () => writer.seen() === 'OK\n'.repeat(5))
    ring.finish('read')
    expect(await writer.text()).toBe(`${'OK\n'.repeat(5)}NO_READER`)
    expect(ring.get(laneStart(0) + lane.stalls)).toBeGreaterThan(0)
    reader.close()
    ring.close()
  })

  test('is woken once by what its bell was rung, however often that was', async () => {
    const ring = makeRing()
    for (const side of ['read', 'write'] as const) {
      ring.fillBell(side)
      expect(await talk(ring, side, 'awake').text()).toBe('OK')
      expect(ring.isRung(side)).toBe(false)
    }
    ring.close()
  })

  test('counts what it drops, where the ring drops new messages', async () => {
    const ring = makeRing({}, { full: 'drop-new' })
    expect(await talk(ring, 'write', ...Array.from({ length: 6 }, () => 'fill:1000')).text()).toBe(
      `${'OK\n'.repeat(4)}DROPPED\nDROPPED`,
    )
    expect(ring.get(laneStart(0) + lane.dropped)).toBe(2)
    ring.close()
  })

  test('refuses a message that is larger than the ring allows', async () => {
    const ring = makeRing()
    expect(await talk(ring, 'write', 'fill:2032', 'fill:2033').text()).toBe('OK\nTOO_LARGE')
    ring.close()
  })

  test('gives a damaged ring up, as everybody then does', async () => {
    for (const [why, damage] of Object.entries(damages)) {
      const ring = makeRing()
      expect(await talk(ring, 'write', 'send:one', 'send:two').text()).toBe('OK\nOK')
      damage(ring)
      expect(await talk(ring, 'read', 'receive').text()).toBe('CORRUPT')
      expect(ring.get(header.poison)).toBe(poisons[why as keyof typeof damages])
      expect(await talk(ring, 'write', 'send:three').text()).toBe('CORRUPT')
      ring.close()
    }
  })

  test('wakes those who sleep when it gives the ring up', async () => {
    const ring = makeRing()
    const writer = talk(ring, 'write', ...Array.from({ length: 6 }, () => 'fill:1000'))
    await until('it sleeps', () => ring.get(laneStart(0) + lane.waiting) === 2)
    ring.set(measure(ring.geometry).dataStart, 5000)
    expect(await talk(ring, 'read', 'receive').text()).toBe('CORRUPT')
    expect(await writer.text()).toBe(`${'OK\n'.repeat(4)}CORRUPT`)
    ring.close()
  })

  test('shares messages with another, and takes over what a dead one had', async () => {
    const ring = makeRing({ readers: 2, mode: 'share' })
    expect(await talk(ring, 'write', 'send:one', 'send:two', 'send:three', 'send:four').text()).toBe('OK\nOK\nOK\nOK')
    const first = start(ring, 'read', [...program(), 'receive', 'sleep'], 0)
    await until('it has one', () => first.seen().includes('one'))
    first.child.kill('SIGKILL')
    await first.text()
    const command = [...program(), ...Array.from({ length: 4 }, () => ['receive', 'ack']).flat(), 'next']
    ring.set(header.readerSlots + 4, 0)
    const all = (await start(ring, 'read', command, 1).text()).split('\n').filter(line => line !== 'OK')
    expect(all.sort()).toEqual(['1 1 one', '2 1 two', '3 1 three', '4 1 four', 'EMPTY'])
    ring.close()
  })
})

test.runIf(hasCompiler)(
  'an end in C stays in bounds, stops and says so, whatever is in the memory',
  { timeout: 120_000 },
  () => {
    const seed = Number(process.env['IPCSUP_FUZZ_SEED'] ?? Date.now() % 1_000_000)
    const sanitized = compileSanitized()
    const said = execFileSync(sanitized, [String(seed), '10000'], { encoding: 'utf8', stdio: 'pipe' })
    expect(said, `seed ${seed}`).toMatch(/^10000 rounds, [1-9]/)
  },
)

test('an end in Python raises nothing but that the ring is corrupt, whatever is in the memory', {
  timeout: 120_000,
}, () => {
  const seed = String(process.env['IPCSUP_FUZZ_SEED'] ?? Date.now() % 1_000_000)
  const said = execFileSync('/usr/bin/python3', [join(fixtures, 'fuzz.py'), seed, '500'], { encoding: 'utf8' })
  expect(said, `seed ${seed}`).toMatch(/^500 rounds, [1-9]/)
})

const damages = {
  position: (ring: TestRing) => ring.set(laneStart(0) + lane.tail, 8192),
  record: (ring: TestRing) => ring.set(measure(ring.geometry).dataStart, 3000),
  sequence: (ring: TestRing) => ring.set(measure(ring.geometry).dataStart + 8, 7),
} as const

const readerWaiting = ({ geometry }: TestRing): number => laneStart(geometry.writers)

/** With the sanitizers, where the compiler has them; else without. */
function compileSanitized(): string {
  try {
    return compilePrograms(['fuzz'], ['-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']).fuzz
  } catch {
    return compiled.fuzz
  }
}

interface Talk {
  readonly child: ChildProcess
  seen(): string
  /** All that it said, once it has ended, without the last newline. */
  text(): Promise<string>
}

function start(ring: TestRing, side: 'write' | 'read', command: string[], slot = 0): Talk {
  const end = ring.hand(side, slot)
  const [file, ...words] = command
  const child = spawn(file!, words, {
    stdio: ['ignore', 'pipe', 'inherit', end],
    env: { ...process.env, IPCSUP_FD_DATA: '3' },
  })
  closeSync(end)
  let said = ''
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk
  })
  const ended = new Promise(resolve => child.once('close', resolve))
  return {
    child,
    seen: () => said,
    text: () => ended.then(() => said.trimEnd()),
  }
}

/** With some other descriptor at its place. */
async function runWith(path: string | null, [file, ...words]: string[]): Promise<string> {
  const command = path === null ? `exec "$@"` : `IPCSUP_FD_DATA=3 exec "$@" 3< ${path}`
  return execFileSync('/bin/sh', ['-c', command, 'sh', file!, ...words], { encoding: 'utf8' }).trimEnd()
}

interface Line {
  readonly writer: number
  readonly first: number
  readonly last: number
  readonly missed: number
}

/** A ring under a real host, whose processes are killed by themselves, and started again at once. */
function makeTorture(
  options: object,
  writers: Record<string, Language>,
  readers: Record<string, Language>,
  count: number,
) {
  const largest = 1000
  const place = mkdtempSync(join(directory, 'torture-'))
  const file = (name: string): string => join(place, `${name}.txt`)
  const env = { TORTURE_LIVES: '15', ...('readers' in options && options.readers === 'share' && { SHARED: '1' }) }
  const write = Object.entries(writers).map(([name, language]) => {
    const words = ['data', String(count), String(lives[language]), String(largest)]
    return [
      name,
      { command: [...torture[language]('torture-write'), ...words], links: { data: 'write' }, env },
    ] as const
  })
  const read = Object.entries(readers).map(([name, language]) => {
    const words = ['data', file(name), String(lives[language]), String(largest)]
    return [name, { command: [...torture[language]('torture-read'), ...words], links: { data: 'read' }, env }] as const
  })
  const host = createTestHost({
    links: { data: { kind: 'ring', ...options } },
    processes: Object.fromEntries([...write, ...read]),
  })
  const kills = new Map<string, number>()
  const live = (name: string): Promise<void> => liveOn(host, name, kills)
  return {
    kills: (name: string) => kills.get(name) ?? 0,
    read: (name: string): Line[] => (existsSync(file(name)) ? readLines(file(name)) : []),
    start: async () => {
      await host.openAll()
      const reading = Object.keys(readers).map(live)
      // Some take half a second to start, in which the others would have everything.
      await until('every reader is there', () => Object.keys(readers).every(name => existsSync(file(name))))
      await Promise.all(Object.keys(writers).map(live))
      await host.call({ type: 'release', link: 'data', generation: 1, side: 'write', reason: 'over' }, 'released')
      await Promise.all(reading)
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  }
}

async function liveOn(host: TestHost, name: string, kills: Map<string, number>): Promise<void> {
  for (let generation = 1; ; generation++) {
    await host.spawn(name, generation)
    // Its last life has no end before the others had theirs.
    await until(
      `the end of ${name} ${generation}`,
      () => host.events.some(one => one.type === 'exited' && one.process === name && one.generation === generation),
      tortureTimeoutMs,
    )
    const { exit } = await host.exited(name, generation)
    if (!('signal' in exit) || exit.signal !== 'SIGKILL') {
      if (!('code' in exit) || exit.code !== 0)
        throw new Error(`${name} ended with ${JSON.stringify(exit)}: ${host.output(name, 'stderr')}`)
      return
    }
    kills.set(name, generation)
  }
}

function readLines(path: string): Line[] {
  const rows = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return rows.map(row => {
    const [writer, first, last, missed] = row.split(' ').map(Number)
    return { writer: writer!, first: first!, last: last!, missed: missed! }
  })
}

/** Messages that are in none of the files: as "writer: from-to". */
function findGaps(files: readonly Line[][], writers: number, count: number): string[] {
  const gaps: string[] = []
  for (let writer = 0; writer < writers; writer++) {
    const lines = files.flat().filter(line => line.writer === writer)
    lines.sort((a, b) => a.first - b.first)
    let next = 1
    for (const { first, last } of [...lines, { first: count + 1, last: count + 1 }]) {
      if (first > next) gaps.push(`${writer}: ${next}-${first - 1}`)
      next = Math.max(next, last + 1)
    }
  }
  return gaps
}

/** Lines that go back in their writer's order. */
function findRepeats(lines: readonly Line[]): Line[] {
  const last = new Map<number, number>()
  return lines.filter(line => {
    const isRepeated = line.first <= (last.get(line.writer) ?? 0)
    last.set(line.writer, line.last)
    return isRepeated
  })
}
