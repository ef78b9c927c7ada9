/** Readiness over a real host: the socket, who is believed, and what is said. */
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { connectNotificationSocket, sendMessage } from '../../../src/platform/index.js'
import type { HostEvent } from '../../../src/supervisor/host/host.js'
import { createInstances, type Instance } from '../../../src/supervisor/host/instances.js'
import { openNotifications, parseNotification } from '../../../src/supervisor/host/notifications.js'
import { findLanguages, fixtures } from '../../ipc/languages.js'
import { until } from '../../support/conditions.js'
import { createTestHost, listOpenDescriptors, type TestHost } from '../../support/host.js'

const python = '/usr/bin/python3'
const tell = join(fixtures, 'notify/notify.py')
const stay = 'signal.pause()'

/** A Python program with `say(bytes)`. */
function program(...lines: string[]): string[] {
  const head = [
    'import array, os, signal, socket, subprocess, sys',
    's = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)',
    'def say(text): s.sendto(text, os.environ["NOTIFY_SOCKET"])',
  ]
  return [python, '-c', [...head, ...lines].join('\n')]
}

function make(command: readonly string[], more: object = {}): TestHost {
  return createTestHost({ processes: { web: { command, ready: 'notify', ...more } } })
}

const told = (events: readonly HostEvent[]) => events.filter(event => event.type === 'notified')

describe('a process with ready: notify', () => {
  const { Python, Node, C } = findLanguages('notify')
  test.for([
    ['sh', ['/bin/sh', join(fixtures, 'notify/server.sh')], 'told by a shell'],
    ['Python', Python!('server'), 'told by Python'],
    ['Node', Node!('server'), 'told by Node'],
    ['C', C?.('server') ?? null, 'told by C'],
  ] as const)('is heard in %s', async ([, command, status], { skip }) => {
    if (command === null) return skip('there is no C compiler')
    await using host = make(command)
    await host.spawn('web')
    const both = () => told(host.events)
    await until('it says that it is ready', () => both().some(event => event.ready))
    expect(both().find(event => event.status !== null)).toEqual({
      type: 'notified',
      process: 'web',
      generation: 1,
      ready: expect.any(Boolean),
      status,
    })
  })

  const hasNotify = spawnSync('systemd-notify', ['--version']).status === 0
  test.skipIf(!hasNotify)('is heard through systemd-notify, which waits until it was', async () => {
    await using host = make(['sh', '-c', 'systemd-notify --ready --status "by systemd-notify"; exec sleep 1000'])
    await host.spawn('web')
    expect(await host.event('notified')).toMatchObject({ process: 'web', ready: true, status: 'by systemd-notify' })
  })

  test('is heard through the gate, and before the end that follows at once', async () => {
    await using host = make(program('say(b"READY=1")'), { umask: '027' })
    await host.run('web')
    expect(host.events.map(({ type }) => type).filter(type => type !== 'spawned')).toEqual(['notified', 'exited'])
  })

  test('is heard anew in each incarnation', async () => {
    await using host = make(program('say(b"READY=1")'))
    await host.run('web', 1)
    await host.run('web', 2)
    expect(told(host.events).map(({ generation }) => generation)).toEqual([1, 2])
  })
})

describe('the socket', () => {
  test('is there only when some process says that it is ready, for those processes alone, and gone at the end', async () => {
    const before = listOpenDescriptors()
    const show = ['sh', '-c', 'echo "${NOTIFY_SOCKET:-none}"']
    const host = createTestHost(
      { processes: { web: { command: show, ready: 'notify' }, other: { command: show } } },
      { environment: { ...process.env, NOTIFY_SOCKET: '/run/systemd/notify' } },
    )
    await host.run('web')
    await host.run('other')
    const path = join(host.directory, 'notify')
    expect(await host.text('web')).toBe(`${path}\n`)
    expect(await host.text('other')).toBe('none\n')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await host.close()
    expect(existsSync(path)).toBe(false)
    await until('all is closed', () => listOpenDescriptors().length === before.length)
    await host[Symbol.asyncDispose]()

    await using silent = createTestHost({ processes: { other: { command: show } } })
    await silent.run('other')
    expect(existsSync(join(silent.directory, 'notify'))).toBe(false)
  })

  test('takes the place of one that a killed supervisor left', async () => {
    await using first = make(program(stay))
    const { directory } = first
    await using second = createTestHost(
      { processes: { web: { command: program('say(b"READY=1")', stay), ready: 'notify' } } },
      { directory },
    )
    await second.spawn('web')
    expect(await second.event('notified')).toMatchObject({ process: 'web' })
  })
})

