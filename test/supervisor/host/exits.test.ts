import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { changeOpenFilesLimit, readOpenFilesLimit } from '../../../src/platform/index.js'
import { watchDeaths } from '../../../src/supervisor/host/leftovers.js'
import { isAlive, readPeakBytes, readProcess } from '../../../src/supervisor/host/proc.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { createTestHost, listOpenDescriptors, type TestHost } from '../../support/host.js'

const lives = (pid: number): boolean => isAlive(readProcess(pid))
const readPid = async (host: TestHost, name: string): Promise<number> => {
  const path = join(host.directory, name)
  let pid = 0
  // Read once: a second incarnation empties the file, and a signal to 0 would end the whole group of this test.
  await until(`${name} is written`, () => {
    pid = existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0
    return pid > 0
  })
  return pid
}
const signal = (host: TestHost, name: string, process = 'one', generation = 1) =>
  host.call({ type: 'signal', process, generation, signal: name }, 'signalled')

test.each([
  ['an exit status', 'exit 3', { code: 3 }],
  ['the largest exit status', 'exit 255', { code: 255 }],
  ['a signal', 'kill -TERM $$', { signal: 'SIGTERM' }],
  ['a signal with two names by its usual one', 'kill -ABRT $$', { signal: 'SIGABRT' }],
  ['SIGPIPE, which is not ignored', 'kill -PIPE $$', { signal: 'SIGPIPE' }],
])('an exit tells %s', async (_, script, exit) => {
  await using host = createTestHost({ processes: { one: { command: ['sh', '-c', script] } } })
  expect(await host.run('one')).toMatchObject({ exit, leftovers: [] })
})

test('§15 CPU times are those of the process', async () => {
  await using host = createTestHost({
    processes: {
      busy: { command: ['python3', '-c', 'import time\nwhile time.process_time() < 0.3: pass'] },
      idle: { command: ['sleep', '0.1'] },
    },
  })
  const busy = await host.run('busy')
  expect(busy.usage.userMs! + busy.usage.systemMs!).toBeGreaterThan(290)
  const idle = await host.run('idle')
  expect(idle.usage.userMs! + idle.usage.systemMs!).toBeLessThan(50)
})

test('§15 the peak memory of a short small process is unknown, never that of the supervisor', async () => {
  const ballast = Buffer.alloc(64 * 1024 * 1024, 1)
  await using host = createTestHost({ processes: { one: { command: ['true'] } } })
  const { usage } = await host.run('one')
  expect(ballast[0]).toBe(1)
  if (usage.maxRssBytes !== null) expect(usage.maxRssBytes).toBeLessThan(16 * 1024 * 1024)
})

test('§15 the peak memory of a large process is its own', async () => {
  const bytes = readPeakBytes('self')! + 50_000_000
  await using host = createTestHost({ processes: { one: { command: ['python3', '-c', `x = b"a" * ${bytes}`] } } })
  const { usage } = await host.run('one')
  expect(usage.maxRssBytes).toBeGreaterThan(bytes)
  expect(usage.maxRssBytes).toBeLessThan(bytes + 50_000_000)
})

test('§15 the peak memory of a small process that lives for a while is sampled', async () => {
  await using host = createTestHost({ processes: { one: { command: ['sleep', '100'] } } })
  await host.spawn('one')
  await signal(host, 'SIGTERM')
  const { usage } = await host.exited('one')
  expect(usage.maxRssBytes).toBeGreaterThan(0)
  expect(usage.maxRssBytes).toBeLessThan(16 * 1024 * 1024)
})

