/**
 * What a ring must do, between Node programs: messages go from one side to the other, whole and in order, and neither
 * death loses one. Each trait is shown by an effect; nothing here knows the name of a kind.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import type { Subject } from '../subject.js'
import { listDescriptors, listing } from './shared.js'

const program = bundleProgram(join(import.meta.dirname, '../drivers/ring-talk.ts'))
const talk = (...words: string[]): string[] => [process.execPath, program, ...words]

const messages = 20_000

export function ring({ traits, options, withLink, end }: Subject): void {
  const isLossy = options['readers'] === 'each-lossy'

  test('tells what it has room for, and that nothing is queued', async () => {
    await using host = await withLink({})
    const { data } = await host.host.inspectLinks()
    expect(data).toMatchObject({ queuedBytes: 0, messages: 0 })
    expect(data!.capacityBytes).toBeGreaterThanOrEqual(4096)
  })

  test.skipIf(isLossy)(
    'messages of all lengths go whole and in order, and the end comes when the writers are finished',
    async () => {
      await using host = await withLink({
        sender: { side: 'write', command: talk(`many:${messages}`) },
        receiver: { side: 'read', command: talk('all') },
      })
      await host.spawn('receiver')
      expect((await host.run('sender')).exit).toEqual({ code: 0 })
      // The reader cannot have seen an end that nobody told.
      expect(host.events.filter(({ type }) => type === 'exited')).toHaveLength(1)
      await end(host, 'write')
      await host.exited('receiver')
      expect(await host.text('receiver')).toBe(`${messages} whole\n`)
    },
  )

  test('a child and its children have the end and nothing else', async () => {
    await using host = await withLink({
      one: { side: 'write', command: listDescriptors },
      two: { side: 'read', command: listDescriptors },
    })
    for (const name of ['one', 'two']) {
      await host.run(name)
      expect(await host.text(name)).toBe(listing(1))
    }
  })

  test('the child’s half alone keeps no program alive, and takes nothing', async () => {
    await using host = await withLink({
      sender: { side: 'write', command: talk('send:kept') },
      receiver: {
        side: 'read',
        command: [
          '/bin/sh',
          '-c',
          `[ $IPCSUP_GENERATION = 1 ] && exec ${talk().join(' ')}; exec ${talk('take').join(' ')}`,
        ],
      },
    })
    await host.run('sender')
    expect((await host.run('receiver', 1)).exit).toEqual({ code: 0 })
    await host.run('receiver', 2)
    expect(await host.text('receiver')).toBe('kept\n')
  })

  describe('its traits', () => {
    test(`survivesRestart ${traits.survivesRestart}: what was sent, or received and not acknowledged, is there for the next incarnation`, async () => {
      await using host = await withLink({
        sender: { side: 'write', command: talk('send:one', 'send:two', 'sleep') },
        receiver: {
          side: 'read',
          command: [
            '/bin/sh',
            '-c',
            `[ $IPCSUP_GENERATION = 1 ] && exec ${talk('name', 'keep', 'sleep').join(' ')}; exec ${talk('name', 'take', 'take').join(' ')}`,
          ],
        },
      })
      await host.spawn('sender')
      await host.spawn('receiver', 1)
      await until('one is received', () => host.output('receiver').toString() === 'one 0.1\n')
      await until('two is sent', async () => (await host.host.inspectLinks()).data!.messages === 2)
      for (const name of ['sender', 'receiver']) {
        await host.kill(name)
      }
      await host.run('receiver', 2)
      expect(await host.text('receiver')).toBe('one 0.1\none 0.1\ntwo 0.2\n')
    })

    test(`showsPeerDeath ${traits.showsPeerDeath}: a reader waits on when its writer is killed and started again`, async () => {
      await using host = await withLink({
        sender: { side: 'write', command: talk('send:x', 'sleep') },
        receiver: { side: 'read', command: talk('name', 'take', 'take') },
      })
      await host.spawn('receiver')
      await host.spawn('sender', 1)
      await until('the first is read', () => host.output('receiver').toString() === 'x 0.1\n')
      await host.kill('sender')
      await host.spawn('sender', 2)
      await host.exited('receiver')
      expect(await host.text('receiver')).toBe('x 0.1\nx 0.2\n')
    })

    test(`showsEnd ${traits.showsEnd}: a reader is told when every writer is finished`, async () => {
      await using host = await withLink({
        sender: { side: 'write', command: talk('send:x') },
        receiver: { side: 'read', command: talk('take', 'take') },
      })
      await host.spawn('receiver')
      await host.run('sender')
      await until('the first is read', () => host.output('receiver').toString() === 'x\n')
      await end(host, 'write')
      await host.exited('receiver')
      expect(await host.text('receiver')).toBe('x\nend\n')
    })

    test(`keepsBoundaries ${traits.keepsBoundaries}: two messages are two, an empty one too`, async () => {
      await using host = await withLink({
        sender: { side: 'write', command: talk('send:one', 'send:', 'send:two') },
        receiver: { side: 'read', command: talk('take', 'take', 'take') },
      })
      await host.run('sender')
      await host.run('receiver')
      expect(await host.text('receiver')).toBe('one\n\ntwo\n')
    })

    test(`duplex ${traits.duplex}: the side that reads cannot write`, async () => {
      await using host = await withLink({
        one: { side: 'write', command: talk('sleep') },
        other: { side: 'read', command: talk('send:pong') },
      })
      await host.run('other')
      expect(await host.text('other')).toMatch(/not a function/)
    })

    test(`manyReaders ${traits.manyReaders}: a second reader ${traits.manyReaders ? 'gets what its link says' : 'is refused'}`, async () => {
      const readers = {
        sender: { side: 'write', command: talk('send:x', 'wait:first', 'send:y') },
        first: { side: 'read', command: talk('take', 'wait:go') },
        second: { side: 'read', command: talk('take') },
      }
      if (!traits.manyReaders) return expect(withLink(readers)).rejects.toThrow(/readers.*must be said/)
      await using host = await withLink(readers)
      await host.spawn('first')
      await host.spawn('sender')
      await until('the first has one', () => host.output('first').length > 0)
      writeFileSync(join(host.directory, 'first'), '')
      await host.run('second')
      writeFileSync(join(host.directory, 'go'), '')
      await host.exited('first')
      const second = options['readers'] === 'share' ? 'y\n' : 'x\n'
      expect([await host.text('first'), await host.text('second')]).toEqual(['x\n', second])
    })

    test(`manyWriters ${traits.manyWriters}: a second writer is read too, and the end waits for both`, async () => {
      await using host = await withLink({
        one: { side: 'write', command: talk('send:x') },
        two: { side: 'write', command: talk('wait:go', 'send:y') },
        receiver: { side: 'read', command: talk('name', 'take', 'take', 'take') },
      })
      await host.spawn('receiver')
      await host.spawn('two')
      await host.run('one')
      await until('the first is read', () => host.output('receiver').toString() === 'x 0.1\n')
      writeFileSync(join(host.directory, 'go'), '')
      await host.exited('two')
      await end(host, 'write')
      await host.exited('receiver')
      expect(await host.text('receiver')).toBe('x 0.1\ny 1.1\nend\n')
    })

    test(`named ${traits.named}: a stranger has no way to it`, async () => {
      await using host = await withLink({})
      const { data } = await host.host.inspectLinks()
      // A file has a path; but by that alone nobody finds its bells.
      const { path } = options
      const files = typeof path === 'string' ? [basename(path)] : []
      if (files.length === 0) expect(data).not.toHaveProperty('path')
      expect(host.recorded).toEqual([])
      expect(readdirSync(host.directory)).toEqual(files)
    })
  })
}
