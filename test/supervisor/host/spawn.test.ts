import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { duplicateDescriptor, makeBlocking } from '../../../src/platform/index.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { createTestHost, listOpenDescriptors } from '../../support/host.js'

const listFds = 'for f in /proc/self/fd/*; do echo "${f##*/}"; done'

test('§8 a child has the declared descriptors and no others', async () => {
  await using host = createTestHost({
    links: { lines: { kind: 'pipe' }, talk: { kind: 'socketpair' } },
    processes: {
      one: { command: ['/bin/sh', '-c', listFds], links: { lines: { side: 'write', fd: 7 }, talk: 'a' } },
    },
  })
  await host.openAll()
  await host.run('one')
  // `for` expands in the shell itself, which has no descriptor of its own for the listing afterwards but one while it lists.
  const listed = (await host.text('one')).trim().split('\n').map(Number)
  expect(listed.filter(fd => fd < 10 && fd !== 4)).toEqual([0, 1, 2, 3, 7])
})

test('§8 a grandchild has the declared descriptors and no others, also when the supervisor leaks some', async () => {
  const leaks = leakDescriptors()
  try {
    await using host = createTestHost({
      links: { lines: { kind: 'pipe' } },
      processes: {
        one: {
          command: ['/bin/sh', '-c', '/bin/sh -c "ls -l /proc/self/fd; :"; :'],
          links: { lines: { side: 'write', fd: 200 } },
        },
      },
    })
    await host.openAll()
    await host.run('one')
    const rows = (await host.text('one')).split('\n').filter(row => row.includes('->'))
    const open = rows.map(row => row.replace(/.* (\d+) -> (\S+).*/, '$1 $2')).filter(row => !row.includes('/proc/'))
    expect(open.map(row => row.split(' ')[0])).toEqual(['0', '1', '2', '200'])
  } finally {
    for (const descriptor of leaks) closeSync(descriptor)
  }
})

/** Two descriptors of this very process that are not close-on-exec, one below 200 and one above. */
function leakDescriptors(): [low: number, high: number] {
  const koffi = process.getBuiltinModule('module').createRequire(import.meta.url)('koffi')
  const fcntl = koffi.load(null).func('int fcntl(int fd, int command, long value)')
  const low = openSync('/dev/null', 'r')
  const high = duplicateDescriptor(low, 300)
  for (const descriptor of [low, high]) fcntl(descriptor, 2, 0)
  return [low, high]
}

test('every signal of a child has its default disposition and none is blocked', async () => {
  await using host = createTestHost({
    processes: { one: { command: ['cat', '/proc/self/status'] } },
  })
  await host.run('one')
  // Node itself ignores SIGPIPE and handles others.
  expect(readFileSync('/proc/self/status', 'utf8')).toMatch(/SigIgn:\s+[0-9a-f]*1...\n/)
  const rows = (await host.text('one')).split('\n').filter(row => /^Sig(Blk|Ign|Cgt)/.test(row))
  expect(rows.map(row => BigInt(`0x${row.split(/\s+/)[1]}`))).toEqual([0n, 0n, 0n])
})

test('a child leads a session and a process group of its own', async () => {
  await using host = createTestHost({
    processes: { one: { command: ['cut', '-d', ' ', '-f', '1,5,6', '/proc/self/stat'] } },
  })
  const { pid } = await host.spawn('one')
  await host.exited('one')
  expect(await host.text('one')).toBe(`${pid} ${pid} ${pid}\n`)
})

test('pid and start time in the answer are those of /proc', async () => {
  await using host = createTestHost({
    processes: { one: { command: ['cut', '-d', ' ', '-f', '1,22', '/proc/self/stat'] } },
  })
  const { pid, startTime } = await host.spawn('one')
  await host.exited('one')
  expect(await host.text('one')).toBe(`${pid} ${startTime}\n`)
})

test('a child runs in its cwd, and a relative command is relative to it', async () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'ipcsup-cwd-')))
  writeFileSync(join(directory, 'tool'), '#!/bin/sh\necho "$0"; pwd\n', { mode: 0o755 })
  await using host = createTestHost({ processes: { one: { command: ['./tool'], cwd: directory } } })
  await host.run('one')
  expect(await host.text('one')).toBe(`./tool\n${directory}\n`)
})

test('a command is searched in the PATH of the child', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ipcsup-path-'))
  writeFileSync(join(directory, 'only-here'), '#!/bin/sh\necho found\n', { mode: 0o755 })
  await using host = createTestHost({
    processes: { one: { command: ['only-here'], env: { PATH: `/nowhere:${directory}` } } },
  })
  await host.run('one')
  expect(await host.text('one')).toBe('found\n')
})

