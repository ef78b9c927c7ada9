/**
 * What every kind of link must do, for one variant of its options. Each trait is shown by an effect, both where it is
 * true and where it is false; nothing here knows the name of a kind.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildPlan } from '../../src/config/build-plan.js'
import type { Kind, LinkObject, LinkOptions, NamedObject, Traits } from '../../src/ipc/kind.js'
import { kinds } from '../../src/ipc/kinds/index.js'
import { changeOpenFilesLimit, readOpenFilesLimit } from '../../src/platform/index.js'
import { readProcess } from '../../src/supervisor/host/proc.js'
import { bundleProgram } from '../support/bundle.js'
import { until } from '../support/conditions.js'
import { createTestHost, listOpenDescriptors, type TestHost } from '../support/host.js'

const fixtures = join(import.meta.dirname, '../../fixtures')
const childHalf = bundleProgram(join(import.meta.dirname, 'drivers/child-half.ts'))
const compiled = compile()

/** How to run a fixture of a language. */
const languages: Readonly<Record<string, (program: string) => string[]>> = {
  sh: program => ['/bin/sh', join(fixtures, `${program}.sh`)],
  Python: program => ['/usr/bin/python3', join(fixtures, `${program}.py`)],
  C: program => [join(compiled ?? '', program)],
  Node: program => [process.execPath, join(fixtures, `${program}.mjs`)],
}

/** Directory of the C fixtures as programs; null: there is no compiler. */
function compile(): string | null {
  const compiler = ['cc', 'gcc', 'clang'].find(name => spawnSync(name, ['--version']).status === 0)
  if (!compiler) return null
  const directory = mkdtempSync(join(tmpdir(), 'ipcsup-c-'))
  for (const file of readdirSync(fixtures).filter(name => name.endsWith('.c'))) {
    execFileSync(compiler, ['-O1', '-o', join(directory, file.slice(0, -2)), join(fixtures, file)])
  }
  return directory
}

const talk = (...words: string[]): string[] => ['/usr/bin/python3', join(fixtures, 'talk.py'), ...words]

/** 8 MiB. */
const records = 2048