test('§2 an exit tells how its input and its audience stood: there, with something unread, ended', async () => {
  await using host = createTestHost({
    links: { in: { kind: 'pipe' }, out: { kind: 'pipe' } },
    processes: {
      first: { command: ['printf', 'abc'], stdout: 'in' },
      // Takes as many bytes as it had incarnations.
      one: {
        command: ['sh', '-c', 'exec dd bs=$IPCSUP_GENERATION count=1 status=none'],
        stdin: 'in',
        stdout: 'out',
        stderr: 'null',
      },
    },
  })
  await host.openAll()
  await host.run('first')
  expect(await host.run('one', 1)).toMatchObject({ inputs: { in: 'open' }, outputs: { out: 'open' } })
  const close = (link: string, side: string) =>
    host.call({ type: 'release', link, generation: 1, side, reason: 'over' }, 'released')
  await close('in', 'write')
  await close('out', 'read')
  expect((await host.exited('one', 1)).inputs).toEqual({ in: 'open' })
  const second = await host.run('one', 2)
  expect(second).toMatchObject({ exit: { signal: 'SIGPIPE' }, inputs: { in: 'ended' }, outputs: { out: 'ended' } })
})

test('§2 an end with something left to read is told apart from an end of input', async () => {
  await using host = createTestHost({
    links: { in: { kind: 'pipe' } },
    processes: { first: { command: ['printf', 'abc'], stdout: 'in' }, one: { command: ['true'], stdin: 'in' } },
  })
  await host.openAll()
  await host.run('first')
  await host.call({ type: 'release', link: 'in', generation: 1, side: 'write', reason: 'over' }, 'released')
  expect((await host.run('one')).inputs).toEqual({ in: 'unread' })
  const released = await host.call(
    { type: 'release', link: 'in', generation: 1, side: 'read', reason: 'over' },
    'released',
  )
  expect(released.unreadBytes).toBe(3)
  expect((await host.refuse('one', 2)).error.message).toMatch(/read side of link "in", which is closed/)
})

test('§6 the group of a process that left nothing behind is empty', async () => {
  await using host = createTestHost({ processes: { one: { command: ['sh', '-c', 'sleep 0 & wait'] } } })
  expect((await host.run('one')).leftovers).toEqual([])
  expect(host.events.map(({ type }) => type)).not.toContain('cleared')
})

test('§6 live members of the group are leftovers, and cleared tells when the last is gone', async () => {
  await using host = createTestHost({
    processes: { one: { command: ['sh', '-c', 'sleep 1000 & echo $! > left; exit 3'] } },
  })
  const exited = await host.run('one')
  const left = await readPid(host, 'left')
  expect(exited).toMatchObject({ exit: { code: 3 }, leftovers: [left] })
  expect(lives(left)).toBe(true)
  await signal(host, 'SIGTERM')
  await host.event('cleared', ({ process, generation }) => process === 'one' && generation === 1)
  expect(lives(left)).toBe(false)
})

test('§19 what a leftover breaks as it ends is mended too: here the path of a socket', async () => {
  const leftover = `trap 'rm -f "$IPCSUP_PATH_API"; exit' TERM; echo > trapped; while :; do sleep 0.01; done`
  await using host = createTestHost({
    links: { api: { kind: 'unix', path: 'api' } },
    processes: {
      one: {
        command: ['sh', '-c', `(${leftover}) & while ! test -e trapped; do sleep 0.01; done`],
        links: { api: 'listen' },
      },
    },
  })
  await host.openAll()
  await host.run('one')
  const path = join(host.directory, 'api')
  expect(existsSync(path)).toBe(true)
  await signal(host, 'SIGTERM')
  await until('the leftover is gone', () => host.events.some(({ type }) => type === 'cleared'))
  expect(existsSync(path)).toBe(true)
})

test('§6 a leftover that is stopped is woken to obey', async () => {
  await using host = createTestHost({
    processes: { one: { command: ['sh', '-c', 'sleep 1000 & kill -STOP $!; echo $! > left'] } },
  })
  await host.run('one')
  await signal(host, 'SIGTERM')
  await host.event('cleared')
})

