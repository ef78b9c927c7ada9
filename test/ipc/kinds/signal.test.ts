import { closeSync, existsSync, mkdtempSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Config, createSupervisor, type Supervisor } from '../../../src/index.js'
import { holdCalls } from '../../../src/ipc/held-calls.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { plan, problemsOf as problemsIn } from '../../config/support.js'
import { until } from '../../support/conditions.js'
import { listOpenDescriptors } from '../../support/host.js'
import { findLanguages, fixtures } from '../languages.js'

let directory: string
const made: Supervisor[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipcsup-signal-'))
})

afterEach(async () => {
  await Promise.all(made.splice(0).map(supervisor => supervisor.stop({ kill: true })))
  rmSync(directory, { recursive: true, force: true })
})

function make(config: Config): Supervisor {
  const all = { name: 'routes', logs: { directory: join(directory, 'logs') }, ...config }
  const supervisor = createSupervisor(all, { directory })
  made.push(supervisor)
  return supervisor
}

const ear = (signal = 'SIGHUP') => ({
  command: ['/usr/bin/python3', join(fixtures, 'signal/count-signals.py'), signal, 'heard'],
  links: { reload: 'to' },
})
const heard = (word: string) => {
  const path = join(directory, 'heard')
  return existsSync(path) ? readFileSync(path, 'utf8').split(word).length - 1 : 0
}
const isUp = () => until('the ear is up', () => heard('up') > 0)

/** Time that goes on when it is told to. */
function makeClock() {
  let nowMs = 1000
  let due: { readonly delayMs: number; readonly act: () => void } | null = null
  return {
    now: () => nowMs,
    after: (delayMs: number, act: () => void) => {
      due = { delayMs, act }
      return () => {
        due = null
      }
    },
    get delayMs() {
      return due?.delayMs ?? null
    },
    goOn: (byMs: number) => {
      nowMs += byMs
      const { act } = due!
      due = null
      act()
    },
  }
}

const problemsOf = (config: unknown) => problemsIn(config, { kinds })

describe('a config', () => {
  const processes = {
    web: { command: 'true', links: { reload: 'to' } },
    job: { command: 'true', links: { reload: 'from' } },
  }
  const reload = (more: object = {}) => ({ links: { reload: { kind: 'signal', ...more } }, processes })

  test('with a signal or an event that there is none of names the nearest', () => {
    expect(problemsOf(reload({ signal: 'SIGHUB' }))).toEqual([
      expect.stringMatching(/^links\.reload\.signal: must be one of .*got "SIGHUB"\. Did you mean "SIGHUP"\?$/),
    ])
    expect(problemsOf(reload({ on: 'exits' }))).toEqual([
      'links.reload.on: must be one of "exit", "ready" or "call", got "exits". Did you mean "exit"?',
    ])
  })

  test('needs a process to signal, and one that it happens to, unless calls may come from outside', () => {
    const only = (side: string, more: object) =>
      problemsOf({
        links: { reload: { kind: 'signal', ...more } },
        processes: { web: { command: 'true', ready: 'notify', links: { reload: side } } },
      })
    expect(only('to', {})).toEqual([])
    expect(only('from', {})).toEqual([expect.stringContaining('no process has side "to"')])
    for (const on of ['exit', 'ready'])
      expect(only('to', { on })).toEqual([expect.stringContaining('no process has side "from"')])
  })

  test('with readiness of a process that does not tell is an error', () => {
    expect(problemsOf(reload({ on: 'ready' }))).toEqual([
      'links.reload: waits for "job" to be ready, which does not tell. Give it ready: "notify".',
    ])
  })

  test('may have many at both sides without a doubt', () => {
    const many = { ...processes, more: { ...processes.web, replicas: 2 }, jobs: { ...processes.job, replicas: 2 } }
    expect(plan({ links: { reload: { kind: 'signal' } }, processes: many }, { kinds }).warnings).toEqual([])
  })

  test('cannot give a descriptor where nothing is to be called', () => {
    const at = (side: string, more: object) =>
      problemsOf({
        links: { reload: { kind: 'signal', ...more } },
        processes: {
          ...processes,
          other: { command: 'echo {reload.fd}', ready: 'notify', links: { reload: { side, fd: 5 } } },
        },
      })
    expect(at('from', {})).toEqual([])
    expect(at('to', {})).toEqual([
      expect.stringContaining('{reload.fd}: a signal has no descriptor at that side'),
      expect.stringContaining('side "to" of link "reload" has no descriptor'),
    ])
    expect(at('from', { on: 'exit' })).toHaveLength(2)
  })
})

