/** systemd's convention for listening sockets, read by programs that know nothing else: sd_listen_fds(3). */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type TcpSocketConnectOpts } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, describe, expect, test } from 'vitest'
import { until } from '../../support/conditions.js'
import { createTestHost, type TestHost, type TestHostOptions } from '../../support/host.js'

const built = mkdtempSync(join(tmpdir(), 'ipcsup-listen-'))
afterAll(() => rmSync(built, { recursive: true, force: true }))

const compiler = ['cc', 'gcc', 'clang'].find(name => spawnSync(name, ['--version']).status === 0)
const consumer = join(built, 'listen-fds')
if (compiler) execFileSync(compiler, ['-o', consumer, join(import.meta.dirname, 'drivers/listen-fds.c')])
const needsCompiler = compiler ? '' : ' (skipped: no C compiler)'

const links = {
  web: { kind: 'tcp', listen: '127.0.0.1:0' },
  lines: { kind: 'pipe' },
  api: { kind: 'unix', path: 'api.sock' },
  datagrams: { kind: 'unix', path: 'datagrams.sock', type: 'dgram' },
  admin: { kind: 'unix', path: 'admin.sock', type: 'seqpacket' },
} as const

type Declared = Record<string, unknown>

/** A host whose process `one` is that, its links open. Only the declared links of it are made. */
async function openHost(one: Declared, options: TestHostOptions = {}, others: Declared = {}): Promise<TestHost> {
  const processes: Record<string, Declared> = { one, ...(others as Record<string, Declared>) }
  const texts = JSON.stringify(processes)
  const used = Object.entries(links).filter(([name]) => texts.includes(`"${name}":`) || texts.includes(`{${name}`))
  const host = createTestHost({ links: Object.fromEntries(used), processes }, options)
  await host.openAll()
  return host
}

/** What one process prints. */
async function outputOf(one: Declared, options: TestHostOptions = {}): Promise<string> {
  await using host = await openHost(one, options)
  const { exit } = await host.run('one')
  expect(exit).toEqual({ code: 0 })
  return host.text('one')
}

const show = 'echo "$$ $LISTEN_PID $LISTEN_FDS $LISTEN_FDNAMES"'
/** What `show` prints without the pids; whether they are the same is checked. */
function checkPid(shown: string): string {
  const [own, told, ...rest] = shown.trim().split(' ')
  expect(told).toBe(own)
  return rest.join(' ')
}

