import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createSandbox, type Ended, type Sandbox } from '../support/command-line.js'
import { until } from '../support/conditions.js'

const fixtures = fileURLToPath(new URL('../../fixtures/link/', import.meta.url))

let sandbox: Sandbox

beforeEach(() => {
  sandbox = createSandbox()
})

afterEach(async () => {
  await sandbox[Symbol.asyncDispose]()
})

/** Starts a supervisor with these links, each side of which is there. */
async function start(config: { links: object; processes: object }): Promise<void> {
  sandbox.writeConfig({ name: 'shell', ...config })
  const { status, err } = await sandbox.ipcsup('start', '--detach')
  expect({ status, err: status === 0 ? '' : err }).toEqual({ status: 0, err: '' })
}

/** Runs `ipcsup link …` with that on its stdin. */
async function link(input: string | Buffer, ...argv: string[]): Promise<Ended> {
  const { child, ended } = sandbox.start('link', ...argv)
  // It may end before it has read all.
  child.stdin!.on('error', () => {})
  child.stdin!.end(input)
  return ended
}

const sleep = 'sleep 1000'

describe('a stream', () => {
  test('is written and read byte by byte, as fast as it is taken', async () => {
    await start({
      links: { out: { kind: 'pipe' }, back: { kind: 'fifo' } },
      processes: {
        cat: { command: 'cat', stdin: 'out', stdout: 'back' },
        hold: { command: sleep, links: { out: 'write' } },
      },
    })
    const bytes = randomBytes(3 * 1024 * 1024 + 1)
    writeFileSync(join(sandbox.directory, 'bytes'), bytes)
    const script = `ipcsup link back read > copy & ipcsup link out write < bytes && ipcsup stop --end hold
      wait && cmp bytes copy && echo same`
    expect((await sandbox.openTerminal(script).ended).out).toContain('same')
  })

  test('read ends when nobody takes what it prints, although nothing comes', async () => {
    await start({ links: { lines: { kind: 'fifo' } }, processes: { idle: { command: sleep } } })
    await link('one\n', 'lines', 'write')
    const { out } = await sandbox.openTerminal('(ipcsup link lines read; echo "ended $?" >&2) | head -n 1').ended
    expect(out).toMatch(/one\r\nended 0/)
  })

  test('write says so with status 1 when nobody will read it any more', async () => {
    await start({
      links: { lines: { kind: 'pipe' } },
      processes: {
        head: { command: 'head -n 1', stdin: 'lines', restart: 'never' },
        hold: { command: sleep, stdout: 'lines' },
      },
    })
    const { out } = await sandbox.openTerminal('yes | ipcsup link lines write; echo "status $?"').ended
    expect(out).toContain('Link "lines" cannot be used: nobody reads it any more (write: EPIPE).')
    expect(out).toContain('status 1')
    const { status, err } = await link('', 'lines', 'read')
    expect(status).toBe(1)
    expect(err).toContain('The read side of link "lines" cannot be opened: it is closed')
  })
})

