/**
 * What routes must do: what happens to the processes at one side becomes a signal to those at the other. Shown with a
 * whole supervisor, since it is the supervisor that does it. Each trait is shown by an effect.
 */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Config, createSupervisor } from '../../../src/index.js'
import type { Route } from '../../../src/ipc/kind.js'
import { countQueuedBytes } from '../../../src/platform/index.js'
import type { ProcessState } from '../../../src/supervisor/controls.js'
import type { Supervisor } from '../../../src/supervisor/supervisor.js'
import { until } from '../../support/conditions.js'
import { listOpenDescriptors } from '../../support/host.js'
import { findLanguages, fixtures } from '../languages.js'
import type { Subject } from '../subject.js'

const others = findLanguages('signal')
const counters: Readonly<Record<string, readonly string[]>> = {
  sh: ['/bin/sh', join(fixtures, 'signal/count-signals.sh')],
  Python: others.Python!('count-signals'),
  Node: others.Node!('count-signals'),
  ...(others.C && { C: others.C('count-signals') }),
}
const python = counters['Python']!
/** Not that of any variant. */
const markSignal = 'SIGUSR2'

/** What makes the thing happen, in one life. */
const causes: Readonly<Record<Route['on'], readonly string[]>> = {
  exit: ['true'],
  ready: ['/usr/bin/python3', join(fixtures, 'notify/notify.py'), 'READY=1'],
  call: ['/bin/sh', join(fixtures, 'signal/call.sh')],
}

export function route({ kind, link: given, options, sides, traits }: Subject): void {
  const { on, from, to, signal } = kind.route!(options)

  test('survives nothing and keeps no boundaries, and says so', () => {
    expect(traits).toMatchObject({ survivesRestart: false, keepsBoundaries: false, showsEnd: false, duplex: false })
  })

  test('reaches every process at the other side, in every language, from each that it happens to', async () => {
    await using world = await begin({ ...counters }, { one: causes[on], two: causes[on] })
    await world.happens('one')
    for (const name of Object.keys(counters)) await world.gets(name, 1)
    await world.happens('two')
    for (const name of Object.keys(counters)) await world.gets(name, 2)
    expect([traits.manyReaders, traits.manyWriters]).toEqual([true, true])
  })

  test('is lost on a process that does not run, and nothing of it comes to its next incarnation', async () => {
    await using world = await begin({ ear: python }, { one: causes[on], two: causes[on] })
    await world.supervisor.stopProcesses(['ear'], { end: false })
    await world.happens('one')
    await world.supervisor.startProcesses(['ear'])
    await world.isUp('ear', 2)
    expect(await world.count('ear')).toBe(0)
    await world.happens('two')
    await world.gets('ear', 1)
    expect(traits.survivesRestart).toBe(false)
  })

  test('merges what happens faster than it is heard', async () => {
    await using world = await begin({ ear: [...python, 'deaf'] }, { one: causes[on], two: causes[on] })
    await world.happens('one')
    await world.happens('two')
    if (on === 'call') await untilTaken(world.supervisor, from)
    await world.count('ear')
    writeFileSync(join(world.directory, 'ear.hear'), '')
    await world.gets('ear', 1)
    expect(await world.count('ear')).toBe(1)
    expect(traits.keepsBoundaries).toBe(false)
  })

  test('tells of the death of a process exactly where it says so', async () => {
    await using world = await begin({ ear: python }, { one: ['sleep', '1000'] })
    await world.supervisor.startProcesses(['one'])
    await world.reaches('one', 'running')
    await world.supervisor.signalProcesses(['one'], 'SIGKILL')
    await world.reaches('one', 'failed')
    expect(await world.count('ear')).toBe(traits.showsPeerDeath ? 1 : 0)
  })

  test('gives the side that is signalled nothing, and the other one a descriptor where it must call', async () => {
    expect([sides[from]!.descriptor, sides[to]!.descriptor]).toEqual([on === 'call', false])
    await using world = await begin({ ear: python }, { one: ['sh', '-c', 'test -e /proc/self/fd/3'] })
    await world.supervisor.startProcesses(['one'])
    await world.reaches('one', on === 'call' ? 'completed' : 'failed')
    const { link } = world.supervisor
    // What the app has is the same: an end that can call where there is something to write to.
    const end = (await link.call(world.supervisor, 'data', from)) as { call(): void; close(): void; signal: string }
    expect(end.signal).toBe(signal)
    const before = await world.count('ear')
    if (on !== 'call') expect(() => end.call()).toThrow(/EBADF/)
    else {
      end.call()
      await world.gets('ear', before + 1)
    }
    end.close()
    expect(() => end.call()).toThrow(/EBADF/)
  })

  async function begin(
    ears: Readonly<Record<string, readonly string[]>>,
    mouths: Readonly<Record<string, readonly string[]>>,
  ) {
    const directory = mkdtempSync(join(tmpdir(), 'ipcsup-route-'))
    const file = (name: string) => join(directory, name)
    const link = (side: string) => ({ links: { data: side }, restart: 'never' as const })
    const config = {
      name: 'route',
      logs: { directory: join(directory, 'logs') },
      links: { data: given },
      processes: {
        ...Object.fromEntries(
          Object.entries(ears).map(([name, [program, script, ...more]]) => {
            const words = script === undefined ? [] : [script]
            const argv = name === 'C' ? [program!] : [program!, ...words]
            return [name, { command: [...argv, signal, file(name), ...more], ...link(to) }]
          }),
        ),
        ...Object.fromEntries(
          Object.entries(mouths).map(([name, command]) => [name, { command, ready: 'notify', ...link(from) }]),
        ),
      },
    }
    const supervisor = createSupervisor(config as unknown as Config, { directory })
    const world = watch(supervisor, directory)
    await supervisor.start(Object.keys(ears))
    for (const name of Object.keys(ears)) await world.isUp(name, 1)
    return world
  }
}