describe('who is believed', () => {
  test('the process itself and whatever it started in its session; whoever left the session is not', async () => {
    await using host = make(
      program(
        'def child(text, **more): subprocess.run([sys.executable, sys.argv[1], text], check=True, **more)',
        'child("STATUS=from a session of its own", start_new_session=True)',
        'child("STATUS=from a group of its own", process_group=0)',
        stay,
      ).concat(tell),
    )
    await host.spawn('web')
    await host.event('notified')
    expect(told(host.events).map(({ status }) => status)).toEqual(['from a group of its own'])
  })

  test('another process is not, although it knows the socket: neither a stranger nor one that need say nothing', async () => {
    await using host = createTestHost({
      processes: {
        web: { command: program(stay), ready: 'notify' },
        quiet: { command: [python, tell, 'READY=1'], env: { NOTIFY_SOCKET: null } },
      },
    })
    await host.spawn('web')
    const NOTIFY_SOCKET = join(host.directory, 'notify')
    await using liar = createTestHost({
      processes: { quiet: { command: [python, tell, 'READY=1'], env: { NOTIFY_SOCKET } } },
    })
    // The barrier of the program: when it has ended its message was taken.
    expect((await liar.run('quiet')).exit).toEqual({ code: 0 })
    expect(told(host.events)).toEqual([])
  })

  test('a process that need say nothing is not, by the socket of its own supervisor', async () => {
    await using host = createTestHost({
      processes: {
        web: { command: program(stay), ready: 'notify' },
        quiet: { command: ['sh', '-c', 'NOTIFY_SOCKET="$(cat path)" exec "$0" "$1" READY=1', python, tell] },
      },
    })
    writeFileSync(join(host.directory, 'path'), join(host.directory, 'notify'))
    await host.spawn('web')
    expect((await host.run('quiet')).exit).toEqual({ code: 0 })
    expect(told(host.events)).toEqual([])
  })

  test('a process cannot speak for another: the kernel refuses the pid of somebody else', async () => {
    await using host = createTestHost({
      processes: {
        web: { command: program(stay), ready: 'notify' },
        liar: {
          command: [
            ...['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin'],
            ...program(
              'import struct',
              'pid = int(open("pid").read())',
              's.connect(os.environ["NOTIFY_SOCKET"])',
              'rights = (socket.SOL_SOCKET, socket.SCM_CREDENTIALS, struct.pack("iII", pid, os.getuid(), os.getgid()))',
              'try: s.sendmsg([b"READY=1"], [rights])',
              'except PermissionError: sys.exit(7)',
            ),
          ],
          ready: 'notify',
        },
      },
    })
    const { pid } = await host.spawn('web')
    writeFileSync(join(host.directory, 'pid'), String(pid))
    expect((await host.run('liar')).exit).toEqual({ code: 7 })
    expect(told(host.events)).toEqual([])
  })
})