describe('messages', () => {
  test('are arguments, lines, or what ends with NUL, and come back likewise', async () => {
    await start({ links: { jobs: { kind: 'queue' } }, processes: { idle: { command: sleep } } })
    await link('', 'jobs', 'send', 'a b', '--', '--flag')
    await link('first\nlast', 'jobs', 'send')
    expect((await link('', 'jobs', 'receive')).out).toBe('a b\n')
    expect((await link('', 'jobs', 'receive', '--count', '2', '--null')).out).toBe('--flag\0first\0')
    await link('1\n2\0three', 'jobs', 'send', '--null')
    await link('all\nof it', 'jobs', 'send', '--raw')
    expect((await link('', 'jobs', 'receive', '--count', '4', '--raw')).out).toBe('last1\n2threeall\nof it')
  })

  test('of higher priority are received first', async () => {
    await start({ links: { jobs: { kind: 'queue' } }, processes: { idle: { command: sleep } } })
    await link('', 'jobs', 'send', 'later')
    await link('', 'jobs', 'send', '--priority', '7', 'now')
    expect((await link('', 'jobs', 'receive', '--count', '2')).out).toBe('now\nlater\n')
  })

  test('that do not come, or find no room, in time are status 1', async () => {
    await start({ links: { jobs: { kind: 'queue', maxMessages: 1 } }, processes: { idle: { command: sleep } } })
    expect(await link('', 'jobs', 'receive', '--timeout', '0')).toMatchObject({ status: 1, out: '', err: '' })
    // More than a timer can count would be over at once.
    const tooLong = await link('', 'jobs', 'receive', '--timeout', '2147483648')
    expect(tooLong).toMatchObject({
      status: 2,
      err: expect.stringMatching(/--timeout must be a time .*at most 24 days/),
    })
    expect(await link('', 'jobs', 'send', 'one', 'two', '--timeout', '20ms')).toMatchObject({ status: 1, err: '' })
    expect(await link('', 'jobs', 'receive', '--all', '--timeout', '20ms')).toMatchObject({ status: 0, out: 'one\n' })
  })

  test('are waited for', async () => {
    await start({ links: { jobs: { kind: 'queue' } }, processes: { idle: { command: sleep } } })
    const receiving = link('', 'jobs', 'receive')
    await link('', 'jobs', 'send', 'here')
    expect(await receiving).toMatchObject({ status: 0, out: 'here\n' })
  })
})

describe('permits', () => {
  const locked = {
    links: { guard: { kind: 'lock' } },
    processes: { idle: { command: sleep, links: { guard: 'use' } } },
  }

  test('are held while a command runs, whose status it is', async () => {
    await start(locked)
    const script = `ipcsup link guard with -- sh -c 'ipcsup link guard with --timeout 0 -- echo both; echo "inner $?"; exit 7'`
    const { out } = await sandbox.openTerminal(`${script}; echo "outer $?"`).ended
    expect(out).toBe('inner 1\r\nouter 7\r\n')
    expect((await link('', 'guard', 'with', '--', 'sh', '-c', 'kill -9 $$')).status).toBe(137)
    expect((await link('', 'guard', 'with', '--', 'no-such-command')).status).toBe(127)
    expect((await link('through\n', 'guard', 'with', '--timeout', '0', '--', 'cat')).out).toBe('through\n')
  })

  test('are still held by the command when ipcsup itself is killed, and come back with its end', async () => {
    await start(locked)
    const holding = sandbox.start('link', 'guard', 'with', '--', 'sh', '-c', 'echo $$; exec sleep 1000')
    await holding.shows(/\d+\n/)
    expect((await link('', 'guard', 'with', '--timeout', '0', '--', 'true')).status).toBe(1)
    holding.child.kill('SIGKILL')
    await once(holding.child, 'exit')
    expect((await link('', 'guard', 'with', '--timeout', '0', '--', 'true')).status).toBe(1)
    process.kill(Number(holding.out()), 'SIGKILL')
    expect((await link('', 'guard', 'with', '--timeout', '30s', '--', 'true')).status).toBe(0)
  })

  test('of a lock are shown with who has them: in the status, the graph and the JSON', async () => {
    await start({
      links: { guard: { kind: 'lock' } },
      processes: { keeper: { command: 'ipcsup link guard with -- sleep 1000', links: { guard: 'use' } } },
    })
    const readStatus = async () => JSON.parse((await sandbox.ipcsup('status', '--json')).out)
    await until('it is held by both', async () => (await readStatus()).links[0].holders.length === 2)
    const { links, processes } = await readStatus()
    const { pid } = processes[0]
    const { holders } = links[0]
    expect(links[0]).toMatchObject({ value: 0, holderNames: { [holders[0]]: 'keeper', [holders[1]]: 'keeper' } })
    expect(holders).toContain(pid)
    const shown = holders.map((holder: number) => `keeper (${holder})`).join(', ')
    expect((await sandbox.ipcsup('status')).out).toContain(shown)
    expect((await sandbox.ipcsup('graph')).out).toContain(`held by ${shown}`)
  })

  test('are not given up when ipcsup is told to end: the command is, and its end is waited for', async () => {
    await start(locked)
    const command = `trap 'echo told; exit 3' TERM; echo up; while :; do sleep 0.05; done`
    const holding = sandbox.start('link', 'guard', 'with', '--', 'sh', '-c', command)
    await holding.shows('up')
    holding.child.kill('SIGTERM')
    expect(await holding.ended).toMatchObject({ status: 3, out: 'up\ntold\n' })
  })

  test('that are counted can outlive the command that takes them', async () => {
    await start({
      links: { seats: { kind: 'semaphore', value: 2 } },
      processes: { idle: { command: sleep, links: { seats: 'use' } } },
    })
    expect((await link('', 'seats', 'acquire')).status).toBe(0)
    expect((await link('', 'seats', 'with', '--', 'true')).status).toBe(0)
    expect((await link('', 'seats', 'acquire')).status).toBe(0)
    expect((await link('', 'seats', 'acquire', '--timeout', '10ms')).status).toBe(1)
    expect((await link('', 'seats', 'release')).status).toBe(0)
    expect((await link('', 'seats', 'show')).out).toMatch(/now +value 1\n/)
  })

  test('of a holder that must live cannot be taken by a command that ends', async () => {
    await start(locked)
    const { status, err } = await link('', 'guard', 'acquire')
    expect(status).toBe(2)
    expect(err).toContain('ipcsup link guard with -- command')
  })
})