test('§6 a leftover that has a child before it ends is followed until that is gone too', async () => {
  const script = 'trap "sleep 1000 & echo \\$! > second; exit" TERM; echo ready > first; while :; do sleep 0.01; done'
  await using host = createTestHost({
    processes: { one: { command: ['sh', '-c', `sh -c '${script}' & while ! test -e first; do sleep 0.01; done`] } },
  })
  await host.run('one')
  await signal(host, 'SIGTERM')
  const second = await readPid(host, 'second')
  expect(host.events.map(({ type }) => type)).not.toContain('cleared')
  await until('the second is signalled until it ends', async () => {
    await signal(host, 'SIGKILL')
    return !lives(second)
  })
  await host.event('cleared')
})

const driver = bundleProgram(join(import.meta.dirname, 'drivers/run-processes.ts'))
// PID 1 that waits for one child and reaps nobody else.
const lazyInit = 'import os, sys\npid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)\nos.waitpid(pid, 0)'
// A shell would reap it.
const waitForZombie = `
import sys, time
while open("/proc/%s/stat" % sys.argv[1]).read().rpartition(")")[2].split()[0] != "Z": time.sleep(0.01)`
const canUnshare = spawnSync('unshare', ['-pf', '--mount-proc', 'true']).status === 0

test.skipIf(!canUnshare)('§6 a group of zombies that nobody reaps is empty (needs unshare)', () => {
  const config = {
    processes: {
      dead: { command: ['sh', '-c', 'sh -c "exit 0" & exec python3 -c "$1" $!', 'sh', waitForZombie] },
      dying: { command: ['sh', '-c', 'sleep 1000 & exit 3'] },
    },
  }
  const command = ['-pf', '--mount-proc', 'python3', '-c', lazyInit, process.execPath, driver, JSON.stringify(config)]
  const { stdout, stderr } = spawnSync('unshare', command, { encoding: 'utf8', timeout: 120_000 })
  expect(stderr).toBe('')
  const [dead, dying] = JSON.parse(stdout.trim()).exits
  expect(dead).toMatchObject({ leftovers: [] })
  expect(dying).toMatchObject({ exit: { code: 3 }, leftovers: [expect.any(Number)] })
})

test('§6 a signal that ends also reaches a descendant that left the group', async () => {
  await using host = createTestHost({
    processes: { one: { command: ['sh', '-c', 'setsid sh -c "echo \\$\\$ > stray; exec sleep 1000" & wait'] } },
  })
  await host.spawn('one')
  const stray = await readPid(host, 'stray')
  await signal(host, 'SIGTERM')
  await until('the stray is gone', () => !lives(stray))
})

test('§6 a signal that ends also reaches a stray whose parent is gone, by its environment', async () => {
  await using host = createTestHost({
    processes: {
      one: { command: ['sh', '-c', 'setsid -f sh -c "echo \\$\\$ > stray; exec sleep 1000"; exec sleep 1000'] },
      other: { command: ['sh', '-c', 'setsid -f sh -c "echo \\$\\$ > kept; exec sleep 1000"; exec sleep 1000'] },
    },
  })
  await host.spawn('one')
  await host.spawn('other')
  const [stray, kept] = [await readPid(host, 'stray'), await readPid(host, 'kept')]
  await signal(host, 'SIGTERM')
  await until('the stray is gone', () => !lives(stray))
  expect(lives(kept)).toBe(true)
})

test('§6 processes of a supervisor below are left to it, except by SIGKILL', async () => {
  const inner =
    'trap "echo drained > drained; exit" TERM; env IPCSUP_RUN=inner setsid sh -c "echo \\$\\$ > kept; exec sleep 1000" & while :; do sleep 0.01; done'
  await using host = createTestHost({ processes: { one: { command: ['sh', '-c', inner] } } })
  await host.spawn('one')
  const kept = await readPid(host, 'kept')
  await signal(host, 'SIGTERM')
  await host.exited('one')
  expect(lives(kept)).toBe(true)
  await host.spawn('one', 2)
  await until('the second is there', async () => (await readPid(host, 'kept')) !== kept)
  const second = await readPid(host, 'kept')
  await signal(host, 'SIGKILL', 'one', 2)
  await until('it is gone', () => !lives(second))
  process.kill(kept, 'SIGKILL')
})

