/**
 * What permits must do: never more of them are taken than there are, whatever language their takers are written in. Each
 * trait is shown by an effect, both where it is true and where it is false; nothing here knows the name of a kind.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { until } from '../../support/conditions.js'
import type { TestHost } from '../../support/host.js'
import { findLanguages } from '../languages.js'
import type { Subject } from '../subject.js'

const programs = findLanguages('permits')
const driver = join(import.meta.dirname, '../drivers/permits.py')
const use = (...actions: string[]): string[] => ['/usr/bin/python3', driver, 'data', ...actions]

export function permits({ sides, traits, withLink, end }: Subject): void {
  const side = Object.keys(sides)[0]!
  const taker = (...actions: string[]) => ({ side, command: use(...actions) })
  /** As many processes as there are permits less one, each with one. */
  const takeAllButOne = async (host: TestHost): Promise<void> => {
    const count = (await countFree(host)) - 1
    for (let number = 0; number < count; number++) await host.spawn(`keeper${number}`)
    await until('one is left', async () => (await countFree(host)) === 1)
  }
  const keepers = { keeper0: taker('take', 'sleep'), keeper1: taker('take', 'sleep') }

  test('tells how many permits are free', async () => {
    await using host = await withLink({ one: taker('take', 'wait:go', 'give', 'say:given', 'sleep') })
    const all = await countFree(host)
    expect(all).toBeGreaterThan(0)
    await host.spawn('one')
    await says(host, 'one', 'taken')
    expect(await countFree(host)).toBe(all - 1)
    writeFileSync(join(host.directory, 'go'), '')
    await says(host, 'one', 'taken\ngiven')
    expect(await countFree(host)).toBe(all)
  })

  describe('between children', () => {
    test.for([
      ['Python', 'C'],
      ['C', 'Node'],
      ['Node', 'Python'],
      ['Node', 'Node'],
    ] as const)('two that count in one file under a permit, in %s and %s, miss nothing', async ([a, b], { skip }) => {
      const [one, two] = [programs[a], programs[b]]
      if (!one || !two) return skip('there is no C compiler')
      const times = 400
      await using host = await withLink({
        one: { side, command: [...one('count'), 'data', 'counter', String(times)] },
        two: { side, command: [...two('count'), 'data', 'counter', String(times)] },
        ...keepers,
      })
      const counter = join(host.directory, 'counter')
      writeFileSync(counter, '0\n')
      await takeAllButOne(host)
      await Promise.all([host.spawn('one'), host.spawn('two')])
      const ends = [await host.exited('one'), await host.exited('two')]
      expect(ends.map(({ exit }) => exit)).toEqual([{ code: 0 }, { code: 0 }])
      expect(readFileSync(counter, 'utf8')).toBe(`${2 * times}\n`)
      expect(await countFree(host)).toBe(1)
    })

    test('no more are taken than there are, and the next waits until one is given back', async () => {
      const names = ['a', 'b', 'c', 'd', 'e']
      await using host = await withLink(
        Object.fromEntries(names.map(name => [name, taker('take', `wait:${name}`, 'give', 'sleep')])),
      )
      const all = await countFree(host)
      for (const name of names) await host.spawn(name)
      const holders = (): string[] => names.filter(name => host.output(name).toString() === 'taken\n')
      await until('all permits are taken', () => holders().length === all)
      expect(await countFree(host)).toBe(0)
      const first = holders()
      expect(first).toHaveLength(all)
      writeFileSync(join(host.directory, first[0]!), '')
      await until('another has it', () => holders().length === all + 1)
    })
  })

  describe('its traits', () => {
    test(`survivesRestart ${traits.survivesRestart}: what is free is the same after its users were killed and started again`, async () => {
      await using host = await withLink({ one: taker('take', 'give', 'say:done', 'sleep'), two: taker('try', 'sleep') })
      const all = await countFree(host)
      await host.spawn('one', 1)
      await says(host, 'one', 'taken\ndone')
      await host.kill('one')
      await host.spawn('two', 1)
      await says(host, 'two', 'taken')
      expect(await countFree(host)).toBe(traits.survivesRestart ? all - 1 : all)
    })

    test(`showsPeerDeath ${traits.showsPeerDeath}: the permit of a holder that was killed ${traits.showsPeerDeath ? 'comes back' : 'does not come back'}`, async () => {
      await using host = await withLink({
        holder: taker('take', 'sleep'),
        waiter: taker('take', 'sleep'),
        ...keepers,
      })
      await takeAllButOne(host)
      await host.spawn('holder')
      await says(host, 'holder', 'taken')
      await host.spawn('waiter')
      await host.kill('holder')
      if (traits.showsPeerDeath) await says(host, 'waiter', 'taken')
      expect(await countFree(host)).toBe(0)
      expect(host.output('waiter').toString()).toBe(traits.showsPeerDeath ? 'taken\n' : '')
    })

    test(`keepsBoundaries ${traits.keepsBoundaries}: giving back twice is ${traits.keepsBoundaries ? 'two permits' : 'one permit'}`, async () => {
      await using host = await withLink({
        giver: taker('take', 'give', 'give', 'say:done', 'sleep'),
        one: taker('try', 'sleep'),
        two: taker('try', 'sleep'),
        ...keepers,
      })
      await takeAllButOne(host)
      await host.spawn('giver')
      await says(host, 'giver', 'taken\ndone')
      await host.spawn('one')
      await says(host, 'one', 'taken')
      await host.spawn('two')
      await says(host, 'two', traits.keepsBoundaries ? 'taken' : 'none free')
    })

    test(`duplex ${traits.duplex}: who takes ${traits.duplex ? 'gives back' : 'cannot give back'} at the same side`, async () => {
      await using host = await withLink({ one: taker('take', 'give', 'take'), ...keepers })
      await takeAllButOne(host)
      await host.spawn('one')
      await says(host, 'one', traits.duplex ? 'taken\ntaken' : 'taken')
    })

    test(`manyReaders ${traits.manyReaders}, manyWriters ${traits.manyWriters}: ${traits.manyReaders ? 'several processes take and give' : 'a second process is refused'}`, async () => {
      const both = { one: taker('take', 'give', 'say:given'), two: taker('take', 'give', 'say:given') }
      if (!traits.manyReaders || !traits.manyWriters) return expect(withLink(both)).rejects.toThrow(/data/)
      await using host = await withLink(both)
      for (const name of ['one', 'two']) expect((await host.run(name)).exit).toEqual({ code: 0 })
      expect(await host.text('two')).toBe('taken\ngiven\n')
    })

    test(`named ${traits.named}: a stranger ${traits.named ? 'takes by its name' : 'has no way to it'}`, async () => {
      await using host = await withLink({ one: taker('take', 'say:held', 'sleep'), ...keepers })
      const { data } = await host.host.inspectLinks()
      expect(host.recorded.length).toBe(traits.named ? 2 : 0)
      expect([data!.path, data!.name, data!.id].some(part => part !== undefined)).toBe(traits.named)
      if (!traits.named) return
      await takeAllButOne(host)
      expect(askAsStranger(data!)).toBe('taken\n')
      const free = await countFree(host)
      // What the stranger took is back if its end showed.
      expect(free).toBe(traits.showsPeerDeath ? 1 : 0)
      if (free === 0) return
      await host.spawn('one')
      await says(host, 'one', 'taken\nheld')
      expect(askAsStranger(data!)).toBe('none free\n')
    })

    test(`showsEnd ${traits.showsEnd}: who waits is not told that all others are finished`, async () => {
      await using host = await withLink({
        holder: taker('take', 'wait:go', 'give', 'sleep'),
        waiter: taker('say:waiting', 'take'),
        ...keepers,
      })
      await takeAllButOne(host)
      await host.spawn('holder')
      await says(host, 'holder', 'taken')
      await host.spawn('waiter')
      await says(host, 'waiter', 'waiting')
      await end(host, side)
      writeFileSync(join(host.directory, 'go'), '')
      await host.exited('waiter')
      expect([traits.showsEnd, await host.text('waiter')]).toEqual([false, 'waiting\ntaken\n'])
    })
  })
}

/** Of the first member. */
async function countFree(host: TestHost): Promise<number> {
  const { value } = (await host.host.inspectLinks()).data!
  return typeof value === 'number' ? value : value![0]!
}

const says = (host: TestHost, process: string, lines: string): Promise<void> =>
  until(`${process} says ${lines}`, () => host.output(process).toString() === `${lines}\n`)

/** Tries to take a permit as a program that ipcsup did not start. */
function askAsStranger({ path, name, id }: { path?: string; name?: string; id?: number }): string {
  const env = {
    ...(name !== undefined && { IPCSUP_NAME_DATA: name }),
    ...(id !== undefined && { IPCSUP_ID_DATA: String(id) }),
    ...(path !== undefined && { IPCSUP_FD_DATA: '9', LOCK: path }),
  }
  const open = path === undefined ? '' : 'exec 9<> "$LOCK"; '
  return execFileSync('/bin/sh', ['-c', `${open}exec /usr/bin/python3 "$1" data try`, 'sh', driver], {
    env,
    encoding: 'utf8',
  })
}
