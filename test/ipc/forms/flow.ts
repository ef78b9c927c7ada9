/**
 * What streams and messages must do: they go from one side to the other, whole and in order. Each trait is shown by an
 * effect, both where it is true and where it is false; nothing here knows the name of a kind.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isFramed } from '../../../src/ipc/frames/options.js'
import { bundleProgram } from '../../support/bundle.js'
import { settle, until } from '../../support/conditions.js'
import type { TestHost } from '../../support/host.js'
import { compiled, fixtures, languages } from '../languages.js'
import type { Subject } from '../subject.js'
import { isAsleepIn, listDescriptors, listing, quote, whenTold } from './shared.js'

const childHalf = bundleProgram(join(import.meta.dirname, '../drivers/child-half.ts'))
const talk = (...words: string[]): string[] => ['/usr/bin/python3', join(fixtures, 'talk.py'), ...words]

const messageHalf = bundleProgram(join(import.meta.dirname, '../drivers/ring-talk.ts'))
const messages = (...words: string[]): string[] => [process.execPath, messageHalf, ...words]

/** Programs that use a link as Node programs do; the last two say what a message is. */
const bytePrograms = {
  send: [process.execPath, childHalf, 'send', '3000'],
  receive: [process.execPath, childHalf, 'receive'],
  sendTwo: talk('send:one', 'send:two'),
  receiveOne: talk('read'),
}
const messagePrograms: typeof bytePrograms = {
  send: messages('many:3000'),
  receive: messages('all'),
  sendTwo: messages('send:one', 'send:two'),
  receiveOne: messages('take'),
}

/** 8 MiB. */
const records = 2048

export function flow({ sides, traits, options, withLink, end }: Subject): void {
  const [writing, reading] = pickSides(sides)
  const programs = isFramed(options) ? messagePrograms : bytePrograms

  test('tells what the kernel granted, and that nothing is queued', async () => {
    await using host = await withLink({})
    const { data } = await host.host.inspectLinks()
    if (data!.messages === undefined) expect(data!.queuedBytes).toBe(0)
    else expect(data!.messages).toBe(0)
    expect(data!.capacityBytes).toBeGreaterThanOrEqual(4096)
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
          command: whenTold(languages['Python']!('receive-records')),
        },
      })
      const { pid } = await host.spawn('sender')
      await host.spawn('receiver')
      // A write to what is full sleeps in the kernel and takes no time any more.
      await until('the writer is held back', () => isAsleepIn(pid, 'write'))
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
        one: { side: writing, command: listDescriptors },
      })
      await host.run('one')
      expect(await host.text('one')).toBe(listing(1))
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
        sender: { side: writing, command: programs.send },
        receiver: { side: reading, command: programs.receive },
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

  test('the child’s half alone keeps no program alive, and takes nothing', async () => {
    const [idle, reader] = [[process.execPath, childHalf, 'idle'], talk('read')].map(quote)
    await using host = await withLink({
      sender: { side: writing, command: talk('send:kept') },
      receiver: {
        side: reading,
        command: ['/bin/sh', '-c', `[ $IPCSUP_GENERATION = 1 ] && exec ${idle}; exec ${reader}`],
      },
    })
    await host.run('sender')
    expect((await host.run('receiver', 1)).exit).toEqual({ code: 0 })
    await host.run('receiver', 2)
    expect(await host.text('receiver')).toBe('kept\n')
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
        await host.kill(name)
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
      const { pid } = await host.spawn('receiver')
      await host.run('sender')
      await until('the first is read', () => host.output('receiver').toString() === 'x\n')
      await end(host, writing)
      if (traits.showsEnd) await host.exited('receiver')
      else await until('the reader sleeps', () => isAsleepIn(pid, 'read'))
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
        sender: { side: writing, command: programs.sendTwo },
        receiver: { side: reading, command: programs.receiveOne },
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
      expect(host.recorded.map(({ name }) => name)).toEqual([data!.path, data!.path])
      await host.spawn('receiver')
      execFileSync('/bin/sh', ['-c', 'printf stranger > "$1"', 'sh', data!.path!])
      await host.exited('receiver')
      expect(await host.text('receiver')).toBe('stranger\n')
    })
  })
}

/** A side to write and another one to read. */
function pickSides(sides: Subject['sides']): [writing: string, reading: string] {
  const all = Object.entries(sides)
  const [writing] = all.find(([, { writes }]) => writes)!
  const [reading] = all.find(([name, { reads }]) => reads && name !== writing)!
  return [writing, reading]
}

async function isQueued(host: TestHost): Promise<boolean> {
  const { data } = await host.host.inspectLinks()
  // Unknown is what a kind says that cannot count what is there, but can tell that something is.
  return data!.queuedBytes !== 0
}

/** Bytes that a process has given to writes that returned. */
function countWritten(pid: number): number {
  return Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1])
}