describe('what is said', () => {
  test.for([
    ['READY=1', { ready: true, status: null }],
    ['READY=1\n', { ready: true, status: null }],
    ['STATUS=a=b c\nX_PRIVATE=1\nREADY=1', { ready: true, status: 'a=b c' }],
    ['STATUS=one\nSTATUS=two', { ready: false, status: 'two' }],
    ['STATUS=', { ready: false, status: '' }],
    ['STOPPING=1', { ready: false, status: 'stopping' }],
    ['STOPPING=1\nSTATUS=last words', { ready: false, status: 'last words' }],
    ['STATUS=grün', { ready: false, status: 'grün' }],
    ['READY=0', null],
    ['READY=11', null],
    ['ready=1', null],
    [' READY=1', null],
    ['', null],
    ['MAINPID=1\nWATCHDOG=1\nFDSTORE=1\nRELOADING=1', null],
    ['READY=1\nX=a\0b', null],
  ] as const)('%j means %j', ([text, meaning]) => {
    expect(parseNotification(Buffer.from(text))).toEqual(meaning)
  })

  test('a line that is no UTF-8 means nothing, and spoils no other', () => {
    expect(parseNotification(Buffer.from('READY=1\nSTATUS=gr\xfcn', 'latin1'))).toEqual({ ready: true, status: null })
  })

  test('a message longer than systemd takes, garbage and descriptors are thrown away, and the next is heard', async () => {
    await using host = make(
      program(
        's.connect(os.environ["NOTIFY_SOCKET"])',
        's.send(b"READY=1\\nSTATUS=" + b"x" * 4082)',
        's.send(b"")',
        's.send(bytes(range(256)) * 8)',
        's.sendmsg([b"FDSTORE=1"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])',
        's.send(b"STATUS=" + b"x" * 4089)',
        's.send(b"READY=1\\nSTATUS=whole")',
        stay,
      ),
    )
    const before = listOpenDescriptors().length
    await host.spawn('web')
    await host.event('notified', ({ ready }) => ready)
    expect(told(host.events).map(({ status }) => status)).toEqual(['x'.repeat(4089), 'whole'])
    // One for its pidfd, and what its log streams need.
    const more = listOpenDescriptors().slice(before)
    expect(more.filter(row => row.includes('/dev/null'))).toEqual([])
  })

  test('of those that come without end some are taken in a turn of the loop, and an end waits for not much more', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ipcsup-notify-'))
    await using planned = createTestHost({ processes: { web: { command: 'true', ready: 'notify' } } })
    let [left, inThisTurn, mostInATurn] = [0, 0, 0]
    const emit = (): void => {
      mostInATurn = Math.max(mostInATurn, ++inThisTurn)
      setImmediate(() => {
        inThisTurn = 0
      })
      if (left-- > 0) sendMessage(sender, Buffer.from('STATUS=again'))
    }
    const known = { process: 'web', generation: 1 } as Instance
    const notifications = openNotifications({
      plan: planned.plan,
      directory,
      instances: { findByPid: () => known },
      emit,
    })
    const sender = connectNotificationSocket(notifications.path)
    try {
      left = 1000
      sendMessage(sender, Buffer.from('STATUS=first'))
      await until('all are taken', () => left < 0)
      expect(mostInATurn).toBe(64)
      ;[left, inThisTurn, mostInATurn] = [5000, 0, 0]
      sendMessage(sender, Buffer.from('STATUS=first'))
      notifications.drain()
      expect(mostInATurn).toBe(1024)
    } finally {
      closeSync(sender)
      notifications.close()
      rmSync(directory, { recursive: true })
    }
  })

  test('what was said is taken before an end is told, and while the sender is known', async () => {
    const seen: string[] = []
    const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] })
    const instances = createInstances(
      ({ type }) => seen.push(type),
      () => seen.push(instances.findByPid(child.pid!) ? 'known' : 'unknown'),
      error => {
        throw error
      },
    )
    instances.add({
      process: 'web',
      generation: 1,
      pid: child.pid!,
      ends: [],
      shared: [],
      supervisorPeakBytes: 0,
      peakBytes: null,
    })
    child.stdin.end()
    await until('its end is told', () => seen.includes('exited'))
    // Node may have taken its status first, of which there is a warning.
    expect(seen.filter(what => what !== 'warning')).toEqual(['known', 'exited'])
  })

  test('a flood holds up nobody: others are spawned, end and are heard', async () => {
    await using host = createTestHost({
      processes: {
        flood: { command: program('while True: say(b"STATUS=again")'), ready: 'notify' },
        web: { command: program('say(b"READY=1")', stay), ready: 'notify' },
        short: { command: 'true' },
      },
    })
    await host.spawn('flood')
    await until('the flood is on', () => told(host.events).length > 100)
    await host.spawn('web')
    await host.event('notified', ({ process, ready }) => process === 'web' && ready)
    expect((await host.run('short')).exit).toEqual({ code: 0 })
    await host.kill('flood')
  })
})

describe('the child library', () => {
  const { Node } = findLanguages('notify')

  test('ready and status tell, and onStop is done once before the end', async () => {
    await using host = make(Node!('server'))
    await host.spawn('web')
    await host.event('notified', ({ ready }) => ready)
    await host.call({ type: 'signal', process: 'web', generation: 1, signal: 'SIGTERM' }, 'signalled')
    expect((await host.exited('web')).exit).toEqual({ code: 0 })
    expect(await host.text('web')).toBe('told: true\nfinished\n')
    expect(told(host.events).map(({ status }) => status)).toEqual(['told by Node', null, 'finishing'])
  })
})