describe('other links', () => {
  test('memory is read and written at any place, never beyond its end', async () => {
    await start({
      links: { area: { kind: 'shm', size: '2MiB' } },
      processes: { idle: { command: sleep, links: { area: 'map' } } },
    })
    expect((await link('abc', 'area', 'write', '--offset', '1MiB')).status).toBe(0)
    expect((await link('', 'area', 'read', '--offset', '1048575', '--length', '5')).out).toBe('\0abc\0')
    expect((await link('', 'area', 'read')).out.length).toBe(2 * 1024 * 1024)
    const { status, err } = await link('too much', 'area', 'write', '--offset', '2097150')
    expect(status).toBe(2)
    expect(err).toContain('"area" has 2097152 bytes')
  })

  test('a counter is raised and waited for', async () => {
    await start({
      links: { bell: { kind: 'event' } },
      processes: {
        idle: { command: sleep, links: { bell: 'wait' } },
        ring: { command: sleep, links: { bell: 'signal' } },
      },
    })
    expect((await link('', 'bell', 'wait', '--timeout', '10ms')).status).toBe(1)
    await link('', 'bell', 'signal', '5')
    await link('', 'bell', 'signal')
    expect((await link('', 'bell', 'wait')).out).toBe('6\n')
  })

  test('a connection to a listening socket carries stdin there and the answer back', async () => {
    const server = `
import socket, os
listener = socket.socket(fileno=int(os.environ['IPCSUP_FD_WEB']))
while True:
    connection, _ = listener.accept()
    connection.sendall(connection.makefile('rb').read().upper())
    connection.close()`
    await start({
      links: { web: { kind: 'unix' } },
      processes: { serve: { command: ['/usr/bin/python3', '-c', server], links: { web: 'listen' } } },
    })
    expect(await link('hello\n', 'web', 'connect')).toMatchObject({ status: 0, out: 'HELLO\n' })
    expect(await link('hello\n', 'web', 'write')).toMatchObject({ status: 0, out: '' })
  })

  test('a connection that is not over in time is status 1, and options of messages are refused', async () => {
    await start({
      links: { web: { kind: 'tcp' } },
      processes: { idle: { command: sleep, links: { web: 'listen' } } },
    })
    // Its input stays open.
    for (const action of ['connect', 'read', 'write'])
      expect(await sandbox.start('link', 'web', action, '--timeout', '50ms').ended).toMatchObject({
        status: 1,
        err: '',
      })
    const { status, err } = await link('', 'web', 'connect', '--count', '2')
    expect(status).toBe(2)
    expect(err).toContain('--count is of messages, and connect carries bytes: "web" has no messages.')
  })

  test('datagrams are sent, and received one by one', async () => {
    await start({
      links: { calls: { kind: 'udp', listen: '127.0.0.1:0' } },
      processes: { idle: { command: sleep, links: { calls: 'bind' } } },
    })
    await link('', 'calls', 'send', 'one', 'two', 'three')
    expect((await link('', 'calls', 'receive')).out).toBe('one\n')
    expect((await link('', 'calls', 'receive', '--all', '--timeout', '100ms')).out).toBe('two\nthree\n')
  })

  test('a call becomes a signal', async () => {
    await start({
      links: { reload: { kind: 'signal', signal: 'SIGUSR1' } },
      processes: {
        web: {
          command: ['sh', '-c', `trap 'touch reloaded' USR1; touch ready; while :; do sleep 0.05; done`],
          links: { reload: 'to' },
        },
      },
    })
    const has = async (name: string) => (await readdir(sandbox.directory)).includes(name)
    await until('it is up', () => has('ready'))
    expect((await link('', 'reload', 'call')).status).toBe(0)
    await until('the signal has come', () => has('reloaded'))
  })
})