test('a signal that does not end is for the group alone', async () => {
  const stray = 'setsid sh -c "trap \\"echo got > got\\" USR1; echo \\$\\$ > stray; while :; do sleep 0.01; done" &'
  await using host = createTestHost({
    processes: {
      one: { command: ['sh', '-c', `trap "echo mine > mine" USR1; ${stray} while :; do sleep 0.01; done`] },
    },
  })
  await host.spawn('one')
  await readPid(host, 'stray')
  await signal(host, 'SIGUSR1')
  await until('the process got it', () => existsSync(join(host.directory, 'mine')))
  expect(existsSync(join(host.directory, 'got'))).toBe(false)
})

test('§6 the stop signal of a process reaches its strays, whichever it is', async () => {
  const stray = 'setsid sh -c "echo \\$\\$ > stray; exec sleep 1000" &'
  await using host = createTestHost({
    processes: { one: { command: ['sh', '-c', `${stray} exec sleep 1000`], stopSignal: 'SIGUSR1' } },
  })
  await host.spawn('one')
  const pid = await readPid(host, 'stray')
  await signal(host, 'SIGUSR1')
  await until('the stray is gone', () => !lives(pid))
})

test('a stopped process obeys SIGTERM, because SIGCONT follows', async () => {
  await using host = createTestHost({ processes: { one: { command: ['sleep', '1000'] } } })
  const { pid } = await host.spawn('one')
  await signal(host, 'SIGSTOP')
  await until('it is stopped', () => readProcess(pid)?.state === 'T')
  await signal(host, 'SIGTERM')
  expect((await host.exited('one')).exit).toEqual({ signal: 'SIGTERM' })
})

test('a signal for an incarnation that is over reaches nobody', async () => {
  await using host = createTestHost({ processes: { one: { command: ['sleep', '1000'] } } })
  await host.spawn('one', 1)
  await signal(host, 'SIGKILL')
  await host.exited('one', 1)
  const { pid } = await host.spawn('one', 2)
  await signal(host, 'SIGKILL', 'one', 1)
  expect(lives(pid)).toBe(true)
})

test('close ends what is left, names it, and gives up everything', async () => {
  const before = listOpenDescriptors()
  await using host = createTestHost({
    links: { lines: { kind: 'pipe' }, spot: { kind: 'fifo', path: 'spot' } },
    processes: {
      done: { command: ['sh', '-c', 'sleep 1000 & echo $! > left'] },
      deaf: {
        command: [
          'sh',
          '-c',
          'trap "" TERM; setsid -f sh -c "trap \\"\\" TERM; echo \\$\\$ > deaf; while :; do sleep 0.01; done"',
        ],
      },
      live: { command: ['sleep', '1000'], stdin: 'lines' },
    },
  })
  await host.openAll()
  for (const name of ['done', 'deaf', 'live']) await host.spawn(name)
  await host.exited('done')
  await host.exited('deaf')
  const pids = {
    done: await readPid(host, 'left'),
    deaf: await readPid(host, 'deaf'),
    live: (await host.spawn('live')).pid,
  }
  const { leftovers } = await host.close(200)
  expect(leftovers).toMatchObject({ done: [pids.done], live: [pids.live] })
  expect(leftovers['deaf']).toContain(pids.deaf)
  expect(Object.values(pids).filter(lives)).toEqual([])
  expect(existsSync(join(host.directory, 'spot'))).toBe(false)
  expect(listOpenDescriptors()).toEqual(before)
})