export function conformance(kind: Kind, variant: string): void {
  const [writing, reading] = pickSides(kind)
  const link = { kind: kind.name, ...kind.variants[variant] }
  const { options, traits } = planLink(link)

  /** A host with the link `data`, opened, and processes with one side each. */
  const withLink = async (
    processes: Readonly<Record<string, { side: string; command: string[] }>>,
    more: object = {},
  ) => {
    const host = createTestHost({
      links: { data: { ...link, ...more } },
      processes: Object.fromEntries(
        Object.entries(processes).map(([name, { side, command }]) => [name, { command, links: { data: side } }]),
      ),
    })
    await host.openAll()
    return host
  }
  const end = (host: TestHost, side: string) =>
    host.call({ type: 'release', link: 'data', generation: 1, side, reason: 'over' }, 'released')

  describe(`${kind.name} (${variant})`, () => {
    describe('its object', () => {
      test('is made with a descriptor for each side and gone without a trace, however often it is destroyed', () => {
        const { before, look, object } = create(kind, options)
        for (const side of Object.keys(kind.sides)) take(object, side)
        object.destroy()
        object.destroy()
        expect(look()).toEqual(before)
      })

      test('is released side by side, however often', () => {
        const { before, look, object } = create(kind, options)
        for (const side of [...Object.keys(kind.sides), ...Object.keys(kind.sides)]) object.release(side, 'over')
        for (const side of Object.keys(kind.sides)) {
          expect(object.state(side)).toBe('unknown')
          expect(() => object.take(side)).toThrow(/closed/)
        }
        object.destroy()
        expect(look()).toEqual(before)
      })

      test('is made twice side by side, each its own', () => {
        const [one, two] = [create(kind, options, 'one'), create(kind, options, 'two')]
        const [a, b] = [one.object.take(writing), two.object.take(writing)]
        const names = [a, b].map(fd => readdirSync('/proc/self/fd').includes(String(fd)) && identify(fd))
        expect(names[0]).not.toBe(names[1])
        for (const { object } of [one, two]) object.destroy()
        closeAll([a, b])
      })

      test('leaves nothing behind when its making fails half-way, wherever that is', () => {
        const own = readOpenFilesLimit()
        let failures = 0
        for (let spare = 0; ; spare++) {
          const directory = mkdtempSync(join(tmpdir(), 'ipcsup-half-'))
          const before = listOpenDescriptors()
          const highest = Math.max(...before.map(row => Number.parseInt(row, 10)))
          // Numbers are given from the lowest free one: fill the gaps with the limit itself.
          changeOpenFilesLimit({ soft: lowestFree(before, spare, highest), hard: own.hard })
          let object: LinkObject | null = null
          try {
            object = kind.create(options, makeWhere(directory))
          } catch {
            failures++
          } finally {
            changeOpenFilesLimit(own)
          }
          if (object) {
            object.destroy()
            break
          }
          expect([listOpenDescriptors(), readdirSync(directory)]).toEqual([before, []])
        }
        expect(failures).toBeGreaterThan(0)
      })

      test('tells what the kernel granted and that nothing is queued, as plain data', () => {
        const { object } = create(kind, options)
        const facts = object.facts()
        expect(JSON.parse(JSON.stringify([facts, object.hint()]))).toEqual([facts, object.hint()])
        expect(facts.queuedBytes).toBe(0)
        expect(facts.capacityBytes).toBeGreaterThanOrEqual(4096)
        object.destroy()
        expect(object.facts()).toEqual({ ...object.hint(), queuedBytes: null, capacityBytes: null })
      })
    })

    describe('between children', () => {
      test.for([
        ['sh', 'C'],
        ['C', 'Python'],
        ['Python', 'Node'],
        ['Node', 'sh'],
      ] as const)(
        '8 MiB go whole and in order from %s to %s, and the end comes when the writers are finished',
        async ([from, to], { skip }) => {
          skip(!compiled && [from, to].some(name => name === 'C'), 'there is no C compiler')
          await using host = await withLink({
            sender: { side: writing, command: [...languages[from]!('send-records'), '1', String(records)] },
            receiver: { side: reading, command: languages[to]!('receive-records') },
          })
          await host.spawn('receiver')
          expect((await host.run('sender')).exit).toEqual({ code: 0 })
          // The hold keeps the end away: the receiver cannot have seen it.
          expect(host.events.filter(({ type }) => type === 'exited')).toHaveLength(1)
          await end(host, writing)
          await host.exited('receiver')
          expect(await host.text('receiver')).toBe(`${records} whole\n`)
        },
      )

      test('a slow reader holds the writer back, and nobody takes the bytes in between', async () => {
        await using host = await withLink({
          sender: { side: writing, command: [...languages['Python']!('send-records'), '1', String(records)] },
          receiver: {
            side: reading,
            command: [
              '/bin/sh',
              '-c',
              `while ! test -e go; do sleep 0.01; done; exec ${languages['Python']!('receive-records').join(' ')}`,
            ],
          },
        })
        const { pid } = await host.spawn('sender')
        await host.spawn('receiver')
        // A write to what is full sleeps in the kernel and takes no time any more.
        await until('the writer is held back', () => isHeldBack(pid))
        // Had anybody taken what it wrote, the supervisor into its memory above all, the writer would have gone on.
        expect(await settle(() => countWritten(pid))).toBeLessThan(records * 4096)
        const { data } = await host.host.inspectLinks()
        if (data!.queuedBytes !== null) {
          expect(data!.queuedBytes).toBeGreaterThan(0)
          expect(data!.queuedBytes).toBeLessThanOrEqual(data!.capacityBytes!)
        }
        writeFileSync(join(host.directory, 'go'), '')
        await host.exited('sender')
        await end(host, writing)
        await host.exited('receiver')
        expect(await host.text('receiver')).toBe(`${records} whole\n`)
      })

      test('a child and its children have the end and nothing else', async () => {
        await using host = await withLink({
          one: { side: writing, command: ['/bin/sh', '-c', '/bin/ls /proc/self/fd; :'] },
        })
        await host.run('one')
        // 4 is ls reading the directory.
        expect((await host.text('one')).trim().split('\n')).toEqual(['0', '1', '2', '3', '4'])
      })

      test('O_NONBLOCK that a child set is not there for the next one at that side, nor for the other side', async () => {
        await using host = await withLink({
          one: { side: writing, command: talk('ask', 'nonblock', 'ask') },
          other: { side: reading, command: talk('ask') },
        })
        await host.run('one', 1)
        await host.run('one', 2)
        await host.run('other')
        expect(await host.text('one')).toBe('blocking\nnon-blocking\nblocking\nnon-blocking\n')
        expect(await host.text('other')).toBe('blocking\n')
      })

      test('the child’s half in Node sends and receives the same', async () => {
        await using host = await withLink({
          sender: { side: writing, command: [process.execPath, childHalf, 'send', '3000'] },
          receiver: { side: reading, command: [process.execPath, childHalf, 'receive'] },
        })
        await host.spawn('receiver')
        expect((await host.run('sender')).exit).toEqual({ code: 0 })
        await end(host, writing)
        expect((await host.exited('receiver')).exit).toEqual({ code: 0 })
        expect(await host.text('receiver')).toBe('3000 whole\n')
        await host.close()
        expect(host.output('receiver', 'stderr').toString()).toBe('')
      })
    })

    describe('its traits', () => {
      test(`survivesRestart ${traits.survivesRestart}: what was sent and not taken is there for the next incarnation`, async () => {
        await using host = await withLink({
          sender: { side: writing, command: talk('send:one', 'sleep') },
          receiver: { side: reading, command: talk('wait:go', 'read') },
        })
        await host.spawn('receiver', 1)
        await host.spawn('sender')
        await until('something is queued', async () => (await isQueued(host)) === true)
        for (const name of ['sender', 'receiver']) {
          await host.call({ type: 'signal', process: name, generation: 1, signal: 'SIGKILL' }, 'signalled')
          await host.exited(name)
        }
        writeFileSync(join(host.directory, 'go'), '')
        await end(host, writing)
        await host.run('receiver', 2)
        expect(await host.text('receiver')).toBe(traits.survivesRestart ? 'one\n' : 'end\n')
      })

      test(`showsPeerDeath ${traits.showsPeerDeath}: what a reader sees when its writer is killed and started again`, async () => {
        await using host = await withLink({
          sender: { side: writing, command: ['/bin/sh', '-c', `${quote(talk('send:x'))}; kill -9 $$`] },
          receiver: { side: reading, command: talk('read', 'wait:again', 'read') },
        })
        await host.spawn('receiver')
        expect((await host.run('sender', 1)).exit).toEqual({ signal: 'SIGKILL' })
        await until('the first is read', () => host.output('receiver').toString() === 'x\n')
        writeFileSync(join(host.directory, 'again'), '')
        await host.run('sender', 2)
        await host.exited('receiver')
        expect(await host.text('receiver')).toBe(traits.showsPeerDeath ? 'x\nend\n' : 'x\nx\n')
      })

      test(`showsEnd ${traits.showsEnd}: a reader is told when every writer is finished`, async () => {
        await using host = await withLink({
          sender: { side: writing, command: talk('send:x') },
          receiver: { side: reading, command: talk('read', 'read') },
        })
        await host.spawn('receiver')
        await host.run('sender')
        await until('the first is read', () => host.output('receiver').toString() === 'x\n')
        await end(host, writing)
        if (traits.showsEnd) await host.exited('receiver')
        else expect(await isWaiting((await host.spawn('receiver')).pid)).toBe(true)
        await host.close()
        expect(host.output('receiver').toString()).toBe(traits.showsEnd ? 'x\nend\n' : 'x\n')
      })

      test('an end that is sealed comes when the last child that has it is gone, not before', async () => {
        await using host = await withLink({
          sender: { side: writing, command: talk('wait:go', 'send:x') },
          receiver: { side: reading, command: talk('read', 'read') },
        })
        await host.spawn('receiver')
        await host.spawn('sender')
        await host.call({ type: 'release', link: 'data', generation: 1, side: writing, reason: 'sealed' }, 'released')
        writeFileSync(join(host.directory, 'go'), '')
        await host.exited('receiver')
        expect(await host.text('receiver')).toBe('x\nend\n')
      })

      test(`keepsBoundaries ${traits.keepsBoundaries}: two writes are ${traits.keepsBoundaries ? 'two reads' : 'one read'}`, async () => {
        await using host = await withLink({
          sender: { side: writing, command: talk('send:one', 'send:two') },
          receiver: { side: reading, command: talk('read') },
        })
        await host.run('sender')
        await host.run('receiver')
        expect(await host.text('receiver')).toBe(traits.keepsBoundaries ? 'one\n' : 'onetwo\n')
      })

      test(`duplex ${traits.duplex}: the side that reads ${traits.duplex ? 'writes too' : 'cannot write'}`, async () => {
        await using host = await withLink({
          one: { side: writing, command: talk('send:ping', 'read') },
          other: { side: reading, command: talk('read', 'send:pong') },
        })
        await host.spawn('one')
        await host.run('other')
        await host.exited('one')
        expect(await host.text('other')).toBe(traits.duplex ? 'ping\n' : 'ping\nEBADF\n')
        expect(await host.text('one')).toBe(traits.duplex ? 'pong\n' : 'EBADF\n')
      })

      test(`manyReaders ${traits.manyReaders}: a second reader ${traits.manyReaders ? 'takes what the first leaves' : 'is refused'}`, async () => {
        const readers = {
          sender: { side: writing, command: talk('send:x', 'wait:first', 'send:y') },
          first: { side: reading, command: talk('read') },
          second: { side: reading, command: talk('read') },
        }
        if (!traits.manyReaders) return expect(withLink(readers)).rejects.toThrow(/data/)
        await using host = await withLink(readers, { readers: 'shared' })
        await host.spawn('first')
        await host.spawn('sender')
        await host.exited('first')
        await host.spawn('second')
        writeFileSync(join(host.directory, 'first'), '')
        await host.exited('second')
        expect([await host.text('first'), await host.text('second')]).toEqual(['x\n', 'y\n'])
      })

      test(`manyWriters ${traits.manyWriters}: a second writer ${traits.manyWriters ? 'is read too, and the end waits for both' : 'is refused'}`, async () => {
        const writers = {
          one: { side: writing, command: talk('send:x') },
          two: { side: writing, command: talk('wait:go', 'send:y') },
          receiver: { side: reading, command: talk('read', 'read', 'read') },
        }
        if (!traits.manyWriters) return expect(withLink(writers)).rejects.toThrow(/data/)
        await using host = await withLink(writers, { writers: 'lines' })
        await host.spawn('receiver')
        await host.spawn('two')
        await host.run('one')
        await until('the first is read', () => host.output('receiver').toString() === 'x\n')
        await end(host, writing)
        writeFileSync(join(host.directory, 'go'), '')
        await host.exited('receiver')
        expect(await host.text('receiver')).toBe('x\ny\nend\n')
      })

      test(`named ${traits.named}: a stranger ${traits.named ? 'opens it by its path' : 'has no way to it'}`, async () => {
        await using host = await withLink({ receiver: { side: reading, command: talk('read') } })
        const { data } = await host.host.inspectLinks()
        if (!traits.named) {
          expect(data).not.toHaveProperty('path')
          expect(host.recorded).toEqual([])
          expect(readdirSync(host.directory)).toEqual([])
          return
        }
        expect(host.recorded.map(({ path }) => path)).toEqual([data!.path])
        await host.spawn('receiver')
        execFileSync('/bin/sh', ['-c', 'printf stranger > "$1"', 'sh', data!.path!])
        await host.exited('receiver')
        expect(await host.text('receiver')).toBe('stranger\n')
      })
    })
  })
}