describe('what cannot be done', () => {
  beforeEach(() =>
    start({
      links: { lines: { kind: 'pipe' }, talk: { kind: 'socketpair' } },
      processes: {
        a: { command: sleep, stdin: 'lines', links: { talk: 'a' } },
        b: { command: sleep, stdout: 'lines', links: { talk: 'b' } },
      },
    }),
  )

  test('is status 2 and says what can', async () => {
    for (const [argv, message] of [
      [['lines', 'sned'], 'Link "lines" is a pipe, with which one can read, write, show, not sned.'],
      [['lines', 'raed'], 'Did you mean "read"?'],
      [['line', 'read'], 'There is no link "line". Did you mean "lines"?'],
      [['lines', 'read', '--count', '2'], 'read takes no --count; its options for this link: --side.'],
      [['lines', 'read', 'more'], 'read takes no argument, got "more".'],
      [['lines', 'read', '--side', 'write'], 'link "lines" must be at the side read: "write" is not one of them.'],
      [['lines'], 'Missing required argument'],
    ] as const) {
      const { status, out, err } = await link('', ...argv)
      expect({ argv, status, out }).toEqual({ argv, status: 2, out: '' })
      expect(err).toContain(message)
    }
  })

  test('a side for one process is not given to another', async () => {
    const { status, err } = await link('', 'talk', 'read')
    expect(status).toBe(1)
    expect(err).toContain('The a side of link "talk" cannot be opened: it is for one process at a time, and a has it.')
  })

  test('without a supervisor it is status 3', async () => {
    await sandbox.ipcsup('stop', '--now')
    expect((await link('', 'lines', 'show')).status).toBe(3)
  })
})

test('show prints what a link is and how it stands', async () => {
  await start({ links: { lines: { kind: 'fifo', path: 'l.fifo' } }, processes: { idle: { command: sleep } } })
  await link('12345', 'lines', 'write')
  const path = join(realpathSync(sandbox.directory), 'l.fifo')
  const { out } = await link('', 'lines', 'show')
  expect(out).toBe(`link   lines\nkind   fifo\nsides  read, write\nplace  ${path}\nnow    5 B of 64 KiB queued\n`)
  expect(JSON.parse((await link('', 'lines', 'show', '--json')).out)).toMatchObject({
    name: 'lines',
    form: 'stream',
    own: null,
    hint: { path },
    now: { queuedBytes: 5 },
  })
})

