/**
 * What a bound socket must do: datagrams come to it whole, whoever sends them, and wait there while nobody is. Each trait
 * is shown by an effect, both where it is true and where it is false; nothing here knows the name of a kind.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import type { TestHost } from '../../support/host.js'
import { fixtures } from '../languages.js'
import type { Subject } from '../subject.js'
import { listDescriptors, listing } from './shared.js'

const half = bundleProgram(join(import.meta.dirname, '../drivers/datagram-half.ts'))
const talk = (...words: string[]): string[] => ['/usr/bin/python3', join(fixtures, 'datagrams/talk.py'), ...words]

export function datagrams({ sides, traits, options, withLink, end }: Subject): void {
  const bound = Object.keys(sides).find(side => sides[side]!.listens)!
  const other = Object.keys(sides).find(side => side !== bound)
  /** Where there is no other side, who has the socket sends to itself. */
  const sending = other ?? bound
  const loopback = other !== undefined ? '' : options['ipv6'] === true ? '::1' : '127.0.0.1'
  const inNode = (...words: string[]): string[] => [
    '/usr/bin/env',
    `LOOPBACK=${loopback}`,
    process.execPath,
    half,
    ...words,
  ]
  const endSending = async (host: TestHost): Promise<void> => void (other !== undefined && (await end(host, other)))

  test('tells what the kernel granted, and that nothing is queued', async () => {
    await using host = await withLink({})
    const { data } = await host.host.inspectLinks()
    expect(data!.queuedBytes).toBe(0)
    // Where it is the sender's memory that counts, a bound socket has no capacity.
    if (data!.capacityBytes !== null) expect(data!.capacityBytes).toBeGreaterThanOrEqual(4096)
  })

  describe('between children', () => {
    test('datagrams of 0, 1, 1000 and 30000 bytes come whole and in order', async () => {
      await using host = await withLink({
        sender: { side: sending, command: talk('fill:0', 'fill:1', 'fill:1000', 'fill:30000') },
        receiver: { side: bound, command: talk('size', 'size', 'size', 'size') },
      })
      await host.run('sender')
      await host.run('receiver')
      expect(await host.text('receiver')).toBe('0\n1\n1000\n30000\n')
    })

    test('what waits is told as unknown, not as nothing', async () => {
      await using host = await withLink({ sender: { side: sending, command: talk('send:one', 'send:two') } })
      await host.run('sender')
      // A busy kernel delivers what goes over the loopback later.
      await until('it is told', async () => (await host.host.inspectLinks()).data!.queuedBytes === null)
    })

    test('the child’s half in Node sends and receives the same', async () => {
      await using host = await withLink({
        sender: { side: sending, command: inNode('send', 'one', 'two') },
        receiver: { side: bound, command: inNode('receive', '2') },
      })
      expect((await host.run('sender')).exit).toEqual({ code: 0 })
      expect((await host.run('receiver')).exit).toEqual({ code: 0 })
      expect(await host.text('receiver')).toBe('one\ntwo\n')
    })

    test('the child’s half alone keeps no program alive, and takes nothing', async () => {
      await using host = await withLink({
        sender: { side: sending, command: inNode('idle') },
        idle: { side: bound, command: inNode('idle') },
        last: { side: sending, command: talk('send:kept') },
        receiver: { side: bound, command: talk('read') },
      })
      await host.run('last')
      expect((await host.run('sender')).exit).toEqual({ code: 0 })
      expect((await host.run('idle')).exit).toEqual({ code: 0 })
      await host.run('receiver')
      expect(await host.text('receiver')).toBe('kept\n')
    })

    test('a child and its children have the bound socket and nothing else, and at the other side nothing', async () => {
      await using host = await withLink({
        one: { side: bound, command: listDescriptors },
        two: { side: sending, command: listDescriptors },
      })
      await host.run('one')
      await host.run('two')
      expect(await host.text('one')).toBe(listing(1))
      expect(await host.text('two')).toBe(listing(other === undefined ? 1 : 0))
    })

    test('O_NONBLOCK that a child set is not there for the next one', async () => {
      await using host = await withLink({ one: { side: bound, command: talk('ask', 'nonblock', 'ask') } })
      await host.run('one', 1)
      await host.run('one', 2)
      expect(await host.text('one')).toBe('blocking\nnon-blocking\nblocking\nnon-blocking\n')
    })
  })

  describe('its traits', () => {
    test(`survivesRestart ${traits.survivesRestart}: what was sent and not taken is there for the next incarnation`, async () => {
      await using host = await withLink({
        sender: { side: sending, command: talk('send:one', 'sleep') },
        receiver: { side: bound, command: talk('wait:go', 'read') },
      })
      await host.spawn('receiver', 1)
      await host.spawn('sender')
      await until('something is queued', async () => (await host.host.inspectLinks())['data']!.queuedBytes !== 0)
      await host.kill('sender')
      await host.kill('receiver')
      writeFileSync(join(host.directory, 'go'), '')
      await host.run('receiver', 2)
      expect(await host.text('receiver')).toBe(traits.survivesRestart ? 'one\n' : '')
    })

    test(`showsPeerDeath ${traits.showsPeerDeath}: who sends while no receiver lives is ${traits.showsPeerDeath ? '' : 'not '}told`, async () => {
      await using host = await withLink({
        sender: { side: sending, command: talk('wait:dead', 'send:x', 'send:y') },
        receiver: { side: bound, command: talk('wait:dead', 'read', 'read') },
      })
      await host.spawn('receiver')
      await host.spawn('sender')
      await host.kill('receiver')
      writeFileSync(join(host.directory, 'dead'), '')
      await host.exited('sender')
      await host.run('receiver', 2)
      await host.close()
      expect(host.output('sender').toString()).toBe(traits.showsPeerDeath ? 'ECONNREFUSED\n' : '')
      expect(host.output('receiver').toString()).toBe('x\ny\n')
    })

    test(`keepsBoundaries ${traits.keepsBoundaries}: two that wait are two`, async () => {
      await using host = await withLink({
        sender: { side: sending, command: talk('send:one', 'send:two') },
        receiver: { side: bound, command: talk('read') },
      })
      await host.run('sender')
      await host.run('receiver')
      expect(await host.text('receiver')).toBe(traits.keepsBoundaries ? 'one\n' : 'onetwo\n')
    })

    test(`duplex ${traits.duplex}: who receives ${traits.duplex ? 'can answer' : 'has nobody to answer'}`, async () => {
      await using host = await withLink({
        asker: { side: sending, command: talk('send:ping', 'read') },
        answerer: { side: bound, command: talk('answer') },
      })
      if (other === undefined) {
        await host.run('asker')
        expect(await host.text('asker')).toBe(traits.duplex ? 'ping\n' : '')
        return
      }
      await host.spawn('asker')
      await host.run('answerer')
      if (traits.duplex) await host.exited('asker')
      await host.close()
      expect(host.output('asker').toString()).toBe(traits.duplex ? 'PING\n' : '')
      expect(host.output('answerer').toString()).toBe(traits.duplex ? '' : 'nobody to answer\n')
    })

    test(`showsEnd ${traits.showsEnd}: that every sender is finished is ${traits.showsEnd ? '' : 'not '}told`, async () => {
      await using host = await withLink({
        sender: { side: sending, command: talk('send:x') },
        late: { side: sending, command: talk('send:y') },
        receiver: { side: bound, command: talk('read', 'read') },
      })
      await host.spawn('receiver')
      await host.run('sender')
      await until('the first is read', () => host.output('receiver').toString() === 'x\n')
      await endSending(host)
      await host.run('late')
      await host.exited('receiver')
      expect(await host.text('receiver')).toBe(traits.showsEnd ? 'x\nend\n' : 'x\ny\n')
    })

    test(`manyReaders ${traits.manyReaders}: each datagram goes to one of two`, async () => {
      await using host = await withLink({
        sender: { side: sending, command: talk('send:x', 'wait:first', 'send:y') },
        first: { side: bound, command: talk('read') },
        second: { side: bound, command: talk('read') },
      })
      await host.spawn('first')
      await host.spawn('sender')
      await host.exited('first')
      await host.spawn('second')
      writeFileSync(join(host.directory, 'first'), '')
      await host.exited('second')
      expect(traits.manyReaders).toBe(true)
      expect([await host.text('first'), await host.text('second')]).toEqual(['x\n', 'y\n'])
    })

    test(`manyWriters ${traits.manyWriters}: a second sender is heard too`, async () => {
      await using host = await withLink({
        one: { side: sending, command: talk('send:x') },
        two: { side: sending, command: talk('send:y') },
        receiver: { side: bound, command: talk('read', 'read') },
      })
      await host.run('one')
      await host.run('two')
      await host.run('receiver')
      expect(await host.text('receiver')).toBe(traits.manyWriters ? 'x\ny\n' : 'x\n')
    })

    test(`named ${traits.named}: a stranger ${traits.named ? 'sends to its address' : 'is told of no address'}`, async () => {
      await using host = await withLink({ receiver: { side: bound, command: talk('read') } })
      const { queuedBytes: _, capacityBytes: __, ...hint } = (await host.host.inspectLinks())['data']!
      if (!traits.named) {
        expect([hint, host.recorded, readdirSync(host.directory)]).toEqual([{}, [], []])
        return
      }
      const [command, ...words] = talk('send:stranger')
      const links = { data: { fd: null, ...hint } }
      spawnSync(command!, words, { env: { IPCSUP_LINKS: JSON.stringify(links) }, stdio: 'inherit' })
      await host.run('receiver')
      expect(await host.text('receiver')).toBe('stranger\n')
    })
  })
}