/** A side to write and another one to read. */
function pickSides(kind: Kind): [writing: string, reading: string] {
  const sides = Object.entries(kind.sides)
  const [writing] = sides.find(([, { writes }]) => writes)!
  const [reading] = sides.find(([name, { reads }]) => reads && name !== writing)!
  return [writing, reading]
}

function planLink(link: object): { options: LinkOptions; traits: Traits } {
  const config = { links: { data: link } }
  const { plan } = buildPlan(config, { kinds, directory: tmpdir(), configPath: null, isEmbedded: true })
  return plan.links['data']!
}

function makeWhere(directory: string, link = 'data') {
  return {
    link,
    runDirectory: directory,
    mayUsePipeMemory: () => true,
    record: (_: NamedObject) => {},
    wasOurs: () => false,
  }
}

/** The object alone, with what is open and what lies around before and after. */
function create(kind: Kind, options: LinkOptions, link = 'data') {
  const directory = mkdtempSync(join(tmpdir(), 'ipcsup-object-'))
  const look = (): unknown => [listOpenDescriptors(), readdirSync(directory)]
  const before = look()
  return { before, look, object: kind.create(options, makeWhere(directory, link)) }
}

function take(object: LinkObject, side: string): void {
  closeAll([object.take(side)])
}

function closeAll(descriptors: readonly number[]): void {
  const { closeSync } = process.getBuiltinModule('fs')
  for (const descriptor of descriptors) closeSync(descriptor)
}

