import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { buildPlan } from '../../../src/config/build-plan.js'
import type { LinkObject } from '../../../src/ipc/kind.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { findFreePort } from '../../support/free-port.js'
import { createTestHost, listOpenDescriptors } from '../../support/host.js'
import { createLink, hasIpv6, makeDirectory, refusalOf } from '../support.js'

const directory = makeDirectory()
const isRoot = process.getuid!() === 0
const objects: LinkObject[] = []
const programs: ChildProcess[] = []

const tcp = (more: object = {}): LinkObject => {
  const object = createLink({ kind: 'tcp', ...more }, directory)
  objects.push(object)
  return object
}

afterEach(() => {
  for (const object of objects.splice(0)) object.destroy()
  for (const program of programs.splice(0)) program.kill('SIGKILL')
})

/** The code of the error of a client; null: it was let in. */
async function tryConnect(host: string, port: number): Promise<string | null> {
  const socket = connect({ host, port })
  try {
    await once(socket, 'connect')
    return null
  } catch (error) {
    return (error as NodeJS.ErrnoException).code!
  } finally {
    socket.destroy()
  }
}

/** What Python says of a listening socket that it gets as descriptor 3. */
function askPython(object: LinkObject, program: string): string {
  const descriptor = object.take('listen')
  const { stdout, stderr } = spawnSync(
    '/usr/bin/python3',
    ['-c', `import socket\ns=socket.socket(fileno=3)\n${program}`],
    {
      stdio: ['ignore', 'pipe', 'pipe', descriptor],
      encoding: 'utf8',
    },
  )
  closeSync(descriptor)
  return stdout.trim() + stderr
}

// TCP_INFO of a listening socket: tcpi_sacked, at 28, is the longest that its queue can be.
const askBacklog = (object: LinkObject): number =>
  Number(askPython(object, 'import struct;print(struct.unpack_from("=I",s.getsockopt(6,11,104),28)[0])'))

test('port 0 is a free one, which facts, variables and placeholders have', async () => {
  await using host = createTestHost({
    links: { data: { kind: 'tcp' } },
    processes: {
      server: {
        command: ['/bin/sh', '-c', 'echo $IPCSUP_ADDR_DATA $IPCSUP_FD_DATA $LISTEN_FDS $LISTEN_FDNAMES'],
        links: { data: 'listen' },
      },
      // A client need not be declared: its placeholder says it.
      client: { command: ['echo', '{data}', '{data.host}', '{data.port}'] },
    },
  })
  await host.openAll()
  const { data } = await host.host.inspectLinks()
  expect(data).toMatchObject({ host: '127.0.0.1', waiting: 0 })
  expect(data!.port).toBeGreaterThan(0)
  await host.run('server')
  await host.run('client')
  expect(await host.text('server')).toBe(`127.0.0.1:${data!.port} 3 1 data\n`)
  expect(await host.text('client')).toBe(`127.0.0.1:${data!.port} 127.0.0.1 ${data!.port}\n`)
})

test('made anew it has a port again', async () => {
  await using host = createTestHost({ links: { data: { kind: 'tcp', lifetime: 'reset' } } })
  await host.openAll()
  const { port: former } = (await host.host.inspectLinks()).data!
  await host.call({ type: 'destroy', link: 'data', generation: 1 }, 'destroyed')
  expect(await tryConnect('127.0.0.1', former!)).toBe('ECONNREFUSED')
  await host.call({ type: 'open', link: 'data', generation: 2 }, 'opened')
  const { port } = (await host.host.inspectLinks()).data!
  expect(await tryConnect('127.0.0.1', port!)).toBeNull()
})

test.each<[object, string]>([
  [{ listen: '127.0.0.1:0' }, '127.0.0.1'],
  [{ listen: 'localhost:0' }, '127.0.0.1'],
  [{ listen: '0.0.0.0:0' }, '0.0.0.0'],
  ...(hasIpv6 ? [[{ listen: '[::1]:0' }, '::1'] as [object, string]] : []),
  [{ listen: ':0' }, '::'],
])('%j is bound to %s', (given, host) => {
  const object = tcp(given)
  expect(object.hint()).toEqual({ host, port: expect.any(Number) })
})