describe('§8 LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES', () => {
  test('the pid is that of the process itself, which is the one that was spawned', async () => {
    await using host = await openHost({ command: ['/bin/sh', '-c', show], links: { web: 'listen' } })
    const { pid } = await host.spawn('one')
    await host.exited('one')
    expect(await host.text('one')).toBe(`${pid} ${pid} 1 web\n`)
  })

  test('each incarnation is told its own pid', async () => {
    await using host = await openHost({ command: ['/bin/sh', '-c', show], links: { web: 'listen' } })
    const pids: number[] = []
    for (const generation of [1, 2, 3]) {
      pids.push((await host.spawn('one', generation)).pid)
      await host.exited('one', generation)
    }
    expect(await host.text('one')).toBe(pids.map(pid => `${pid} ${pid} 1 web\n`).join(''))
  })

  test('listening and bound ends are first from 3, in declared order, whatever stands between them', async () => {
    const command = [
      '/bin/sh',
      '-c',
      `${show}; echo $IPCSUP_FD_API $IPCSUP_FD_DATAGRAMS $IPCSUP_FD_WEB $IPCSUP_FD_LINES`,
    ]
    const given = { lines: 'write', api: 'listen', datagrams: 'bind', web: 'listen' }
    const [first, second] = (await outputOf({ command, links: given })).trim().split('\n')
    expect(checkPid(first!)).toBe('3 api:datagrams:web')
    expect(second).toBe('3 4 5 6')
  })

  test('a number that `fd` asks for within the range reorders the names with it', async () => {
    const given = { api: { side: 'listen', fd: 4 }, web: 'listen' }
    expect(checkPid(await outputOf({ command: ['/bin/sh', '-c', show], links: given }))).toBe('2 web:api')
  })

  test('a process without listening ends has none of them, and is no wiser by its neighbour', async () => {
    const environment = { PATH: process.env['PATH'] }
    const others = { two: { command: ['true'], links: { web: 'listen' } } }
    const command = ['/usr/bin/env']
    await using host = await openHost({ command, links: { lines: 'write', web: 'connect' } }, { environment }, others)
    await host.run('two')
    await host.run('one')
    expect(await host.text('one')).not.toContain('LISTEN_')
  })

  const ofSupervisor = {
    LISTEN_FDS: '7',
    LISTEN_FDNAMES: 'a:b:c:d:e:f:g',
    LISTEN_PID: String(process.pid),
    LISTEN_PIDFDID: '12345',
  }
  test.each([
    ['with', { web: 'listen' }, ['LISTEN_FDNAMES=web', 'LISTEN_FDS=1', 'LISTEN_PID=own']],
    ['without', { lines: 'write' }, []],
  ])('what the supervisor was told itself never leaks into a process %s listening ends', async (_, given, expected) => {
    const environment = { PATH: process.env['PATH'], ...ofSupervisor }
    const command = ['/bin/sh', '-c', 'env | sed "s/^LISTEN_PID=$$\\$/LISTEN_PID=own/"']
    const rows = (await outputOf({ command, links: given }, { environment })).split('\n')
    expect(rows.filter(row => row.startsWith('LISTEN_')).sort()).toEqual(expected)
  })

  test('what `env` of the process says of them yields to what is true', async () => {
    const env = { LISTEN_PID: '1', LISTEN_FDS: '9', LISTEN_FDNAMES: 'x' }
    expect(checkPid(await outputOf({ command: ['/bin/sh', '-c', show], env, links: { web: 'listen' } }))).toBe('1 web')
  })

  test.each([
    ['', {}],
    [' that goes through the gate', { umask: 0o022 }],
  ])('without listening ends a process%s has what its own `env` says of them', async (_, more) => {
    const env = { LISTEN_PID: 'x', LISTEN_FDS: '1', LISTEN_FDNAMES: 'mine' }
    const command = ['/bin/sh', '-c', 'echo "$LISTEN_PID $LISTEN_FDS $LISTEN_FDNAMES"']
    expect(await outputOf({ command, env, links: { lines: 'write' }, ...more })).toBe('x 1 mine\n')
  })

  test('umask, variables with odd names and empty arguments go through with them', async () => {
    const env = { 'odd.name': 'a b', 'a-b': '' }
    const script = `${show}; umask; env | grep -c -e '^odd.name=a b$' -e '^a-b=$'; echo "$@"`
    const command = ['/bin/bash', '-c', script, 'name', '', '-u', 'X=1', 'LISTEN_FDS=4']
    const [first, ...rest] = (await outputOf({ command, env, umask: 0o027, links: { web: 'listen' } })).split('\n')
    expect(checkPid(first!)).toBe('1 web')
    expect(rest).toEqual(['0027', '2', ' -u X=1 LISTEN_FDS=4', ''])
  })

  test('shell: true gives them to that shell', async () => {
    expect(checkPid(await outputOf({ command: show, shell: true, links: { api: 'listen' } }))).toBe('1 api')
  })

  test('nothing but them is added to the environment', async () => {
    const environment = { PATH: process.env['PATH'] }
    const variables = async (given: Declared) =>
      (await outputOf({ command: ['/usr/bin/env', '-0'], links: given }, { environment }))
        .split('\0')
        .filter(row => !/^(LISTEN_|IPCSUP_|$)/.test(row))
    expect(await variables({ web: 'listen' })).toEqual(await variables({ lines: 'write' }))
  })

  test('replicas share one socket, and each is told its own pid', async () => {
    const script = `${show}; stat -Lc %i /proc/self/fd/3; sleep 60`
    const replicated = { command: ['/bin/sh', '-c', script], links: { web: 'listen' }, replicas: 3 }
    await using host = await openHost(replicated)
    const names = ['one.0', 'one.1', 'one.2']
    for (const name of names) await host.spawn(name)
    const inodes = new Set<string>()
    for (const name of names) {
      await until(`${name} speaks`, () => host.output(name).toString().split('\n').length === 3)
      const [first, inode] = host.output(name).toString().split('\n')
      expect(checkPid(first!)).toBe('1 web')
      inodes.add(inode!)
    }
    expect(inodes.size).toBe(1)
  })

  test.each([
    ['set for each incarnation with `nonBlocking`', { nonBlocking: true }, 'False False'],
    ['clear for each incarnation without', {}, 'True True'],
  ])('O_NONBLOCK is %s, whatever the one before did to it', async (_, option, expected) => {
    const script =
      'import os; print(os.get_blocking(3), os.get_blocking(4)); [os.set_blocking(fd, not os.get_blocking(fd)) for fd in (3, 4)]'
    const one = { command: ['/usr/bin/python3', '-c', script], links: { web: 'listen', api: 'listen' } }
    await using host = createTestHost({
      links: { web: { ...links.web, ...option }, api: { ...links.api, ...option } },
      processes: { one },
    })
    await host.openAll()
    for (const generation of [1, 2, 3]) await host.run('one', generation)
    expect(await host.text('one')).toBe(`${expected}\n`.repeat(3))
  })

  test('placeholders give the number, the port, the path and the address', async () => {
    const words = ['{web}', '{web.host}', '{web.port}', '{web.fd};', '{api}', '{api.path}={api.fd}']
    const env = { NGINX: '{web.fd};', FPM_SOCKETS: '{api.path}={api.fd}' }
    const command = ['/bin/sh', '-c', 'printf "%s\\n" "$@" "$NGINX" "$FPM_SOCKETS"', 'sh', ...words]
    await using host = await openHost({ command, env, links: { api: 'listen', web: 'listen' } })
    await host.run('one')
    const { port } = (await host.host.inspectLinks())['web']!
    const path = join(host.directory, 'api.sock')
    const [address, hostName, ...rest] = (await host.text('one')).trim().split('\n')
    expect([address, hostName]).toEqual([`127.0.0.1:${port}`, '127.0.0.1'])
    expect(port).toBeGreaterThan(0)
    expect(rest).toEqual([`${port}`, '4;', path, `${path}=3`, '4;', `${path}=3`])
  })

  test('a placeholder alone makes a client, which is told the address and gets no descriptor', async () => {
    const others = { two: { command: ['true'], links: { web: 'listen', api: 'listen' } } }
    const command = ['/bin/sh', '-c', 'echo "$@"; ls /proc/self/fd | wc -l', 'sh', '{web.port} {api}']
    await using host = await openHost({ command }, {}, others)
    await host.run('one')
    const { port } = (await host.host.inspectLinks())['web']!
    // 0, 1, 2 and that of the directory.
    expect(await host.text('one')).toBe(`${port} ${join(host.directory, 'api.sock')}\n4\n`)
  })
})

