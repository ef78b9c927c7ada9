/**
 * What a channel of Node's must do: two Node programs that know nothing but `process` send each other messages, whole and
 * in order, and nobody is in between. Each trait is shown by an effect.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bundleProgram } from '../../support/bundle.js'
import { settle, until } from '../../support/conditions.js'
import type { TestHost } from '../../support/host.js'
import type { Subject } from '../subject.js'
import { listDescriptors, listing } from './shared.js'

const half = bundleProgram(join(import.meta.dirname, '../drivers/channel-half.ts'))
const program = join(import.meta.dirname, '../drivers/channel.mjs')
const talk = (...words: string[]): string[] => [process.execPath, program, ...words]
const sizes = [0, 1, 1000, 65_536, 1_048_576]

export function channel({ sides, traits, withLink, end }: Subject): void {
  const [own, other] = Object.keys(sides) as [string, string]

  describe('between Node programs', () => {
    test(`messages of ${sizes.join(', ')} characters go whole and in order, in both directions at once`, async () => {
      const words = [...sizes.map(size => `begin:${size}`), ...sizes.map(() => 'hear')]
      await using host = await withLink({
        one: { side: own, command: talk(...words) },
        two: { side: other, command: talk(...words) },
      })
      await host.spawn('one')
      await host.run('two')
      await host.exited('one')
      const whole = sizes.map(size => `${size} whole\n`).join('')
      expect([await host.text('one'), await host.text('two')]).toEqual([whole, whole])
    })

    test('a message waits in the kernel for its receiver: nothing passes through the supervisor', async () => {
      await using host = await withLink({
        one: { side: own, command: talk('begin:4194304', 'hear') },
        two: { side: other, command: talk('hear', 'send:thanks') },
      })
      await host.spawn('one')
      await until('the kernel takes no more', async () => (await settle(() => countQueued(host))) > 0)
      // Had anybody read it, more than the buffers hold would have gone through by now.
      expect(await countQueued(host)).toBeLessThan(4_194_304)
      await host.run('two')
      await host.exited('one')
      expect([await host.text('one'), await host.text('two')]).toEqual(['thanks\n', '4194304 whole\n'])
    })

    test('the child’s half sends and hears the same, and is closed by hand', async () => {
      await using host = await withLink({
        one: { side: own, command: [process.execPath, half, 'ask'] },
        two: { side: other, command: [process.execPath, half, 'answer'] },
      })
      await host.spawn('one')
      expect((await host.run('two')).exit).toEqual({ code: 0 })
      expect((await host.exited('one')).exit).toEqual({ code: 0 })
      expect(await host.text('one')).toBe('{"answer":42,"to":{"question":"six times seven"}}\nclosed\n')
    })

    test('the child’s half alone keeps no program alive', async () => {
      await using host = await withLink({ one: { side: own, command: [process.execPath, half, 'idle'] } })
      expect((await host.run('one')).exit).toEqual({ code: 0 })
    })

    test('a child and its children have the end and nothing else', async () => {
      await using host = await withLink({ one: { side: own, command: listDescriptors } })
      await host.run('one')
      expect(await host.text('one')).toBe(listing(1))
    })
  })

  describe('its traits', () => {
    test(`survivesRestart ${traits.survivesRestart}: after a sender was killed in mid-message the next message ${traits.survivesRestart ? 'comes' : 'is lost in it'}`, async () => {
      await using host = await withLink({
        one: { side: own, command: ['/bin/sh', 'again.sh', ...talk()] },
        two: { side: other, command: talk('hear') },
      })
      writeFileSync(
        join(host.directory, 'again.sh'),
        '[ "$IPCSUP_GENERATION" = 1 ] && exec "$@" begin:4194304 sleep\nexec "$@" send:again\n',
      )
      await host.spawn('one', 1)
      await until('half of it is queued', async () => (await settle(() => countQueued(host))) > 0)
      await host.kill('one')
      await host.spawn('two')
      await until('the half is read', async () => (await countQueued(host)) === 0)
      await host.run('one', 2)
      await end(host, own)
      await host.exited('two')
      await host.close()
      expect(host.output('two').includes('again')).toBe(traits.survivesRestart)
    })

    test(`showsPeerDeath ${traits.showsPeerDeath}: what a program hears when its peer is killed and started again`, async () => {
      await using host = await withLink({
        one: { side: own, command: talk('send:x', 'sleep') },
        two: { side: other, command: talk('hear', 'wait:again', 'hear') },
      })
      await host.spawn('two')
      await host.spawn('one', 1)
      await until('the first is heard', () => host.output('two').toString() === 'x\n')
      await host.kill('one')
      writeFileSync(join(host.directory, 'again'), '')
      await host.spawn('one', 2)
      await host.exited('two')
      expect(await host.text('two')).toBe(traits.showsPeerDeath ? 'x\nend\n' : 'x\nx\n')
    })

    test(`keepsBoundaries ${traits.keepsBoundaries}: two messages that wait are two messages`, async () => {
      await using host = await withLink({
        one: { side: own, command: talk('send:one', 'send:two') },
        two: { side: other, command: talk('hear', 'hear') },
      })
      await host.run('one')
      await host.run('two')
      expect(await host.text('two')).toBe(traits.keepsBoundaries ? 'one\ntwo\n' : 'onetwo\n')
    })

    test(`showsEnd ${traits.showsEnd}: a program is told when its peer is finished`, async () => {
      await using host = await withLink({
        one: { side: own, command: talk('send:x') },
        two: { side: other, command: talk('hear', 'hear') },
      })
      await host.spawn('two')
      await host.run('one')
      await until('the first is heard', () => host.output('two').toString() === 'x\n')
      await end(host, own)
      await host.exited('two')
      expect(await host.text('two')).toBe(traits.showsEnd ? 'x\nend\n' : 'x\n')
    })

    test(`duplex ${traits.duplex}: the program that hears also answers`, async () => {
      await using host = await withLink({
        one: { side: own, command: talk('send:ping', 'hear') },
        two: { side: other, command: talk('hear', 'send:pong') },
      })
      await host.spawn('one')
      await host.run('two')
      await host.exited('one')
      expect(await host.text('one')).toBe(traits.duplex ? 'pong\n' : '')
    })

    test(`manyReaders ${traits.manyReaders}, manyWriters ${traits.manyWriters}: a second program at a side is refused`, async () => {
      const both = { one: { side: own, command: talk('sleep') }, two: { side: own, command: talk('sleep') } }
      expect([traits.manyReaders, traits.manyWriters]).toEqual([false, false])
      await expect(withLink(both)).rejects.toThrow(/data/)
    })

    test(`named ${traits.named}: a stranger has no way to it`, async () => {
      await using host = await withLink({})
      const { data } = await host.host.inspectLinks()
      expect(Object.keys(data!).sort()).toEqual(['capacityBytes', 'queuedBytes'])
      expect([host.recorded, readdirSync(host.directory), traits.named]).toEqual([[], [], false])
    })
  })
}

async function countQueued(host: TestHost): Promise<number> {
  return (await host.host.inspectLinks())['data']!.queuedBytes!
}