test('§8 the environment is the supervisor’s without what was meant for it, then envFile, then env, then ours', async () => {
  const environment = {
    PATH: process.env['PATH'],
    KEPT: 'from supervisor',
    OVER: 'from supervisor',
    GONE: 'from supervisor',
    LISTEN_FDS: '1',
    LISTEN_PID: '1',
    NOTIFY_SOCKET: '/x',
    NOTIFY_SOCKETS: 'kept',
    WATCHDOG_USEC: '1',
    NODE_CHANNEL_FD: '3',
    IPCSUP_NOFILE_SOFT: '1024',
    IPCSUP_RUN: 'that of an outer run',
  }
  await using host = createTestHost(
    {
      processes: {
        one: { command: ['env'], envFile: 'vars', env: { OVER: 'from env', GONE: null, 'odd.name': 'odd', NUMBER: 7 } },
      },
    },
    { environment },
  )
  writeFileSync(join(host.directory, 'vars'), 'FILE="from file"\nOVER=from file\n')
  await host.run('one')
  const rows = (await host.text('one')).trim().split('\n').sort()
  expect(rows).toEqual(
    [
      `PATH=${process.env['PATH']}`,
      'KEPT=from supervisor',
      'OVER=from env',
      'FILE=from file',
      'NOTIFY_SOCKETS=kept',
      'NUMBER=7',
      'odd.name=odd',
      `IPCSUP_RUN=${host.runId}`,
      'IPCSUP_PROCESS=one',
      'IPCSUP_GENERATION=1',
    ].sort(),
  )
})

const driver = bundleProgram(join(import.meta.dirname, 'drivers/run-processes.ts'))
const runDriver = (shellPrefix: string, config: unknown): string =>
  spawnSync(
    '/bin/bash',
    ['-c', `${shellPrefix} "$@"; exit`, 'bash', process.execPath, driver, JSON.stringify(config)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  ).stdout.toString('latin1')

test('bytes of the environment that are no UTF-8 reach a child as they are', () => {
  const output = runDriver("BYTES=$'a\\377b'", { processes: { one: { command: ['env'] } } })
  expect(output).toContain('BYTES=a\xffb\n')
})

test('§4 handles are told by variables and by IPCSUP_LINKS', async () => {
  await using host = createTestHost({
    links: { 'my-lines': { kind: 'pipe' }, spot: { kind: 'fifo', path: 'run.fifo' } },
    processes: {
      one: { command: ['env'], stdin: 'my-lines', links: { 'my-lines': 'write', spot: 'read' } },
    },
  })
  await host.openAll()
  await host.run('one')
  const variables = Object.fromEntries(
    (await host.text('one'))
      .trim()
      .split('\n')
      .map(row => row.split(/=(.*)/s)),
  )
  const path = join(host.directory, 'run.fifo')
  expect(variables).toMatchObject({ IPCSUP_FD_MY_LINES: '3', IPCSUP_FD_SPOT: '4', IPCSUP_PATH_SPOT: path })
  expect(JSON.parse(variables['IPCSUP_LINKS']!)).toMatchObject({
    spot: { kind: 'fifo', side: 'read', fd: 4, path },
  })
})

test('placeholders become the handle of the child', async () => {
  await using host = createTestHost({
    links: { left: { kind: 'pipe' }, spot: { kind: 'fifo', path: 'run.fifo' } },
    processes: {
      one: {
        command: ['echo', '{left}', '{left.fd}', '{spot}', 'a{spot.path}b', '{other}'],
        env: { X: '{left.fd}' },
        links: { left: { side: 'read', fd: 9 }, spot: 'write' },
      },
    },
  })
  await host.openAll()
  await host.run('one')
  const path = join(host.directory, 'run.fifo')
  expect(await host.text('one')).toBe(`/dev/fd/9 9 ${path} a${path}b {other}\n`)
})

test('§8 O_NONBLOCK that one child sets on its end of a pipe is not seen by another', async () => {
  await using host = createTestHost({
    links: { lines: { kind: 'pipe' } },
    processes: {
      one: {
        command: ['python3', '-c', 'import os; os.set_blocking(1, False); print("x", flush=True)'],
        stdout: 'lines',
      },
      two: {
        command: ['python3', '-c', 'import os, sys; print(os.get_blocking(1), file=sys.stderr)'],
        stdout: 'lines',
      },
    },
  })
  await host.openAll()
  await host.run('one')
  await host.run('two')
  expect(await host.text('two', 'stderr')).toBe('True\n')
})

test('§8 O_NONBLOCK that a dead child left on a shared description is cleared before the next child gets it', async () => {
  await using host = createTestHost({
    links: { talk: { kind: 'socketpair' } },
    processes: {
      one: {
        command: ['python3', '-c', 'import os; print(os.get_blocking(3)); os.set_blocking(3, False)'],
        links: { talk: 'a' },
      },
    },
  })
  await host.openAll()
  await host.run('one', 1)
  await host.run('one', 2)
  expect(await host.text('one')).toBe('True\nTrue\n')
})

test('§8 O_NONBLOCK of a description that a live child has is left to it', async () => {
  const script = 'import os, sys; os.set_blocking(2, False); print("set", flush=True); sys.stdin.read()'
  await using host = createTestHost({
    links: { hold: { kind: 'pipe' } },
    processes: {
      one: { command: ['python3', '-c', script], stdin: 'hold', stderr: 'inherit' },
      two: { command: ['python3', '-c', 'import os; print(os.get_blocking(2))'], stderr: 'inherit' },
    },
  })
  try {
    await host.openAll()
    await host.spawn('one')
    await until('it is set', () => host.output('one').toString() === 'set\n')
    await host.run('two', 1)
    await host.call({ type: 'release', link: 'hold', generation: 1, side: 'write', reason: 'over' }, 'released')
    await host.exited('one')
    await host.run('two', 2)
    expect(await host.text('two')).toBe('False\nTrue\n')
  } finally {
    makeBlocking(2)
  }
})

test('§8 descriptors of the child that have the numbers of the supervisor’s own are not mixed up', async () => {
  const names = Array.from({ length: 60 }, (_, index) => `l${index}`)
  const script = `import os\nfor i in range(60): os.write(int(os.environ["IPCSUP_FD_L%d" % i]), b"x" * (i + 1))`
  await using host = createTestHost({
    links: Object.fromEntries(names.map(name => [name, { kind: 'pipe' }])),
    processes: {
      one: {
        command: ['python3', '-c', script],
        // From above downwards, over the numbers that the supervisor uses for the ends themselves.
        links: Object.fromEntries(names.map((name, index) => [name, { side: 'write', fd: 210 - index }])),
      },
    },
  })
  await host.openAll()
  const used = listOpenDescriptors().length
  expect(used).toBeGreaterThan(100)
  expect((await host.run('one')).exit).toEqual({ code: 0 })
  const facts = await host.host.inspectLinks()
  expect(names.map(name => facts[name]!.queuedBytes)).toEqual(names.map((_, index) => index + 1))
})

test('a spawn that is repeated for the same generation is not done again, and answers the same', async () => {
  await using host = createTestHost({
    processes: { one: { command: ['sh', '-c', 'echo x'] }, bad: { command: ['/nope'] } },
  })
  const { pid, startTime } = await host.spawn('one')
  await host.exited('one')
  expect(await host.spawn('one')).toMatchObject({ pid, startTime })
  expect((await host.refuse('bad')).code).toBe(127)
  expect((await host.refuse('bad')).code).toBe(127)
  expect(await host.text('one')).toBe('x\n')
})

test('§8 the soft limit of open files that the supervisor was started with is that of every child', async () => {
  const own = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))![1])
  await using host = createTestHost(
    { processes: { one: { command: ['sh', '-c', 'ulimit -Sn; ulimit -Hn'] } } },
    { environment: { ...process.env, IPCSUP_NOFILE_SOFT: '777' } },
  )
  await host.run('one')
  expect((await host.text('one')).split('\n')[0]).toBe('777')
  expect(Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))![1])).toBe(own)
})