test('inspectProcesses tells CPU and memory of live instances', async () => {
  await using host = createTestHost({
    processes: { busy: { command: ['python3', '-c', 'while True: pass'] }, idle: { command: ['sleep', '1000'] } },
  })
  await host.spawn('busy')
  await host.spawn('idle')
  let found: Awaited<ReturnType<typeof host.host.inspectProcesses>> = {}
  await until('the busy one is seen to be, and the idle one once it has started', async () => {
    found = await host.host.inspectProcesses()
    // On a busy machine it gets little of a core.
    return (found['busy']?.cpuPercent ?? 0) > 5 && found['idle']?.cpuPercent === 0
  })
  expect(found['busy']!.residentBytes).toBeGreaterThan(1_000_000)
})

test('a process that ends while another part of the program spawns children is still accounted for', async () => {
  await using host = createTestHost({ processes: { one: { command: ['sh', '-c', 'exit 5'] } } })
  const spawned = host.spawn('one')
  spawnSync('true')
  await spawned
  spawnSync('true')
  expect((await host.exited('one')).exit).toEqual({ code: 5 })
  writeFileSync(join(host.directory, 'x'), '')
})

describe('without a descriptor left', () => {
  const own = readOpenFilesLimit()
  afterEach(() => changeOpenFilesLimit(own))
  const exhaust = (): void => changeOpenFilesLimit({ soft: 3, hard: own.hard })
  const exists = (pid: number): boolean => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  /** Its main process is gone, and one of its group is left. */
  async function leaveOne(host: TestHost): Promise<number> {
    const { pid } = await host.spawn('one')
    const left = await readPid(host, 'left')
    exhaust()
    process.kill(pid, 'SIGKILL')
    await until('it is reaped', () => !exists(pid))
    return left
  }
  const leaver = { command: ['sh', '-c', 'sleep 1000 & echo $! > left.new; mv left.new left; wait'] }

  test('an exit is told, with all that is left, once there are some again', async () => {
    await using host = createTestHost({ processes: { one: leaver } })
    const left = await leaveOne(host)
    await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
    expect(host.events.filter(({ type }) => type === 'exited')).toEqual([])
    changeOpenFilesLimit(own)
    expect((await host.exited('one')).leftovers).toEqual([left])
    exhaust()
    process.kill(left, 'SIGKILL')
    await until('it is gone', () => !exists(left))
    changeOpenFilesLimit(own)
    await host.event('cleared')
  })

  test('an exit is told after a while all the same, and what it left is not followed', async () => {
    await using host = createTestHost({ processes: { one: leaver } })
    await leaveOne(host)
    expect((await host.exited('one')).leftovers).toEqual([])
    expect(await host.event('warning')).toMatchObject({ message: expect.stringMatching(/^What ended .*ulimit -n/) })
    changeOpenFilesLimit(own)
  })

  test('what is left and cannot be watched is asked after', async () => {
    const child = spawn('sleep', ['1000'])
    await once(child, 'spawn')
    exhaust()
    let isOver = false
    const watch = watchDeaths([child.pid!], () => {
      isOver = true
    })
    changeOpenFilesLimit(own)
    await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
    expect(isOver).toBe(false)
    child.kill('SIGKILL')
    await until('its death is noticed', () => isOver)
    watch.stop()
  })

  test('a listening socket is given up all the same', async () => {
    await using host = createTestHost({ links: { web: { kind: 'unix', path: 'web.sock' } } })
    await host.openAll()
    exhaust()
    const released = { type: 'release', link: 'web', generation: 1, side: 'listen', reason: 'over' } as const
    expect(await host.call(released, 'released')).toMatchObject({ unreadBytes: null })
  })
})

test('an object that cannot be mended after an exit is told, and the exit, too', async () => {
  await using host = createTestHost({
    links: { slots: { kind: 'semaphore' } },
    processes: { one: { command: ['true'], links: { slots: 'use' } } },
  })
  await host.openAll()
  const { name } = (await host.host.inspectLinks())['slots']!
  truncateSync(`/dev/shm/sem.${name!.slice(1)}`)
  expect((await host.run('one')).exit).toEqual({ code: 0 })
  expect(await host.event('warning')).toMatchObject({
    message: expect.stringMatching(/^Link "slots" may not be whole after the end of a process: .*cut off/),
  })
})
