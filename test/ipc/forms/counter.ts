/**
 * What a counter must do: what one side adds the other takes, whoever of them dies in between. Each trait is shown by an
 * effect, both where it is true and where it is false; nothing here knows the name of a kind.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readProcess } from '../../../src/supervisor/host/proc.js'
import { until } from '../../support/conditions.js'
import type { TestHost } from '../../support/host.js'
import { findLanguages, fixtures } from '../languages.js'
import type { Subject } from '../subject.js'
import { whenTold } from './shared.js'

const programs = findLanguages('event')
const talk = ['/usr/bin/python3', join(fixtures, 'talk.py')]

export function counter({ sides, traits, withLink, end }: Subject): void {
  const [raising, taking] = Object.keys(sides) as [string, string]
  const at = (side: string, actions: readonly string[], language: keyof typeof programs = 'Python') => ({
    side,
    command: [...programs[language]!('bell'), ...actions],
  })
  const raiser = (...actions: string[]) => at(raising, actions)
  const waiter = (...actions: string[]) => at(taking, actions)
  /** One wait takes one or all. */
  const takesAll = !traits.keepsBoundaries
  /** Brings it to 0. */
  const empty = async (host: TestHost): Promise<void> => {
    const value = await read(host)
    if (value === 0) return
    await host.spawn('emptier')
    await until('it is 0', async () => (await read(host)) === 0)
    await host.kill('emptier')
  }
  const emptier = waiter(...Array<string>(10).fill('wait'))

  test('tells what it stands at', async () => {
    await using host = await withLink({ one: raiser('signal:7') })
    const before = await read(host)
    await host.run('one')
    expect(await read(host)).toBe(before + 7)
  })

  describe('between children', () => {
    test.for([
      ['Python', 'C'],
      ['C', 'Node'],
      ['Node', 'Python'],
    ] as const)('what %s adds, %s takes', async ([from, to], { skip }) => {
      if (!programs[from] || !programs[to]) return skip('there is no C compiler')
      await using host = await withLink({
        one: at(raising, ['signal:2'], from),
        other: at(taking, takesAll ? ['wait'] : ['wait', 'wait'], to),
        emptier,
      })
      await empty(host)
      await host.spawn('other')
      expect((await host.run('one')).exit).toEqual({ code: 0 })
      expect((await host.exited('other')).exit).toEqual({ code: 0 })
      expect(await host.text('other')).toBe(takesAll ? '2\n' : '1\n1\n')
      expect(await read(host)).toBe(0)
    })

    test('no description of it ever blocks, whatever a child did before', async () => {
      const ask = { side: taking, command: [...talk, 'ask'] }
      await using host = await withLink({
        one: ask,
        two: { side: raising, command: [...talk, 'ask', 'nonblock', 'ask'] },
      })
      for (const generation of [1, 2]) await host.run('one', generation)
      await host.run('two')
      expect([await host.text('one'), await host.text('two')]).toEqual([
        'non-blocking\nnon-blocking\n',
        'non-blocking\nnon-blocking\n',
      ])
    })
  })

  describe('its traits', () => {
    test(`survivesRestart ${traits.survivesRestart}: what is signalled while the waiter is dead is there for the next one`, async () => {
      await using host = await withLink({
        one: raiser('signal:1'),
        other: waiter('say:waiting', 'wait'),
        emptier,
      })
      await empty(host)
      await host.spawn('other', 1)
      await until('it waits', () => host.output('other').toString() === 'waiting\n')
      await host.kill('other')
      await host.run('one')
      expect(await read(host)).toBe(traits.survivesRestart ? 1 : 0)
      await host.run('other', 2)
      expect(await host.text('other')).toBe('waiting\nwaiting\n1\n')
    })

    test(`showsPeerDeath ${traits.showsPeerDeath}, showsEnd ${traits.showsEnd}: who waits is not told that the other side died, nor that it is finished`, async () => {
      await using host = await withLink({
        one: { side: raising, command: ['/bin/sh', '-c', 'kill -9 $$'] },
        last: {
          side: raising,
          command: whenTold([...programs.Python!('bell'), 'signal:1']),
        },
        other: waiter('say:waiting', 'wait'),
        emptier,
      })
      await empty(host)
      const { pid } = await host.spawn('other')
      await until('it waits', () => host.output('other').toString() === 'waiting\n' && isAsleep(pid))
      expect((await host.run('one')).exit).toEqual({ signal: 'SIGKILL' })
      await host.spawn('last')
      await end(host, raising)
      // It was woken by nothing of this, or it would have taken and said something.
      writeFileSync(join(host.directory, 'go'), '')
      await host.exited('other')
      expect([traits.showsPeerDeath, traits.showsEnd, await host.text('other')]).toEqual([false, false, 'waiting\n1\n'])
    })

    test(`keepsBoundaries ${traits.keepsBoundaries}: two signals are ${takesAll ? 'one wait' : 'two waits'}`, async () => {
      await using host = await withLink({
        one: raiser('signal:1', 'signal:1'),
        other: waiter('wait'),
        emptier,
      })
      await empty(host)
      await host.run('one')
      await host.run('other')
      expect([await host.text('other'), await read(host)]).toEqual(takesAll ? ['2\n', 0] : ['1\n', 1])
    })

    test(`duplex ${traits.duplex}: the side that signals ${traits.duplex ? 'can wait too' : 'cannot wait'}, and the other way round`, async () => {
      await using host = await withLink({ one: raiser('wait'), other: waiter('signal:1'), emptier })
      await empty(host)
      const codes = [(await host.run('other')).exit, (await host.run('one')).exit]
      expect(codes.every(exit => 'code' in exit && exit.code === 0)).toBe(traits.duplex)
    })

    test(`manyWriters ${traits.manyWriters}: ${traits.manyWriters ? 'what two signal is added' : 'a second one is refused'}`, async () => {
      const processes = { one: raiser('signal:3'), two: raiser('signal:4'), emptier }
      if (!traits.manyWriters) return expect(withLink(processes)).rejects.toThrow(/data/)
      await using host = await withLink(processes)
      await empty(host)
      for (const name of ['one', 'two']) await host.run(name)
      expect(await read(host)).toBe(7)
    })

    test(`manyReaders ${traits.manyReaders}: ${traits.manyReaders ? 'of two who wait one takes it' : 'a second one is refused'}`, async () => {
      const processes = { one: raiser('signal:1'), a: waiter('wait'), b: waiter('wait'), emptier }
      if (!traits.manyReaders) return expect(withLink(processes)).rejects.toThrow(/data/)
      await using host = await withLink(processes)
      await empty(host)
      await host.spawn('a')
      await host.spawn('b')
      const taken = (): string => ['a', 'b'].map(name => host.output(name).toString()).join('')
      await host.run('one', 1)
      await until('one has it', () => taken() === '1\n')
      await host.run('one', 2)
      await until('the other has it', () => taken() === '1\n1\n')
    })

    test(`named ${traits.named}: a stranger has no way to it`, async () => {
      await using host = await withLink({})
      const { data } = await host.host.inspectLinks()
      expect([data!.path, data!.name, data!.id].some(part => part !== undefined)).toBe(traits.named)
      expect(host.recorded.length > 0).toBe(traits.named)
    })
  })
}

async function read(host: TestHost): Promise<number> {
  return (await host.host.inspectLinks()).data!.value as number
}

const isAsleep = (pid: number): boolean => readProcess(pid)?.state === 'S'
