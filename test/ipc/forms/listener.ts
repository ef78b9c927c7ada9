/**
 * What a listening socket must do: clients are let in whoever serves them, and wait for whoever comes. Each trait is
 * shown by an effect, both where it is true and where it is false; nothing here knows the name of a kind.
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import type { TestHost } from '../../support/host.js'
import { fixtures } from '../languages.js'
import type { Subject } from '../subject.js'
import { listDescriptors, listing } from './shared.js'

const childHalf = bundleProgram(join(import.meta.dirname, '../drivers/listener-half.ts'))
const talk = (...words: string[]): string[] => ['/usr/bin/python3', join(fixtures, 'listening/talk.py'), ...words]

export function listener({ kind, sides, traits, options, withLink, end }: Subject): void {
  const listening = Object.keys(sides).find(name => sides[name]!.listens)!
  const connecting = Object.keys(sides).find(name => name !== listening)!
  const server = (...words: string[]) => ({ side: listening, command: talk(...words) })
  const client = (...words: string[]) => ({ side: connecting, command: talk(...words) })

  /** A client that ipcsup did not start, which has nothing but the address. */
  const connectAsStranger = async (host: TestHost, ...words: string[]): Promise<string> => {
    const { data } = await host.host.inspectLinks()
    const links = { data: { kind: kind.name, side: connecting, fd: null, options, ...data } }
    const [program, ...argv] = talk('connect', ...words)
    return execFileSync(program!, argv, { env: { IPCSUP_LINKS: JSON.stringify(links) }, encoding: 'utf8' })
  }

  test('tells how many connections wait, before anybody serves them', async () => {
    await using host = await withLink({ one: client('connect', 'sleep'), two: client('connect', 'sleep') })
    const countWaiting = async () => (await host.host.inspectLinks()).data!.waiting
    expect(await countWaiting()).toBe(0)
    await host.spawn('one')
    await until('one waits', async () => (await countWaiting()) === 1)
    await host.spawn('two')
    await until('both wait', async () => (await countWaiting()) === 2)
  })

  describe('between children', () => {
    test('a server answers its client', async () => {
      await using host = await withLink({
        server: server('accept', 'read', 'send:pong'),
        client: client('connect', 'send:ping', 'read', 'read'),
      })
      await host.spawn('server')
      await host.run('client')
      expect([await host.text('server'), await host.text('client')]).toEqual(['ping\n', 'pong\nend\n'])
    })

    test('a server is told as systemd tells it', async () => {
      await using host = await withLink({ server: server('bound') })
      await host.run('server')
      expect(await host.text('server')).toBe('1 data mine\n')
    })

    test('a child and its children have the listening end and nothing else, and a client has none', async () => {
      await using host = await withLink({
        server: { side: listening, command: listDescriptors },
        client: { side: connecting, command: listDescriptors },
      })
      await host.run('server')
      await host.run('client')
      expect(await host.text('server')).toBe(listing(1))
      expect(await host.text('client')).toBe(listing(0))
    })

    test('O_NONBLOCK that a server set is not there for the next one', async () => {
      await using host = await withLink({ server: server('ask', 'nonblock', 'ask') })
      await host.run('server', 1)
      await host.run('server', 2)
      expect(await host.text('server')).toBe('blocking\nnon-blocking\nblocking\nnon-blocking\n')
    })

    test('the child’s half in Node serves and connects, and is closed without a trace', async () => {
      const half = (side: string, ...words: string[]) => ({ side, command: [process.execPath, childHalf, ...words] })
      await using host = await withLink({
        server: half(listening),
        one: half(connecting, 'a', 'b'),
        two: half(connecting, 'c', 'stop'),
        again: server('accept', 'read', 'send:still here'),
        last: client('connect', 'send:x', 'read'),
      })
      await host.spawn('server')
      for (const name of ['one', 'two']) expect((await host.run(name)).exit).toEqual({ code: 0 })
      expect((await host.exited('server')).exit).toEqual({ code: 0 })
      expect([await host.text('one'), await host.text('two')]).toEqual(['A\nB\n', 'C\nSTOP\n'])
      expect(await host.text('server')).toBe('closed\n')
      // Neither the socket nor its name went with it.
      await host.spawn('again')
      await host.run('last')
      expect(await host.text('last')).toBe('still here\n')
    })
  })

  test('an end that is only opened does not keep a Node program alive, and takes nobody away', async () => {
    const idle = (side: string) => ({ side, command: [process.execPath, childHalf, 'idle'] })
    await using host = await withLink({
      server: idle(listening),
      client: idle(connecting),
      early: client('connect', 'send:x', 'read'),
      late: server('accept', 'read', 'send:served'),
    })
    await host.spawn('early')
    await until('it waits', async () => (await host.host.inspectLinks()).data!.waiting === 1)
    for (const name of ['server', 'client']) {
      expect((await host.run(name)).exit).toEqual({ code: 0 })
      expect(await host.text(name)).toBe('opened\n')
    }
    await host.run('late')
    await host.exited('early')
    expect(await host.text('early')).toBe('served\n')
  })

  describe('its traits', () => {
    test(`survivesRestart ${traits.survivesRestart}: who was not yet accepted is served by the next incarnation`, async () => {
      await using host = await withLink({
        server: { side: listening, command: serveFrom(2, talk('accept', 'read', 'send:from the second')) },
        client: client('connect', 'send:early', 'read'),
      })
      await host.spawn('server', 1)
      await host.spawn('client')
      await until('the client waits', async () => (await host.host.inspectLinks()).data!.waiting === 1)
      await host.kill('server')
      await host.run('server', 2)
      await host.exited('client')
      expect([await host.text('server'), await host.text('client')]).toEqual(
        traits.survivesRestart ? ['early\n', 'from the second\n'] : ['', 'end\n'],
      )
    })

    test(`survivesRestart ${traits.survivesRestart}: what a killed client has written is read`, async () => {
      await using host = await withLink({
        server: server('accept', 'read', 'read'),
        client: client('connect', 'send:last words', 'print:sent', 'sleep'),
      })
      await host.spawn('client')
      await until('the client has written', () => host.output('client').toString() === 'sent\n')
      await host.kill('client')
      await host.run('server')
      expect(await host.text('server')).toMatch(traits.survivesRestart ? /^last words\n(end|ECONNRESET)\n$/ : /^end\n/)
    })

    test(`showsPeerDeath ${traits.showsPeerDeath}: what a client sees when its server is killed`, async () => {
      await using host = await withLink({
        server: server('accept', 'read', 'sleep'),
        client: client('connect', 'send:x', 'read', 'print:after'),
      })
      await host.spawn('server')
      await host.spawn('client')
      await until('it is served', () => host.output('server').toString() === 'x\n')
      await host.kill('server')
      if (traits.showsPeerDeath) await host.exited('client')
      await host.close()
      expect(host.output('client').toString()).toMatch(traits.showsPeerDeath ? /^(end|ECONNRESET)\nafter\n$/ : /^$/)
    })

    test(`showsEnd ${traits.showsEnd}: what a server is told when every client is finished`, async () => {
      await using host = await withLink({
        server: server('accept', 'read', 'accept', 'print:more'),
        client: client('connect', 'send:x'),
      })
      await host.spawn('server')
      await host.run('client')
      await until('it is served', () => host.output('server').toString() === 'x\n')
      await end(host, connecting)
      // It waits for the next one: strangers may come at any time.
      if (!traits.showsEnd) await connectAsStranger(host)
      await host.exited('server')
      expect(await host.text('server')).toBe(traits.showsEnd ? 'x\nend\nmore\n' : 'x\nmore\n')
    })

    test(`keepsBoundaries ${traits.keepsBoundaries}: two writes are ${traits.keepsBoundaries ? 'two reads' : 'one read'}`, async () => {
      await using host = await withLink({
        server: server('accept', 'read'),
        client: client('connect', 'send:one', 'send:two'),
      })
      await host.run('client')
      await host.run('server')
      expect(await host.text('server')).toBe(traits.keepsBoundaries ? 'one\n' : 'onetwo\n')
    })

    test(`duplex ${traits.duplex}: the server ${traits.duplex ? 'can speak first' : 'cannot answer'}`, async () => {
      await using host = await withLink({
        server: server('accept', 'send:welcome', 'read'),
        client: client('connect', 'read', 'send:thanks'),
      })
      await host.spawn('server')
      await host.run('client')
      await host.exited('server')
      expect(await host.text('client')).toBe(traits.duplex ? 'welcome\n' : 'end\n')
      expect(await host.text('server')).toBe('thanks\n')
    })

    test(`manyReaders ${traits.manyReaders}: a second server ${traits.manyReaders ? 'takes who comes while the first is busy' : 'is refused'}`, async () => {
      const processes = {
        first: server('accept', 'read', 'sleep'),
        second: server('accept', 'read'),
        one: client('connect', 'send:x', 'sleep'),
        two: client('connect', 'send:y', 'sleep'),
      }
      if (!traits.manyReaders) return expect(withLink(processes)).rejects.toThrow(/data/)
      await using host = await withLink(processes)
      await host.spawn('first')
      await host.spawn('one')
      await until('the first is busy', () => host.output('first').toString() === 'x\n')
      await host.spawn('second')
      await host.spawn('two')
      await host.exited('second')
      expect(await host.text('second')).toBe('y\n')
    })

    test(`manyWriters ${traits.manyWriters}: a second client ${traits.manyWriters ? 'has a connection of its own' : 'is refused'}`, async () => {
      const processes = {
        server: server('accept', 'accept', 'read', 'print:from the second', 'sleep'),
        one: client('connect', 'send:x', 'sleep'),
        two: client('connect', 'send:y', 'sleep'),
      }
      if (!traits.manyWriters) return expect(withLink(processes)).rejects.toThrow(/data/)
      await using host = await withLink(processes)
      await host.spawn('one')
      await until('it waits', async () => (await host.host.inspectLinks()).data!.waiting === 1)
      await host.spawn('two')
      await host.spawn('server')
      await until('it is served', () => host.output('server').toString() === 'y\nfrom the second\n')
    })

    test(`named ${traits.named}: a stranger ${traits.named ? 'connects by its address' : 'has no way to it'}`, async () => {
      await using host = await withLink({ server: server('accept', 'send:hello') })
      await host.spawn('server')
      expect(await connectAsStranger(host, 'read')).toBe(traits.named ? 'hello\n' : 'ENOENT\n')
    })
  })

  describe('its end', () => {
    test('once every use of the listening side is over, clients are refused and who waits is told', async () => {
      await using host = await withLink({ early: client('connect', 'read'), late: client('connect') })
      await host.spawn('early')
      await until('it waits', async () => (await host.host.inspectLinks()).data!.waiting === 1)
      await end(host, listening)
      await host.exited('early')
      await host.run('late')
      expect(await host.text('early')).toMatch(/^(end|ECONNRESET)\n$/)
      expect(await host.text('late')).toBe('ECONNREFUSED\n')
    })

    test('a listening side that is sealed goes on until the last server is gone', async () => {
      await using host = await withLink({
        server: server('wait:go', 'accept', 'send:hello'),
        client: client('connect', 'read'),
        late: client('connect'),
      })
      await host.spawn('server')
      await host.call({ type: 'release', link: 'data', generation: 1, side: listening, reason: 'sealed' }, 'released')
      await host.spawn('client')
      writeFileSync(join(host.directory, 'go'), '')
      await host.exited('server')
      await host.exited('client')
      await host.run('late')
      expect([await host.text('client'), await host.text('late')]).toEqual(['hello\n', 'ECONNREFUSED\n'])
    })
  })
}

/** A command that sleeps until it is the incarnation of that number. */
function serveFrom(generation: number, command: readonly string[]): string[] {
  const sleep = `test "$IPCSUP_GENERATION" -lt ${generation} && exec sleep 1000; exec "$@"`
  return ['/bin/sh', '-c', sleep, 'sh', ...command]
}
