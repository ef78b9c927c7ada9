/**
 * What a service must do, whoever speaks its wire: who serves is found, death is seen at once, and a call that comes
 * while the only server restarts waits for its next life. Each trait is shown by an effect; nothing here knows the name
 * of a kind.
 */
import { execFile, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { until } from '../../support/conditions.js'
import type { TestHost } from '../../support/host.js'
import { fixtures } from '../languages.js'
import type { Subject } from '../subject.js'
import { listDescriptors, listing } from './shared.js'

const python = (program: string, ...words: string[]): string[] => [
  '/usr/bin/python3',
  join(fixtures, `service/${program}.py`),
  ...words,
]

export function calls({ kind, sides, traits, options, withLink, end }: Subject): void {
  const serving = Object.keys(sides).find(name => sides[name]!.listens)!
  const calling = Object.keys(sides).find(name => name !== serving)!
  const server = (...words: string[]) => ({ side: serving, command: python('serve', ...words) })
  const caller = (...words: string[]) => ({ side: calling, command: python('call', ...words) })
  const serviceOf = async (host: TestHost) => (await host.host.inspectLinks()).data!.service!
  const serves = async (host: TestHost, count: number): Promise<void> =>
    until(`${count} serve`, async () => (await serviceOf(host)).instances.length === count)

  describe('between children', () => {
    test('a call is answered with a value, an error or one item after the other', async () => {
      await using host = await withLink({
        server: server(),
        caller: caller('add:[1, 2]', 'fail:["no such day"]', 'count:[3]'),
      })
      await host.spawn('server')
      await host.run('caller')
      expect(await host.text('caller')).toBe(
        '3\n{"name": "ValueError", "message": "no such day", "code": 7}\n[1, 2, 3]\n',
      )
    })

    test('who calls before anybody serves waits until somebody registers', async () => {
      await using host = await withLink({ server: server('wait:go'), caller: caller('who') })
      await host.spawn('caller')
      await host.spawn('server')
      expect((await serviceOf(host)).instances).toEqual([])
      writeFileSync(join(host.directory, 'go'), '')
      await host.exited('caller')
      expect(await host.text('caller')).toBe('["server", 1]\n')
    })

    test('its facts are who serves what, as they tell it, and how busy they are', async () => {
      await using host = await withLink({ server: server(), caller: caller('add:[1, 2]', 'hold:["go"]') })
      expect(await serviceOf(host)).toEqual({
        guarantee: options['guarantee'],
        servers: ['server'],
        calls: 0,
        outstanding: 0,
        instances: [],
      })
      const { pid } = await host.spawn('server')
      await host.spawn('caller')
      await until('it holds', async () => {
        const { calls, outstanding } = await serviceOf(host)
        return calls === 2 && outstanding === 1
      })
      const methods = { add: 2, who: 0, hold: 1, fail: 1, count: 1, die: 0 }
      expect((await serviceOf(host)).instances).toEqual([
        { process: 'server', generation: 1, pid, methods, calls: 2, outstanding: 1 },
      ])
      await host.kill('server')
      expect(await serviceOf(host)).toMatchObject({ calls: 2, outstanding: 0, instances: [] })
    })

    test('a child and its children have the serving end and nothing else, and a caller has none', async () => {
      await using host = await withLink({
        server: { side: serving, command: listDescriptors },
        caller: { side: calling, command: listDescriptors },
      })
      await host.run('server')
      await host.run('caller')
      expect(await host.text('server')).toBe(listing(1))
      expect(await host.text('caller')).toBe(listing(0))
    })
  })

  describe('its traits', () => {
    test(`survivesRestart ${traits.survivesRestart}: who has connected to a server that is killed is served by its next life`, async () => {
      // Its first life never takes a connection.
      const asleep = `test "$IPCSUP_GENERATION" = 1 && exec sleep 1000; exec "$@"`
      await using host = await withLink({
        server: { side: serving, command: ['sh', '-c', asleep, 'sh', ...python('serve')] },
      })
      await host.spawn('server', 1)
      const path = join(host.directory, 'data.server.sock')
      const ask = `import socket,sys;s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1]);s.sendall(b'{"id":1,"call":"who"}\\n');print("asked",flush=True);print(s.makefile().readline().strip())`
      const asker = spawn('/usr/bin/python3', ['-c', ask, path], { stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      asker.stdout.setEncoding('utf8').on('data', text => {
        said += text
      })
      await until('it has asked', () => said === 'asked\n')
      await host.kill('server')
      await host.spawn('server', 2)
      await until('it is answered', () => said.includes('value'))
      expect(said).toBe('asked\n{"id": 1, "value": ["server", 2]}\n')
      expect(traits.survivesRestart).toBe(true)
    })

    test(`showsPeerDeath ${traits.showsPeerDeath}: whose call was begun sees the death of the server at once`, async () => {
      await using host = await withLink({ server: server(), caller: caller('die', 'who') })
      await host.spawn('server')
      await host.spawn('caller')
      await host.exited('server')
      // The second call waits: nobody serves until the next life.
      await until('the first is over', () => host.output('caller').toString() === '"unknown"\n')
      await host.spawn('server', 2)
      await host.exited('caller')
      expect(await host.text('caller')).toBe('"unknown"\n["server", 2]\n')
      expect(traits.showsPeerDeath).toBe(true)
    })

    test(`keepsBoundaries ${traits.keepsBoundaries} and duplex ${traits.duplex}: each call has its own answer`, async () => {
      await using host = await withLink({ server: server(), caller: caller('add:["one", "two"]', 'add:["three", ""]') })
      await host.spawn('server')
      await host.run('caller')
      expect(await host.text('caller')).toBe('"onetwo"\n"three"\n')
      expect([traits.keepsBoundaries, traits.duplex]).toEqual([true, true])
    })

    test(`manyReaders ${traits.manyReaders}, manyWriters ${traits.manyWriters}: two servers and two callers find each other`, async () => {
      await using host = await withLink({
        first: server(),
        second: server(),
        one: caller('serving:2', 'at:first', 'who', 'at:second', 'who'),
        two: caller('serving:2', 'at:second', 'who'),
      })
      for (const name of ['first', 'second', 'one', 'two']) await host.spawn(name)
      for (const name of ['one', 'two']) await host.exited(name)
      expect([await host.text('one'), await host.text('two')]).toEqual([
        '["first", 1]\n["second", 1]\n',
        '["second", 1]\n',
      ])
      expect([traits.manyReaders, traits.manyWriters]).toEqual([true, true])
    })

    test(`named ${traits.named}: a stranger calls by the path`, async () => {
      await using host = await withLink({ server: server() })
      await host.spawn('server')
      await serves(host, 1)
      const { data } = await host.host.inspectLinks()
      const links = { data: { kind: kind.name, side: calling, fd: null, options, path: data!.path } }
      const [program, ...argv] = python('call', 'who')
      const env = { IPCSUP_LINKS: JSON.stringify(links) }
      // The supervisor, which is asked, is in this process.
      expect((await promisify(execFile)(program!, argv, { env })).stdout).toBe('["server", 1]\n')
      expect(traits.named).toBe(true)
    })

    test(`showsEnd ${traits.showsEnd}: a server goes on when every caller is finished`, async () => {
      await using host = await withLink({ server: server(), caller: caller('who') })
      await host.spawn('server')
      await host.run('caller')
      await end(host, calling)
      await serves(host, 1)
      expect(traits.showsEnd).toBe(false)
    })
  })

  describe('its end', () => {
    test('once every use of the serving side is over, who waits is told, and who comes later', async () => {
      await using host = await withLink({ early: caller('who', 'over'), late: caller('who') })
      await host.spawn('early')
      await end(host, serving)
      await host.exited('early')
      await host.run('late')
      expect([await host.text('early'), await host.text('late')]).toEqual([
        '"nobody serves"\nover\n',
        '"nobody serves"\n',
      ])
    })

    test('a serving side that is sealed goes on until the last server is gone', async () => {
      await using host = await withLink({ server: server(), caller: caller('who', 'die', 'over') })
      await host.spawn('server')
      await serves(host, 1)
      await host.call({ type: 'release', link: 'data', generation: 1, side: serving, reason: 'sealed' }, 'released')
      await host.run('caller')
      expect(await host.text('caller')).toBe('["server", 1]\n"unknown"\nover\n')
    })
  })
}