test.each([
  [{ listen: '8080' }, /links\.data\.listen.*must be an address and a port of 0 to 65535, got "8080": /],
  [{ listen: '127.0.0.1' }, /links\.data\.listen.*must be an address and a port/],
  [{ listen: '127.0.0.1:65536' }, /links\.data\.listen.*port of 0 to 65535/],
  [{ listen: '127.0.0.256:80' }, /links\.data\.listen.*must be an address/],
  [{ listen: '[::1' }, /links\.data\.listen.*must be an address/],
  [{ listen: '[fe80::1%]:80' }, /links\.data\.listen.*must be an address/],
  [{ listen: '[1.2.3.4]:80' }, /links\.data\.listen.*must be an address/],
  [{ listen: '::1:80' }, /links\.data\.listen.*must have brackets/],
  [{ listen: 'example.org:80' }, /links\.data\.listen.*"example\.org".*names are not looked up/],
  [{ ipv6Only: true }, /links\.data\.ipv6Only.*means nothing for 127\.0\.0\.1/],
  [{ reusePort: true }, /links\.data\.reusePort.*needs a port/],
  [{ backlog: 0 }, /links\.data\.backlog/],
  [{ port: 80 }, /port/],
])('a config is refused that has %j', (link, message) => {
  const config = { links: { data: { kind: 'tcp', ...link } } }
  expect(() => buildPlan(config, { kinds, directory, configPath: null, isEmbedded: true })).toThrow(message)
})

test.runIf(hasIpv6)('":0" takes connections of IPv4 and IPv6; with `ipv6Only` none of IPv4', async () => {
  const [both, one] = [tcp({ listen: ':0' }), tcp({ listen: ':0', ipv6Only: true })].map(object => object.hint().port!)
  expect([await tryConnect('127.0.0.1', both!), await tryConnect('::1', both!)]).toEqual([null, null])
  expect([await tryConnect('127.0.0.1', one!), await tryConnect('::1', one!)]).toEqual(['ECONNREFUSED', null])
})

test.runIf(isRoot)(
  'where IPv6 is switched off, ":0" is bound, and "[::1]:0" says why not (needs root for a network)',
  () => {
    const program = bundleProgram(join(import.meta.dirname, '../drivers/make-link.ts'))
    const inside = 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && exec "$@"'
    const make = (listen: string): string => {
      const command = [process.execPath, program, JSON.stringify({ kind: 'tcp', listen }), '1']
      return execFileSync('unshare', ['--net', 'sh', '-c', inside, 'sh', ...command], { encoding: 'utf8' })
    }
    expect(make(':0')).toBe('made 1')
    expect(make('[::1]:0')).toContain('this machine has no address ::1')
  },
)

test('`backlog` is what the kernel has', () => {
  const limit = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'))
  expect([tcp(), tcp({ backlog: 7 })].map(askBacklog)).toEqual([Math.min(4096, limit), 7])
})

test('a Node server that listens at it does not change its backlog, and begins when somebody takes connections', async () => {
  const object = tcp({ backlog: 700 })
  const before = listOpenDescriptors()
  const end = { descriptor: object.take('listen'), side: 'listen', hint: object.hint() }
  const server = (await kinds.tcp.open(end, { backlog: 700 })) as Server
  expect(server.listening).toBe(false)
  const client = connect({ host: '127.0.0.1', port: object.hint().port! })
  await until('it waits', () => object.facts().waiting === 1)
  const [taken] = await once(server, 'connection')
  expect(server.listening).toBe(true)
  expect(askBacklog(object)).toBe(700)
  taken.destroy()
  client.destroy()
  server.close()
  await once(server, 'close')
  await until('all is closed', () => listOpenDescriptors().length === before.length)
})

test('a Node server that was closed before it began owns its descriptor too', async () => {
  const object = tcp()
  const before = listOpenDescriptors()
  const end = { descriptor: object.take('listen'), side: 'listen', hint: object.hint() }
  const server = (await kinds.tcp.open(end, { backlog: 1 })) as Server
  server.close()
  await once(server, 'close')
  expect(listOpenDescriptors()).toEqual(before)
})

test('an address of IPv6 that needs an interface is refused in words', () => {
  expect(refusalOf(() => tcp({ listen: '[fe80::1]:0' }))).toMatch(
    /\[fe80::1\]:0 is an address of IPv6 that means something only together with a network interface\. Name it, as in `\[fe80::1%eth0\]:8080`/,
  )
})

const [linkLocal] = Object.entries(networkInterfaces()).flatMap(([name, rows = []]) =>
  rows.filter(({ address }) => address.startsWith('fe80:')).map(({ address }) => ({ name, address })),
)

test.runIf(linkLocal)('an address of one interface has that behind "%", and Node finds it', async () => {
  const { name, address } = linkLocal!
  const { host, port } = tcp({ listen: `[${address}%${name}]:0` }).hint()
  expect(host).toBe(`${address}%${name}`)
  expect(await tryConnect(host!, port!)).toBeNull()
})

test('an interface that is not there is an error that names it, and nothing stays', () => {
  const before = listOpenDescriptors()
  expect(refusalOf(() => tcp({ listen: '[fe80::1%nope0]:0' }))).toMatch(
    /this machine has no network interface nope0\. Give/,
  )
  expect(listOpenDescriptors()).toEqual(before)
})

