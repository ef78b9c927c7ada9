/**
 * What memory must do: every side maps the same bytes, in every language, whoever comes and goes. Each trait is shown by
 * an effect, both where it is true and where it is false; nothing here knows the name of a kind.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { LinkFacts } from '../../../src/ipc/kind.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import type { TestHost } from '../../support/host.js'
import { findLanguages } from '../languages.js'
import type { Subject } from '../subject.js'
import { listDescriptors, listing } from './shared.js'

const driver = bundleProgram(join(import.meta.dirname, '../drivers/memory.ts'))
const languages = findLanguages('memory')
const boards: Readonly<Record<string, (...words: string[]) => string[]>> = {
  Python: (...words) => [...languages.Python!('board'), ...words],
  C: (...words) => [...languages.C!('board'), ...words],
  Node: (...words) => [process.execPath, driver, ...words],
}
const python = (text: string): string[] => ['/usr/bin/python3', '-c', `import os, mmap, select, time\n${text}`]
const board = boards['Python']!

/** Tries to make a writable mapping of what it was given, and to write by a call. */
const intrude = python(`
try: mmap.mmap(3, 0, prot=mmap.PROT_READ | mmap.PROT_WRITE); print('mapped')
except OSError as error: print(error.__class__.__name__)
try: os.write(3, b'x'); print('written')
except OSError as error: print(error.strerror)`)

/** What poll says about the descriptor, once that file is there. */
const watch = python(`
poll = select.poll(); poll.register(3, select.POLLIN)
while not os.path.exists('go'): time.sleep(0.005)
events = poll.poll(0)
print('hung up' if any(what & (select.POLLHUP | select.POLLERR) for _, what in events) else 'quiet')`)