test('§8 without a launcher the soft limit of open files is that of the parent process, where it is lower', () => {
  // Node raises its own limit at once; the shell that waits for it keeps what it has.
  const output = runDriver('ulimit -Sn 555;', { processes: { one: { command: ['sh', '-c', 'ulimit -Sn'] } } })
  expect(output.split('\n')[0]).toBe('555')
})

test('200 spawns leave no descriptor behind, failed ones included', async () => {
  const before = listOpenDescriptors()
  {
    await using host = createTestHost({
      links: { lines: { kind: 'pipe' }, talk: { kind: 'socketpair' }, spot: { kind: 'fifo', path: 'f' } },
      processes: {
        one: { command: ['true'], stdin: 'lines', stderr: { file: 'log' }, links: { talk: 'a', spot: 'write' } },
        bad: { command: ['/nope'], stdout: 'lines', links: { talk: 'b' } },
        worse: { command: ['true'], stdout: 'lines', stderr: { file: '/no/such/place' } },
      },
    })
    await host.openAll()
    await host.run('one', 1)
    const some = listOpenDescriptors().length
    for (let generation = 2; generation <= 100; generation++) await host.run('one', generation)
    for (let generation = 1; generation <= 50; generation++) await host.refuse('bad', generation)
    for (let generation = 1; generation <= 50; generation++) await host.refuse('worse', generation)
    expect(listOpenDescriptors().length).toBeLessThanOrEqual(some + 4)
  }
  expect(listOpenDescriptors()).toEqual(before)
})

test('stdin from a link, stdout to a link: a child is a stage', async () => {
  await using host = createTestHost({
    links: { in: { kind: 'pipe' }, out: { kind: 'pipe' } },
    processes: {
      first: { command: ['printf', 'b\\na\\n'], stdout: 'in' },
      sort: { command: ['sort'], stdin: 'in', stdout: 'out' },
      last: { command: ['cat'], stdin: 'out' },
    },
  })
  await host.openAll()
  for (const name of ['first', 'sort', 'last']) await host.spawn(name)
  for (const [link, side] of [
    ['in', 'read'],
    ['in', 'write'],
    ['out', 'read'],
    ['out', 'write'],
  ] as const) {
    await host.call({ type: 'release', link, generation: 1, side, reason: 'sealed' }, 'released')
  }
  for (const name of ['first', 'sort', 'last']) await host.exited(name)
  expect(await host.text('last')).toBe('a\nb\n')
})