describe('a port that is taken', () => {
  const takePort = async (address: string): Promise<{ port: number; pid: number }> => {
    const family = address.includes(':') ? 'AF_INET6' : 'AF_INET'
    const program = `import socket,time
s=socket.socket(socket.${family});s.bind(("${address}",0));s.listen();print(s.getsockname()[1],flush=True);time.sleep(1000)`
    const child = spawn('/usr/bin/python3', ['-c', program])
    programs.push(child)
    return { port: Number(String((await once(child.stdout, 'data'))[0])), pid: child.pid! }
  }

  test.each<[string, string, string]>([
    ['127.0.0.1', '127.0.0.1', '127\\.0\\.0\\.1'],
    ['0.0.0.0', '127.0.0.1', '127\\.0\\.0\\.1'],
    ['127.0.0.1', '0.0.0.0', '0\\.0\\.0\\.0'],
    ['127.0.0.1', '', '\\[::\\]'],
    ...(hasIpv6 ? [['::1', '[::1]', '\\[::1\\]'] as [string, string, string]] : []),
  ])(
    'at %s is an error for "%s" with the pid and command of who has it, and nothing stays',
    async (there, here, shown) => {
      const { port, pid } = await takePort(there)
      const before = listOpenDescriptors()
      const wanted = `^IPCSUP_ERR_LINK_CREATE: Link "data" cannot be created: ${shown}:${port} is taken by process ${pid} \\(/usr/bin/python3 -c import socket,time`
      expect(refusalOf(() => tcp({ listen: `${here}:${port}` }))).toMatch(new RegExp(wanted))
      expect(listOpenDescriptors()).toEqual(before)
    },
  )

  test('by another link of the same supervisor is said so, whatever the number of its descriptor', () => {
    // The list of open descriptors is read by one itself, and that is gone when it is looked at.
    const lower = Array.from({ length: 8 }, () => openSync('/dev/null', 'r'))
    const { port } = tcp().hint()
    for (const descriptor of lower) closeSync(descriptor)
    expect(refusalOf(() => tcp({ listen: `127.0.0.1:${port}` }))).toMatch(/taken by another link of this supervisor/)
  })

  test.runIf(isRoot)(
    'by a process that this user cannot look into says whose it is (needs root to become a user)',
    async () => {
      const { port } = await takePort('127.0.0.1')
      expect(makeAsNobody({ kind: 'tcp', listen: `127.0.0.1:${port}` })).toMatch(
        /is taken by a process of the user with the number 0, which this user cannot see/,
      )
    },
  )

  test('is shared where both want it with `reusePort`', async () => {
    const port = await findFreePort()
    const listen = `127.0.0.1:${port}`
    tcp({ listen, reusePort: true })
    expect(tcp({ listen, reusePort: true }).hint().port).toBe(port)
    expect(refusalOf(() => tcp({ listen }))).toMatch(/taken/)
  })
})

test('a new supervisor takes the port while connections of the former one are in TIME_WAIT', async () => {
  const object = tcp()
  const { port } = object.hint()
  const client = connect({ host: '127.0.0.1', port: port! })
  await once(client, 'connect')
  // The server closes first: TIME_WAIT is at its port.
  askPython(object, 's.accept()[0].close()')
  client.resume()
  await once(client, 'close')
  object.destroy()
  const timeWait = '06'
  const listRows = () =>
    readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map(row => row.trim().split(/\s+/))
  const hexPort = port!.toString(16).toUpperCase().padStart(4, '0')
  // A busy kernel delivers the last packet later.
  await until('its connection is in TIME_WAIT', () =>
    listRows().some(([, local, , state]) => local?.endsWith(`:${hexPort}`) && state === timeWait),
  )
  expect(tcp({ listen: `127.0.0.1:${port}` }).hint().port).toBe(port)
})

function makeAsNobody(link: object): string {
  const program = bundleProgram(join(import.meta.dirname, '../drivers/make-link.ts'))
  const asNobody = ['--reuid=65534', '--clear-groups', '--bounding-set', '-all', process.execPath, program]
  return execFileSync('setpriv', [...asNobody, JSON.stringify(link), '1'], { encoding: 'utf8' })
}

/** In a container it may be 0: then no port is privileged. */
const firstFreePort = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'))

test.runIf(isRoot && firstFreePort > 81)(
  'a privileged port is an error with the first that is none, and how to allow it (needs root to become a user)',
  () => {
    const said = makeAsNobody({ kind: 'tcp', listen: '127.0.0.1:81' })
    expect(said).toContain(`port 81 is privileged: only root may listen at ports below ${firstFreePort}`)
    expect(said).toContain('sysctl net.ipv4.ip_unprivileged_port_start=81')
    expect(said).toContain(`setcap cap_net_bind_service=+ep ${process.execPath}`)
  },
)

test('an address that this machine does not have is an error that says so', () => {
  expect(refusalOf(() => tcp({ listen: '203.0.113.9:0' }))).toMatch(/this machine has no address 203\.0\.113\.9/)
})