test('the supervisor has as many descriptors after many uses as before', async () => {
  await start({
    links: { jobs: { kind: 'queue', maxMessages: 5 }, lines: { kind: 'fifo' } },
    processes: { idle: { command: sleep } },
  })
  const { pid } = await sandbox.status()
  const list = async () => {
    const names = await readdir(`/proc/${pid}/fd`)
    const targets = await Promise.all(names.map(name => readlink(`/proc/${pid}/fd/${name}`).catch(() => 'gone')))
    // What `status` measures by keeps its files open for a second.
    return targets.filter(target => !/^(socket:|\/proc\/)/.test(target)).sort()
  }
  await link('', 'lines', 'show')
  const before = await list()
  await Promise.all(Array.from({ length: 5 }, (_, count) => link(`${count}`, 'jobs', 'send')))
  const dying = Array.from({ length: 3 }, () => sandbox.start('link', 'lines', 'read'))
  await link('text', 'lines', 'write')
  await until('one has read it', () => dying.some(({ out }) => out() === 'text'))
  for (const { child } of dying) child.kill('SIGKILL')
  await Promise.all(dying.map(({ ended }) => ended))
  const added = async () => {
    const after = await list()
    return after.length > before.length ? after : after.filter(target => !before.includes(target))
  }
  await until('all is closed', async () => (await added()).length === 0)
})

describe('a ring', () => {
  const ring = (options: object, ...processes: string[]) => ({
    links: { jobs: { kind: 'ring', ...options } },
    processes: Object.fromEntries(
      processes.map(name => [
        name,
        { command: ['sh', '-c', `${receive} && ${sleep}`], links: { jobs: 'read' }, env: { OUT: `${name}.txt` } },
      ]),
    ),
  })
  const receive = 'until test -e go; do sleep 0.05; done; ipcsup link jobs receive --count 3 > $OUT'
  const feed = { command: sleep, links: { jobs: 'write' } }

  test('is written from a shell, by many at once, and read by a shell script that acknowledges what it printed', async () => {
    const { links, processes } = ring({ readers: 'each' }, 'one', 'two')
    await start({ links, processes: { feed, ...processes } })
    const sent = await Promise.all(['a', 'b', 'c'].map(text => link('', 'jobs', 'send', text)))
    expect(sent.map(({ status, err }) => ({ status, err }))).toEqual(Array(3).fill({ status: 0, err: '' }))
    const before = await sandbox.ipcsup('status')
    expect(before.out).toContain('one is 3 messages behind; two is 3 messages behind')
    expect((await sandbox.ipcsup('graph')).out).toContain('one is 3 messages behind')
    writeFileSync(join(sandbox.directory, 'go'), '')
    const read = (name: string) => readFileSync(join(sandbox.directory, name), { encoding: 'utf8', flag: 'a+' })
    for (const name of ['one.txt', 'two.txt'])
      await until('all have come', () => read(name).split('\n').sort().join('') === 'abc')
    await until('all are acknowledged', async () => !(await sandbox.ipcsup('status')).out.includes('behind'))
    const refused = await link('', 'jobs', 'receive')
    expect(refused.status).toBe(1)
    expect(refused.err).toContain('Link "jobs" cannot be read by anybody else')
  })

  test('of values takes and prints JSON, and says so of anything else', async () => {
    const { links, processes } = ring({ codec: 'msgpack' }, 'one')
    await start({ links, processes: { feed, ...processes } })
    writeFileSync(join(sandbox.directory, 'go'), '')
    expect((await link('', 'jobs', 'send', '{"size": 3}', '"text"', '[1]')).status).toBe(0)
    const read = () => readFileSync(join(sandbox.directory, 'one.txt'), { encoding: 'utf8', flag: 'a+' })
    await until('all have come', () => read() === '{"size":3}\n"text"\n[1]\n')
    const wrong = await link('', 'jobs', 'send', 'no value')
    expect(wrong.status).toBe(2)
    expect(wrong.err).toContain('Messages of link "jobs" are values: write them as JSON')
    expect(wrong.err).toContain(`or '"text"', got 'no value'.`)
  })

  test('without room says so with status 1, where messages are dropped', async () => {
    const { links, processes } = ring({ size: '4KiB', full: 'drop-new' }, 'one')
    await start({ links, processes: { feed, ...processes } })
    const full = await link('x'.repeat(1500), 'jobs', 'send', '--raw')
    expect(full.status).toBe(0)
    await link('x'.repeat(1500), 'jobs', 'send', '--raw')
    const dropped = await link('x'.repeat(1500), 'jobs', 'send', '--raw')
    expect(dropped.status).toBe(1)
    expect(dropped.err).toContain('there is no room for the message')
    expect((await sandbox.ipcsup('status')).out).toContain('1 dropped')
  })
})