describe('§8 programs that know systemd’s convention', () => {
  test.skipIf(!compiler)(`C, by the algorithm of libsystemd; its own child takes none${needsCompiler}`, async () => {
    const given = { lines: 'write', admin: 'listen', web: 'listen', datagrams: 'bind' }
    expect(await outputOf({ command: [consumer, 'and its child'], links: given })).toBe(
      ['process 3', '3 admin listening', '4 web listening', '5 datagrams bound', 'child 0', ''].join('\n'),
    )
  })

  test.skipIf(!compiler)(
    `C, started by a shell that stays: the shell has them, its child not${needsCompiler}`,
    async () => {
      const command = `'${consumer}' x; :`
      expect(await outputOf({ command, shell: true, links: { web: 'listen' } })).toBe('process 0\nchild 0\n')
      const became = `exec '${consumer}' x`
      const expected = 'process 1\n3 web listening\nchild 0\n'
      expect(await outputOf({ command: became, shell: true, links: { web: 'listen' } })).toBe(expected)
    },
  )

  const hasPython = spawnSync('/usr/bin/python3', ['-c', 'import systemd.daemon']).status === 0
  const why = hasPython ? '' : ' (skipped: no python3-systemd)'
  test.skipIf(!hasPython)(`Python’s systemd.daemon${why}`, async () => {
    const program = `
import socket
from systemd import daemon
named = daemon.listen_fds_with_names()
print(sorted(named.items()))
print([bool(daemon.is_socket_inet(3, socket.AF_INET, socket.SOCK_STREAM, 1)),
       bool(daemon.is_socket_unix(4, socket.SOCK_STREAM, 1)), bool(daemon.is_socket_unix(5, socket.SOCK_DGRAM))])
print(daemon.listen_fds())`
    const given = { web: 'listen', api: 'listen', datagrams: 'bind' }
    const command = ['/usr/bin/python3', '-c', program]
    // It takes the variables away when it has read them, as sd_listen_fds with unset_environment does.
    const expected = "[(3, 'web'), (4, 'api'), (5, 'datagrams')]\n[True, True, True]\n[]\n"
    expect(await outputOf({ command, links: given })).toBe(expected)
  })

  const hasGunicorn = existsSync('/usr/bin/gunicorn')
  const whyNot = hasGunicorn ? '' : ' (skipped: no gunicorn)'
  test.skipIf(!hasGunicorn)(`gunicorn serves at both sockets that it was given${whyNot}`, async () => {
    const app = 'def app(environ, start):\n  start("200 OK", [])\n  return [b"served"]\n'
    writeFileSync(join(built, 'app.py'), app)
    const command = ['/usr/bin/gunicorn', '--chdir', built, '--log-level', 'error', 'app:app']
    await using host = await openHost({ command, links: { web: 'listen', api: 'listen' } })
    const { pid } = await host.spawn('one')
    const { port } = (await host.host.inspectLinks())['web']!
    for (const address of [{ port: port! }, { path: join(host.directory, 'api.sock') }]) {
      const socket = connect({ host: '127.0.0.1', ...address } as TcpSocketConnectOpts)
      socket.write('GET / HTTP/1.0\r\n\r\n')
      expect(await text(socket)).toMatch(/^HTTP\/1\.\d 200 OK.*\r\n\r\nserved$/s)
    }
    process.kill(pid, 'SIGTERM')
    expect((await host.exited('one')).exit).toEqual({ code: 0 })
  })
})