describe('a call', () => {
  test('from outside reaches who runs, and tells who that was', async () => {
    const supervisor = make({ links: { reload: { kind: 'signal' } }, processes: { web: ear(), idle: ear() } })
    await expect(supervisor.callLink('reload')).rejects.toMatchObject({ code: 'IPCSUP_ERR_NOT_STARTED' })
    await supervisor.start(['web'])
    await isUp()
    expect(await supervisor.callLink('reload')).toEqual(['web'])
    await until('it is heard', () => heard('got') === 1)
    await supervisor.stopProcesses(['web'], { end: false })
    expect(await supervisor.callLink('reload')).toEqual([])
  })

  test('of what is no route, or one that is raised otherwise, names those that can be called', async () => {
    const supervisor = make({
      links: { reload: { kind: 'signal' }, gone: { kind: 'signal', on: 'exit' }, lines: { kind: 'fifo' } },
      processes: {
        web: { command: 'sleep 1000', links: { reload: 'to', gone: 'to' } },
        job: { command: 'sleep 1000', links: { gone: 'from' } },
      },
    })
    await supervisor.start()
    for (const name of ['relod', 'gone', 'lines'])
      await expect(supervisor.callLink(name)).rejects.toMatchObject({
        code: 'IPCSUP_ERR_UNKNOWN_LINK',
        message: expect.stringMatching(/that can be called\..* Known: reload\.$/),
      })
  })

  test('from a shell is any bytes at its descriptor, also by a process that has ended and is started again alone', async () => {
    const job = { command: 'echo >&3', shell: true, links: { reload: 'from' }, restart: 'never' } as const
    const supervisor = make({ links: { reload: { kind: 'signal' } }, processes: { web: ear(), job } })
    await supervisor.start(['web'])
    await isUp()
    for (const times of [1, 2]) {
      await supervisor.startProcesses(['job'])
      await until('it is heard', () => heard('got') === times)
      await until('it has ended', async () => (await supervisor.process('job').status()).state === 'completed')
    }
  })

  test('is made in every language, also when its process is killed and started again in the middle', async () => {
    const { Python, Node } = findLanguages('signal')
    const callers = {
      sh: ['/bin/sh', join(fixtures, 'signal/call.sh')],
      Python: Python!('call'),
      Node: Node!('call'),
    }
    const job = (command: readonly string[]) => ({ command, links: { data: 'from' }, restart: 'never' }) as const
    const { command } = ear()
    const supervisor = make({
      links: { data: { kind: 'signal' } },
      processes: {
        web: { command, links: { data: 'to' } },
        ...Object.fromEntries(Object.entries(callers).map(([name, argv]) => [name, job(argv)])),
      },
    })
    await supervisor.start(['web'])
    await isUp()
    for (const [index, name] of Object.keys(callers).entries()) {
      await supervisor.startProcesses([name])
      await until(`${name} is heard`, () => heard('got') === index + 1)
      await supervisor.signalProcesses(['web'], 'SIGKILL')
      await until('the ear is up again', () => heard('up') === index + 2)
    }
  })

  test('is carried out at once, as are some right after it, and a flood is some calls a second', async () => {
    const clock = makeClock()
    const object = holdCalls('data', clock)
    const caller = object.take('from')
    let calls = 0
    object.onCall!('from', () => calls++)
    const callUntil = async (count: number) => {
      while (calls < count) {
        const before = calls
        writeSync(caller, '\n')
        await until('it is carried out', () => calls > before)
      }
    }
    await callUntil(20)
    expect(clock.delayMs).toBe(50)
    for (const _ of [1, 2, 3]) writeSync(caller, '\n')
    await new Promise(resolve => setImmediate(resolve))
    expect(calls).toBe(20)
    clock.goOn(50)
    await until('those that came meanwhile are carried out', () => calls > 20)
    expect([calls, clock.delayMs]).toEqual([21, 50])
    clock.goOn(500)
    await callUntil(31)
    expect(clock.delayMs).toBe(50)
    closeSync(caller)
    object.destroy()
    expect(clock.delayMs).toBeNull()
  })

  test('without end holds up nobody, and leaves no descriptor behind', async () => {
    const before = listOpenDescriptors().length
    const supervisor = make({
      links: { reload: { kind: 'signal', signal: 'SIGUSR1' } },
      processes: {
        web: ear('SIGUSR1'),
        flood: { command: 'exec yes >&3', shell: true, links: { reload: 'from' } },
        short: { command: 'touch done', restart: 'never' },
      },
    })
    await supervisor.start(['web'])
    await isUp()
    await supervisor.startProcesses(['flood'])
    await until('the flood is heard', () => heard('got') > 10)
    await supervisor.startProcesses(['short'])
    await until('somebody else came to its end', () => existsSync(join(directory, 'done')))
    expect((await supervisor.status()).processes.find(({ name }) => name === 'short')).toMatchObject({
      exit: { code: 0 },
    })
    await supervisor.stop({ now: true })
    await until('all is closed', () => listOpenDescriptors().length <= before)
  })
})

test('an end during the stop of the graph signals nobody, and a crash before it does', async () => {
  const supervisor = make({
    links: { reload: { kind: 'signal', on: 'exit' } },
    processes: { web: ear(), job: { command: 'sleep 1000', links: { reload: 'from' } } },
  })
  await supervisor.start()
  await isUp()
  await supervisor.signalProcesses(['job'], 'SIGKILL')
  await until('the crash is heard', () => heard('got') === 1)
  const report = await supervisor.stop()
  expect([report.ok, heard('got')]).toEqual([true, 1])
})

test('status shows who is at its sides, and counts nothing', async () => {
  const supervisor = make({ links: { reload: { kind: 'signal' } }, processes: { web: ear() } })
  await supervisor.start()
  expect((await supervisor.status()).links).toEqual([
    {
      name: 'reload',
      kind: 'signal',
      lifetime: 'auto',
      generation: 1,
      queuedBytes: null,
      capacityBytes: null,
      sides: { from: { processes: [], closed: false }, to: { processes: ['web'], closed: false } },
    },
  ])
})