describe('inside a supervised process', () => {
  test('a shell script works off a queue under a lock, and one that is killed is followed by the next', async () => {
    cpSync(join(fixtures, 'work.sh'), join(sandbox.directory, 'work.sh'))
    writeFileSync(join(sandbox.directory, 'total'), '0\n')
    const script = { command: 'sh work.sh', links: { jobs: 'read', guard: 'use', done: 'write' } }
    await start({
      links: { jobs: { kind: 'queue' }, guard: { kind: 'lock' }, done: { kind: 'pipe' } },
      processes: {
        work: { ...script, replicas: 2, restart: 'on-failure', env: { PATIENCE: '60s' } },
        list: { command: 'cat', stdin: 'done', stdout: { file: 'done.txt' } },
      },
    })
    const done = () => readFileSync(join(sandbox.directory, 'done.txt'), { encoding: 'utf8', flag: 'a+' })
    const sent = link(Array.from({ length: 15 }, (_, index) => `${index + 1}\n`).join(''), 'jobs', 'send')
    await until('some are done', () => done().split('\n').length > 4)
    // Only while it waits: what a killed reader has taken is gone.
    expect((await sent).status).toBe(0)
    await until('all are done', () => done().split('\n').length === 16)
    await sandbox.ipcsup('signal', 'KILL', 'work.0')
    await until('it is there again', async () => (await sandbox.status()).processes[0]!.restarts === 1)
    // Else it may be the other one that takes what comes.
    await sandbox.ipcsup('signal', 'STOP', 'work.1')
    await link('100\n', 'jobs', 'send')
    await until('that is done too', () => done().endsWith('\n100 by work.0\n'))
    expect(readFileSync(join(sandbox.directory, 'total'), 'utf8')).toBe('220\n')
  })

  test('the inherited end is used, and shared descriptions stay blocking', async () => {
    const look = `/usr/bin/python3 -c 'import os; print(os.get_blocking(int(os.environ["IPCSUP_FD_TALK"])))'`
    const script = `ipcsup link talk send one two; ${look}; ipcsup link talk show | grep own; ipcsup link other send three`
    await start({
      links: { talk: { kind: 'socketpair', type: 'seqpacket' }, other: { kind: 'queue' } },
      processes: {
        speak: { command: ['sh', '-c', `(${script}) > said.txt 2>&1; ${sleep}`], links: { talk: 'a' } },
        hear: {
          command: ['sh', '-c', `ipcsup link talk receive --count 2 > heard.txt; ${sleep}`],
          links: { talk: 'b' },
        },
      },
    })
    // A link that it has no end of comes from its own supervisor.
    expect((await link('', 'other', 'receive')).out).toBe('three\n')
    const read = (name: string) => readFileSync(join(sandbox.directory, name), { encoding: 'utf8', flag: 'a+' })
    expect(read('said.txt')).toBe('True\nown side  a\n')
    await until('both have come', () => read('heard.txt') === 'one\ntwo\n')
  })

  test('an end that a program in between has closed comes from the supervisor', async () => {
    const between = `import subprocess; subprocess.run(['ipcsup', 'link', 'jobs', 'send', 'x'])`
    await start({
      links: { jobs: { kind: 'queue' } },
      processes: {
        a: {
          command: ['/usr/bin/python3', '-c', between],
          links: { jobs: { side: 'write', fd: 4 } },
        },
        hold: { command: sleep, links: { jobs: 'read' } },
      },
    })
    const { out } = await link('', 'jobs', 'receive', '--timeout', '20s')
    expect({ out, log: (await sandbox.ipcsup('logs')).out }).toEqual({ out: 'x\n', log: '' })
  })
})
