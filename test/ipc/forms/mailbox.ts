/**
 * What messages without an end must do: they wait in the system until somebody takes them, whole and in order. Each
 * trait is shown by an effect, both where it is true and where it is false; nothing here knows the name of a kind.
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { until } from '../../support/conditions.js'
import type { TestHost } from '../../support/host.js'
import { findLanguages, fixtures } from '../languages.js'
import type { Subject } from '../subject.js'
import { isAsleepIn, listDescriptors, listing, quote, whenTold } from './shared.js'

const programs = findLanguages('queue')
const talk = (...words: string[]): string[] => ['/usr/bin/python3', join(fixtures, 'queue/talk.py'), ...words]

/** 8 MiB. */
const records = 2048

export function mailbox({ sides, traits, withLink, end }: Subject): void {
  const writing = Object.keys(sides).find(name => sides[name]!.writes)!
  const reading = Object.keys(sides).find(name => sides[name]!.reads && name !== writing)!
  const hasDescriptor = sides[reading]!.descriptor

  test('tells what the kernel granted, and that nothing is queued', async () => {
    await using host = await withLink({})
    const { data } = await host.host.inspectLinks()
    expect(data).toMatchObject({ messages: 0, queuedBytes: 0 })
    expect(data!.capacityBytes).toBeGreaterThanOrEqual(4096)
  })

  test('tells how many messages and bytes wait', async () => {
    await using host = await withLink({ sender: { side: writing, command: talk('send:one', 'send:three') } })
    await host.run('sender')
    expect((await host.host.inspectLinks()).data).toMatchObject({ messages: 2, queuedBytes: 8 })
  })

  describe('between children', () => {
    test.for([
      ['C', 'Python'],
      ['Python', 'Node'],
      ['Node', 'C'],
      ['PHP', 'Python'],
      ['Node', 'PHP'],
    ] as const)('8 MiB go whole and in order from %s to %s', async ([from, to], { skip }) => {
      const [sender, receiver] = [programs[from], programs[to]]
      if (!sender || !receiver) return skip('a compiler or interpreter is missing')
      // PHP knows queues by their keys.
      if (hasDescriptor && [from, to].some(name => name === 'PHP')) return skip('PHP has no calls for it')
      await using host = await withLink({
        sender: { side: writing, command: [...sender('send-records'), '1', String(records)] },
        receiver: { side: reading, command: receiver('receive-records') },
      })
      await host.spawn('receiver')
      expect((await host.run('sender')).exit).toEqual({ code: 0 })
      expect((await host.exited('receiver')).exit).toEqual({ code: 0 })
      expect(await host.text('receiver')).toBe(`${records} whole\n`)
    })

    test('a slow reader holds the writer back, and nobody takes the messages in between', async () => {
      await using host = await withLink({
        sender: { side: writing, command: [...programs['Python']!('send-records'), '1', String(records)] },
        receiver: {
          side: reading,
          command: whenTold(programs['Python']!('receive-records')),
        },
      })
      const { pid } = await host.spawn('sender')
      await host.spawn('receiver')
      await until('the queue is full', async () => (await readFacts(host)).messages! * 4096 >= 8192)
      await until('the writer sleeps in the kernel', () => isAsleepIn(pid, 'mq_timedsend', 'msgsnd'))
      const full = await readFacts(host)
      expect(full.queuedBytes).toBe(full.messages! * 4096)
      expect(full.queuedBytes).toBeLessThanOrEqual(full.capacityBytes!)
      expect(await readFacts(host)).toEqual(full)
      writeFileSync(join(host.directory, 'go'), '')
      await host.exited('sender')
      await host.exited('receiver')
      expect(await host.text('receiver')).toBe(`${records} whole\n`)
    })

    test('a child and its children have the end and nothing else', async () => {
      await using host = await withLink({
        one: { side: writing, command: listDescriptors },
      })
      await host.run('one')
      expect(await host.text('one')).toBe(listing(hasDescriptor ? 1 : 0))
    })

    test.runIf(hasDescriptor)(
      'O_NONBLOCK that a child set is not there for the next one at that side, nor for the other side',
      async () => {
        await using host = await withLink({
          one: { side: writing, command: talk('ask', 'nonblock', 'ask') },
          other: { side: reading, command: talk('ask') },
        })
        await host.run('one', 1)
        await host.run('one', 2)
        await host.run('other')
        expect(await host.text('one')).toBe('blocking\nnon-blocking\nblocking\nnon-blocking\n')
        expect(await host.text('other')).toBe('blocking\n')
      },
    )
  })

  describe('its traits', () => {
    test(`survivesRestart ${traits.survivesRestart}: what was sent and not taken is there for the next incarnation`, async () => {
      await using host = await withLink({
        sender: { side: writing, command: talk('send:one', 'sleep') },
        receiver: { side: reading, command: talk('wait:go', 'read') },
      })
      await host.spawn('receiver', 1)
      await host.spawn('sender')
      await until('something is queued', async () => (await readFacts(host)).messages === 1)
      for (const name of ['sender', 'receiver']) {
        await host.kill(name)
      }
      writeFileSync(join(host.directory, 'go'), '')
      await host.run('receiver', 2)
      expect(await host.text('receiver')).toBe('one\n')
    })

    test(`showsPeerDeath ${traits.showsPeerDeath}: a reader waits on when its writer is killed and started again`, async () => {
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
      expect(await host.text('receiver')).toBe('x\nx\n')
    })

    test(`showsEnd ${traits.showsEnd}: a reader waits on when every writer is finished`, async () => {
      await using host = await withLink({
        sender: { side: writing, command: talk('send:x') },
        receiver: { side: reading, command: talk('read', 'read') },
      })
      const { pid } = await host.spawn('receiver')
      await host.run('sender')
      await until('the first is read', () => host.output('receiver').toString() === 'x\n')
      await end(host, writing)
      await until('the reader sleeps in the kernel', () => isAsleepIn(pid, 'mq_timedreceive', 'msgrcv'))
      await host.close(100)
      expect(host.output('receiver').toString()).toBe('x\n')
    })

    test(`keepsBoundaries ${traits.keepsBoundaries}: two messages are two, an empty one too`, async () => {
      await using host = await withLink({
        sender: { side: writing, command: talk('send:one', 'send', 'send:two') },
        receiver: { side: reading, command: talk('read', 'read', 'read') },
      })
      // Not all of them fit into a small one.
      await host.spawn('sender')
      await host.run('receiver')
      expect(await host.text('receiver')).toBe('one\n\ntwo\n')
    })

    test(`duplex ${traits.duplex}: the side that reads ${traits.duplex ? 'writes too' : 'cannot write'}`, async () => {
      await using host = await withLink({
        one: { side: writing, command: talk('send:ping', 'wait:go', 'read') },
        other: { side: reading, command: talk('read', 'send:pong') },
      })
      await host.spawn('one')
      await host.run('other')
      writeFileSync(join(host.directory, 'go'), '')
      await host.exited('one')
      expect(await host.text('other')).toBe(traits.duplex ? 'ping\n' : 'ping\nEBADF\n')
      expect(await host.text('one')).toBe(traits.duplex ? 'pong\n' : 'EBADF\n')
    })

    test(`manyReaders ${traits.manyReaders}: a second reader takes what the first leaves`, async () => {
      await using host = await withLink(
        {
          sender: { side: writing, command: talk('send:x', 'wait:first', 'send:y') },
          first: { side: reading, command: talk('read') },
          second: { side: reading, command: talk('read') },
        },
        { readers: 'shared' },
      )
      await host.spawn('first')
      await host.spawn('sender')
      await host.exited('first')
      await host.spawn('second')
      writeFileSync(join(host.directory, 'first'), '')
      await host.exited('second')
      expect([await host.text('first'), await host.text('second')]).toEqual(['x\n', 'y\n'])
    })

    test(`manyWriters ${traits.manyWriters}: a second writer is read too`, async () => {
      await using host = await withLink({
        one: { side: writing, command: talk('send:x') },
        two: { side: writing, command: talk('wait:go', 'send:y') },
        receiver: { side: reading, command: talk('read', 'read') },
      })
      await host.spawn('receiver')
      await host.spawn('two')
      await host.run('one')
      await until('the first is read', () => host.output('receiver').toString() === 'x\n')
      writeFileSync(join(host.directory, 'go'), '')
      await host.exited('receiver')
      expect(await host.text('receiver')).toBe('x\ny\n')
    })

    test(`named ${traits.named}: a stranger reaches it by what its handle says`, async () => {
      await using host = await withLink({ receiver: { side: reading, command: talk('read') } })
      // Before it was made, and before it was used.
      expect(host.recorded.map(({ identity }) => identity === null)).toEqual([true, false])
      const { data } = await host.host.inspectLinks()
      await host.spawn('receiver')
      execFileSync('/usr/bin/python3', ['-c', stranger, data!.name ?? String(data!.id)], {
        env: { PYTHONPATH: join(fixtures, 'queue') },
      })
      await host.exited('receiver')
      expect(await host.text('receiver')).toBe('stranger\n')
    })
  })
}

/** Sends to the queue of that name or number. */
const stranger = `
import sys
from ipc_queue import PosixQueue, SysvQueue, check, libc
where = sys.argv[1]
queue = PosixQueue(check(libc.mq_open(where.encode(), 1))) if where[0] == "/" else SysvQueue(int(where))
queue.send(b"stranger")
`

async function readFacts(host: TestHost) {
  const { data } = await host.host.inspectLinks()
  return data!
}