export function memory({ sides, traits, withLink, end }: Subject): void {
  const [writing, looking] = Object.keys(sides) as [string, string]

  test('tells its size, and that nothing queues in it', async () => {
    await using host = await withLink({})
    const { data } = await host.host.inspectLinks()
    expect(data).toMatchObject({ queuedBytes: null, capacityBytes: 65_536 })
  })

  describe('between children', () => {
    test.for([
      ['Python', 'C'],
      ['C', 'Node'],
      ['Node', 'Python'],
    ] as const)('what %s writes %s sees, and the answer comes back', async ([one, other], { skip }) => {
      skip(!languages.C && [one, other].some(name => name === 'C'), 'there is no C compiler')
      await using host = await withLink({
        one: { side: writing, command: boards[one]!('put:0:ping', 'wait:65531:pong', 'get:65531:4') },
        other: { side: writing, command: boards[other]!('wait:0:ping', 'get:0:5', 'put:65531:pong') },
      })
      await host.spawn('other')
      expect((await host.run('one')).exit).toEqual({ code: 0 })
      expect((await host.exited('other')).exit).toEqual({ code: 0 })
      // It begins with zeros.
      expect([await host.text('one'), await host.text('other')]).toEqual(['pong\n', 'ping\0\n'])
    })

    test.for(['Python', 'C', 'Node'] as const)(
      '%s sees from the side that only looks what others write',
      async (name, { skip }) => {
        skip(!languages.C && name === 'C', 'there is no C compiler')
        await using host = await withLink({
          one: { side: writing, command: board('put:8:seen') },
          other: { side: looking, command: boards[name]!('wait:8:seen', 'get:8:4') },
        })
        await host.spawn('other')
        await host.run('one')
        expect((await host.exited('other')).exit).toEqual({ code: 0 })
        expect(await host.text('other')).toBe('seen\n')
      },
    )

    test('who only looks cannot write: the kernel refuses the mapping and the call, and Node dies of SIGSEGV', async () => {
      await using host = await withLink({
        one: { side: writing, command: board('put:0:true', 'wait:8:go', 'get:0:4') },
        intruder: { side: looking, command: intrude },
        node: { side: looking, command: boards['Node']!('wait:0:true', 'write:0:lies') },
        other: { side: writing, command: board('put:8:go') },
      })
      await host.spawn('one')
      await host.run('intruder')
      expect(await host.text('intruder')).toBe('PermissionError\nBad file descriptor\n')
      expect((await host.run('node')).exit).toEqual({ signal: 'SIGSEGV' })
      await host.run('other')
      await host.exited('one')
      expect(await host.text('one')).toBe('true\n')
    })

    test('two Node processes that count with Atomics lose nothing', async () => {
      const add = boards['Node']!('put:64:go', 'wait:68:go', 'add:0:500000', 'get:64:2')
      const other = boards['Node']!('put:68:go', 'wait:64:go', 'add:0:500000', 'get:64:2')
      const total = python(`print(int.from_bytes(os.pread(3, 4, 0), 'little'))`)
      await using host = await withLink({
        one: { side: writing, command: add },
        two: { side: writing, command: other },
        total: { side: looking, command: total },
      })
      await host.spawn('one')
      await host.run('two')
      await host.exited('one')
      await host.run('total')
      expect(await host.text('total')).toBe('1000000\n')
    })

    test('the child’s half gives the same memory to those who ask twice', async () => {
      await using host = await withLink({ one: { side: writing, command: boards['Node']!('twice') } })
      expect((await host.run('one')).exit).toEqual({ code: 0 })
      expect(await host.text('one')).toBe('true\n')
    })

    test('a child and its children have the end and nothing else', async () => {
      await using host = await withLink({
        one: { side: writing, command: listDescriptors },
      })
      await host.run('one')
      expect(await host.text('one')).toBe(listing(1))
    })

    test('the offset that one child leaves is not that of the next: each has a description of its own', async () => {
      const command = python(`print(os.lseek(3, 0, os.SEEK_CUR)); os.lseek(3, 5, os.SEEK_SET)`)
      await using host = await withLink({ one: { side: writing, command } })
      await host.run('one', 1)
      await host.run('one', 2)
      expect(await host.text('one')).toBe('0\n0\n')
    })
  })

  describe('its traits', () => {
    test(`survivesRestart ${traits.survivesRestart}: what was written is there for the next incarnation of either`, async () => {
      await using host = await withLink({
        one: { side: writing, command: board('put:0:one', 'get:8:5', 'wait:16:never') },
        other: { side: writing, command: board('put:8:other', 'get:0:3', 'wait:16:never') },
        after: { side: looking, command: board('get:0:3', 'get:8:5') },
      })
      for (const [name, line] of Object.entries({ one: 'one', other: 'other' })) {
        await host.spawn(name)
        await until(`${line} has written`, () => host.output(name).includes('\n'))
        await host.kill(name)
      }
      await host.run('after')
      expect(await host.text('after')).toBe(traits.survivesRestart ? 'one\nother\n' : '\0\0\0\n\0\0\0\0\0\n')
    })

    test(`showsPeerDeath ${traits.showsPeerDeath}: what a process sees when its peer is killed`, async () => {
      await using host = await withLink({
        one: { side: writing, command: board('put:0:x', 'get:0:1', 'wait:8:never') },
        other: { side: looking, command: watch },
      })
      await host.spawn('other')
      await host.spawn('one')
      await until('it has written', () => host.output('one').toString() === 'x\n')
      await host.kill('one')
      expect(await look(host, 'other')).toBe(traits.showsPeerDeath ? 'hung up\n' : 'quiet\n')
    })

    test(`showsEnd ${traits.showsEnd}: who looks is told when every writer is finished`, async () => {
      await using host = await withLink({
        one: { side: writing, command: board('put:0:x') },
        other: { side: looking, command: watch },
      })
      await host.spawn('other')
      await host.run('one')
      await end(host, writing)
      expect(await look(host, 'other')).toBe(traits.showsEnd ? 'hung up\n' : 'quiet\n')
    })

    test(`keepsBoundaries ${traits.keepsBoundaries}: two writes are ${traits.keepsBoundaries ? 'two reads' : 'one read'}`, async () => {
      await using host = await withLink({
        one: { side: writing, command: board('put:0:one', 'put:3:two') },
        other: { side: looking, command: board('get:0:6') },
      })
      await host.run('one')
      await host.run('other')
      expect(await host.text('other')).toBe(traits.keepsBoundaries ? 'one\n' : 'onetwo\n')
    })

    test(`duplex ${traits.duplex}: ${traits.duplex ? 'every side writes' : 'one side cannot write'}`, async () => {
      const processes = Object.fromEntries(Object.keys(sides).map(side => [side, { side, command: intrude }]))
      await using host = await withLink(processes)
      const mapped = []
      for (const side of Object.keys(sides)) {
        await host.run(side)
        mapped.push((await host.text(side)).startsWith('mapped'))
      }
      expect(mapped.every(could => could)).toBe(traits.duplex)
      expect(mapped).toContain(true)
    })

    test(`manyReaders ${traits.manyReaders}: each of two who look ${traits.manyReaders ? 'sees all' : 'is refused'}`, async () => {
      const lookers = {
        one: { side: writing, command: board('put:0:x') },
        first: { side: looking, command: board('wait:0:x', 'get:0:1') },
        second: { side: looking, command: board('wait:0:x', 'get:0:1') },
      }
      if (!traits.manyReaders) return expect(withLink(lookers)).rejects.toThrow(/data/)
      await using host = await withLink(lookers)
      await host.spawn('first')
      await host.spawn('second')
      await host.run('one')
      for (const name of ['first', 'second']) {
        await host.exited(name)
        expect(await host.text(name)).toBe('x\n')
      }
    })

    test(`manyWriters ${traits.manyWriters}: a second writer ${traits.manyWriters ? 'writes to the same' : 'is refused'}`, async () => {
      const writers = {
        one: { side: writing, command: board('put:0:x', 'wait:1:y', 'get:0:2') },
        two: { side: writing, command: board('put:1:y') },
      }
      if (!traits.manyWriters) return expect(withLink(writers)).rejects.toThrow(/data/)
      await using host = await withLink(writers)
      await host.spawn('one')
      await host.run('two')
      await host.exited('one')
      expect(await host.text('one')).toBe('xy\n')
    })

    test(`named ${traits.named}: a stranger ${traits.named ? 'opens it by its name' : 'has no way to it'}`, async () => {
      await using host = await withLink({ one: { side: looking, command: board('wait:0:hello', 'get:0:5') } })
      const path = findPath((await host.host.inspectLinks())['data']!)
      if (!traits.named) {
        expect([path, host.recorded, readdirSync(host.directory)]).toEqual([null, [], []])
        return
      }
      expect(host.recorded.map(({ name }) => name)).toEqual([path, path])
      await host.spawn('one')
      execFileSync('/bin/sh', ['-c', 'printf hello | dd of="$1" conv=notrunc status=none', 'sh', path!])
      await host.exited('one')
      expect(await host.text('one')).toBe('hello\n')
    })
  })
}

/** Where a stranger finds it; a POSIX name is one of a file below /dev/shm. */
function findPath({ path, name }: LinkFacts): string | null {
  return path ?? (name === undefined ? null : join('/dev/shm', name))
}

async function look(host: TestHost, name: string): Promise<string> {
  writeFileSync(join(host.directory, 'go'), '')
  await host.exited(name)
  return host.text(name)
}