function identify(descriptor: number): string {
  return process.getBuiltinModule('fs').readlinkSync(`/proc/self/fd/${descriptor}`)
}

/** The limit under which exactly `spare` more descriptors can be opened. */
function lowestFree(open: readonly string[], spare: number, highest: number): number {
  const used = new Set(open.map(row => Number.parseInt(row, 10)))
  let left = spare
  for (let number = 0; number <= highest + spare; number++) {
    if (used.has(number)) continue
    if (left-- === 0) return number
  }
  return highest + spare + 1
}

const quote = (words: readonly string[]): string => words.map(word => `'${word}'`).join(' ')

async function isQueued(host: TestHost): Promise<boolean> {
  const { data } = await host.host.inspectLinks()
  // Unknown is what a kind says that cannot count what is there, but can tell that something is.
  return data!.queuedBytes !== 0
}

/** Asleep in a write, or a read. */
function isAsleepIn(pid: number, call: string): boolean {
  return readProcess(pid)?.state === 'S' && readFileSync(`/proc/${pid}/syscall`, 'utf8').startsWith(`${call} `)
}

const isHeldBack = (pid: number): boolean => existsSync(`/proc/${pid}/syscall`) && isAsleepIn(pid, '1')

/** Bytes that a process has given to writes that returned. */
function countWritten(pid: number): number {
  return Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1])
}

/** A figure, once it is the same in 20 looks with a few ms in between. */
async function settle(look: () => number): Promise<number> {
  let last = look()
  let same = 0
  await until('it stays the same', () => {
    const now = look()
    same = now === last ? same + 1 : 0
    last = now
    return same === 20
  })
  return last
}

async function isWaiting(pid: number): Promise<boolean> {
  await until('the reader sleeps', () => isAsleepIn(pid, '0'))
  return true
}