/** A call that comes soon after another waits in the pipe of its link. */
async function untilTaken(supervisor: Supervisor, side: string): Promise<void> {
  const listPipes = () => listOpenDescriptors().filter(row => row.includes('pipe:'))
  const before = listPipes()
  const end = (await supervisor.link('data', side)) as { close(): void }
  const [own] = listPipes().filter(row => !before.includes(row))
  await until('every call was taken', () => countQueuedBytes(Number.parseInt(own!, 10)) === 0)
  end.close()
}

/** A supervisor, and what the ears have heard, each of which writes a file of its name. */
function watch(supervisor: Supervisor, directory: string) {
  const lines = (name: string): string[] => {
    const path = join(directory, name)
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
  }
  const many = (name: string, word: string) => lines(name).filter(line => line === word).length
  const isUp = (name: string, times: number) => until(`${name} is up`, () => many(name, 'up') >= times)
  const state = async (name: string) => (await supervisor.process(name).status()).state
  const reaches = (name: string, wanted: ProcessState) =>
    until(`${name} is ${wanted}`, async () => (await state(name)) === wanted)
  const mark = async (name: string) => {
    const before = many(name, 'mark')
    await supervisor.signalProcesses([name], markSignal)
    await until(`${name} hears the mark`, () => many(name, 'mark') > before)
  }
  return {
    directory,
    supervisor,
    isUp,
    reaches,
    /** A life of that process, to its end. */
    happens: async (name: string) => {
      await supervisor.startProcesses([name])
      await reaches(name, 'completed')
    },
    gets: (name: string, times: number) => until(`${name} gets ${times}`, () => many(name, 'got') === times),
    /** Of what was sent until now: a later signal may only overtake one, not two of them. */
    count: async (name: string) => {
      await mark(name)
      await mark(name)
      return many(name, 'got')
    },
    [Symbol.asyncDispose]: async () => {
      await supervisor.stop({ kill: true })
    },
  }
}
