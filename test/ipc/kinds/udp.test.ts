import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { buildPlan } from '../../../src/config/build-plan.js'
import type { LinkObject } from '../../../src/ipc/kind.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { openBoundSocket, openSendingSocket } from '../../../src/ipc/udp-end.js'
import { pollNow } from '../../../src/platform/index.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { createTestHost, listOpenDescriptors } from '../../support/host.js'
import { createLink, hasIpv6, makeDirectory, refusalOf } from '../support.js'

const directory = makeDirectory()
const objects: LinkObject[] = []
const udp = (more: object = {}): LinkObject => {
  const object = createLink({ kind: 'udp', ...more }, directory)
  objects.push(object)
  return object
}
const problemsOf = (link: object): string => {
  try {
    buildPlan({ links: { data: { kind: 'udp', ...link } } }, { kinds, directory, configPath: null, isEmbedded: true })
  } catch (error) {
    return (error as Error).message
  }
  return ''
}
const programs: ChildProcess[] = []

afterEach(() => {
  for (const object of objects.splice(0)) object.destroy()
  for (const program of programs.splice(0)) program.kill('SIGKILL')
})

test('port 0 is a free one, which facts, variables and placeholders have', async () => {
  await using host = createTestHost({
    links: { data: { kind: 'udp' } },
    processes: {
      one: { command: ['/bin/echo', '{data}', '{data.host}', '{data.port}', '{data.fd}'], links: { data: 'bind' } },
      two: {
        command: ['/bin/sh', '-c', 'echo "$IPCSUP_ADDR_DATA ${IPCSUP_FD_DATA-none} ${LISTEN_FDS-none}"'],
        links: { data: 'send' },
      },
      three: {
        command: ['/bin/sh', '-c', 'echo "$LISTEN_FDS $LISTEN_FDNAMES $IPCSUP_FD_DATA"'],
        links: { data: 'bind' },
      },
    },
  })
  await host.openAll()
  const { data } = await host.host.inspectLinks()
  expect(data).toMatchObject({ host: '127.0.0.1', port: expect.any(Number) })
  expect(data!.port).toBeGreaterThan(0)
  for (const name of ['one', 'two', 'three']) await host.run(name)
  expect(await host.text('one')).toBe(`127.0.0.1:${data!.port} 127.0.0.1 ${data!.port} 3\n`)
  expect(await host.text('two')).toBe(`127.0.0.1:${data!.port} none none\n`)
  expect(await host.text('three')).toBe('1 data 3\n')
})

test.each([
  [{ listen: '127.0.0.1' }, /links\.data\.listen.*must be an address and a port/],
  [{ listen: '127.0.0.1:70000' }, /links\.data\.listen/],
  [{ listen: '::1:80' }, /brackets/],
  [{ listen: 'example.org:80' }, /names are not looked up/],
  [{ interface: 'lo' }, /links\.data\.interface.*say which in `join`/],
  [{ listen: ':5000', join: '10.0.0.1' }, /links\.data\.join.*"10\.0\.0\.1" is no address of a group/],
  [{ listen: ':5000', join: '239.1.2.300' }, /no address of a group/],
  [{ listen: ':5000', join: 'ff12::7:1%lo' }, /no address of a group/],
  [
    { join: '239.1.2.3' },
    /links\.data\.listen.*nothing sent to the group 239\.1\.2\.3 comes to a socket at 127\.0\.0\.1/,
  ],
  [{ listen: '0.0.0.0:5000', join: 'ff02::1234' }, /nothing sent to the group ff02::1234 comes/],
  [{ port: 5000 }, /port/],
])('a config is refused that has %j', (link, message) => {
  expect(problemsOf(link)).toMatch(message)
})

test('a side that it does not have is an error that names those it has', () => {
  const config = {
    links: { data: { kind: 'udp' } },
    processes: { one: { command: 'true', links: { data: 'listen' } } },
  }
  expect(() => buildPlan(config, { kinds, directory, configPath: null })).toThrow(/"bind".*"send"/)
})

describe('a port that is taken', () => {
  test('is an error with the pid and command of who has it', async () => {
    const program = spawn('/usr/bin/python3', [
      '-c',
      'import socket,time;s=socket.socket(type=socket.SOCK_DGRAM);s.bind(("0.0.0.0",0));print(s.getsockname()[1],flush=True);time.sleep(1000)',
    ])
    programs.push(program)
    const port = Number(String((await once(program.stdout, 'data'))[0]))
    const before = listOpenDescriptors()
    expect(refusalOf(() => udp({ listen: `127.0.0.1:${port}` }))).toMatch(
      new RegExp(
        `IPCSUP_ERR_LINK_CREATE: Link "data" cannot be created: 127\\.0\\.0\\.1:${port} is taken by process ${program.pid} \\(/usr/bin/python3 -c import`,
      ),
    )
    expect(listOpenDescriptors()).toEqual(before)
  })

  test('by another link of the same supervisor is said so', () => {
    const { port } = udp().hint()
    expect(refusalOf(() => udp({ listen: `127.0.0.1:${port}` }))).toMatch(/taken by another link of this supervisor/)
    if (hasIpv6) udp({ listen: `[::1]:${port}` })
  })

  test('is shared where both want it with reusePort', () => {
    const { port } = udp({ reusePort: true }).hint()
    expect(udp({ listen: `127.0.0.1:${port}`, reusePort: true }).hint().port).toBe(port)
    expect(refusalOf(() => udp({ listen: `127.0.0.1:${port}` }))).toMatch(/taken/)
  })
})

/** In a container it may be 0: then no port is privileged. */
const firstFreePort = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'))

test.runIf(process.getuid!() === 0 && firstFreePort > 53)(
  'a privileged port is an error with the first port that is none (needs root to become a user)',
  () => {
    const program = bundleProgram(join(import.meta.dirname, '../drivers/make-link.ts'))
    const asUser = ['--reuid=65534', '--clear-groups', '--bounding-set', '-net_bind_service']
    const link = JSON.stringify({ kind: 'udp', listen: '127.0.0.1:53' })
    const said = execFileSync('setpriv', [...asUser, process.execPath, program, link, '1'], { encoding: 'utf8' })
    expect(said).toContain(`port 53 is privileged: only root may listen at ports below ${firstFreePort}`)
  },
)

test('an address that this machine does not have is an error that says so', () => {
  expect(refusalOf(() => udp({ listen: '203.0.113.9:0' }))).toMatch(/this machine has no address 203\.0\.113\.9/)
})

test('a receive buffer that the kernel does not grant is an error with its limit, and nothing stays', () => {
  const before = listOpenDescriptors()
  expect(refusalOf(() => udp({ receiveBuffer: '512MiB' }))).toMatch(
    /grants a receive buffer of \d+ bytes, not 536870912.*rmem_max/,
  )
  expect(listOpenDescriptors()).toEqual(before)
  expect(udp({ receiveBuffer: '64KiB' }).facts().capacityBytes).toBe(131_072)
})

test.runIf(hasIpv6)('":0" takes datagrams of IPv4 and IPv6', async () => {
  const object = udp({ listen: ':0' })
  const own = object.take('bind')
  for (const [type, host] of [
    ['udp4', '127.0.0.1'],
    ['udp6', '::1'],
  ] as const) {
    const sender = createSocket(type)
    await new Promise(resolve => sender.send('x', object.hint().port!, host, resolve))
    sender.close()
  }
  const received: string[] = []
  const socket = await openBoundSocket({ descriptor: own, side: 'bind', hint: object.hint() })
  socket.on('message', (_, from) => received.push(from.address))
  await until('both came', () => received.length === 2)
  expect(received).toEqual(['::ffff:127.0.0.1', '::1'])
  socket.close()
})

const [linkLocal] = Object.entries(networkInterfaces()).flatMap(([name, rows = []]) =>
  rows.filter(({ address }) => address.startsWith('fe80:')).map(({ address }) => ({ name, address })),
)

test.runIf(linkLocal)('an address of one interface has that behind "%", and Node finds it', async () => {
  const { name, address } = linkLocal!
  const object = udp({ listen: `[${address}%${name}]:0` })
  expect(object.hint().host).toBe(`${address}%${name}`)
  const descriptor = object.take('bind')
  const sender = await openSendingSocket(object.hint(), { interface: null })
  await new Promise(resolve => sender.send('x', resolve))
  await until('it comes', () => pollNow(descriptor).readable)
  sender.close()
  closeSync(descriptor)
})

describe('a multicast group', () => {
  const sendFromPython = (group: string, port: number, text: string): void => {
    const program = `
import socket, sys
group, port, text = sys.argv[1], int(sys.argv[2]), sys.argv[3]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
s.sendto(text.encode(), (group, port))
`
    const { status, stderr } = spawnSync('/usr/bin/python3', ['-c', program, group, String(port), text], {
      encoding: 'utf8',
    })
    expect([status, stderr]).toEqual([0, ''])
  }

  test.each([
    ['239.7.7.1', '239.7.7.2', '127.0.0.1'],
    ['239.7.7.1', '239.7.7.2', 'lo'],
  ])(
    '%s is joined on the loopback: what is sent there comes, what is sent to %s does not (interface %s)',
    async (group, foreign, device) => {
      const object = udp({ listen: ':0', join: group, interface: device })
      const { host, port } = object.hint()
      expect(host).toBe(group)
      // Any other program's membership is nothing to it: this one's is.
      const other = udp({ listen: ':0', join: foreign, interface: device })
      sendFromPython(foreign, port!, 'not for us')
      expect(object.facts().queuedBytes).toBe(0)
      sendFromPython(group, port!, 'hello')
      // A busy kernel delivers it later.
      await until('it comes', () => object.facts().queuedBytes === null)
      expect(other.facts().queuedBytes).toBe(0)
    },
  )

  test.runIf(hasIpv6)('of IPv6 is joined at the interface that is named', () => {
    const isMember = (): boolean => /lo +ff120{23}70001 /.test(readFileSync('/proc/net/igmp6', 'utf8'))
    const object = udp({ listen: '[::]:0', join: 'ff12::7:1', interface: '::1' })
    expect([object.hint().host, isMember()]).toEqual(['ff12::7:1', true])
    object.destroy()
    expect(isMember()).toBe(false)
  })

  test('two links at one port both get all, and the child’s half sends to them', async () => {
    const options = { join: '239.7.7.3', interface: '127.0.0.1' }
    const one = udp({ listen: ':0', ...options })
    const two = udp({ listen: `:${one.hint().port}`, ...options })
    const sender = await openSendingSocket(one.hint(), options)
    await new Promise(resolve => sender.send('hello', resolve))
    sender.close()
    await until('it comes', () => [one, two].every(object => object.facts().queuedBytes === null))
  })

  test('an interface that is not there is an error with those that are, and nothing stays', () => {
    const before = listOpenDescriptors()
    expect(refusalOf(() => udp({ listen: ':0', join: '239.7.7.4', interface: 'nope0' }))).toMatch(
      /no interface has the name or address nope0\. There are: .*lo \(127\.0\.0\.1/,
    )
    expect(listOpenDescriptors()).toEqual(before)
  })
})

describe('the child’s half', () => {
  test('leaves datagrams in the kernel until somebody listens, knows its address before, and answers from it', async () => {
    const object = udp()
    const descriptor = object.take('bind')
    const socket = await openBoundSocket({ descriptor, side: 'bind', hint: object.hint() })
    expect(socket.address()).toEqual({ address: '127.0.0.1', family: 'IPv4', port: object.hint().port })
    const client = await openSendingSocket(object.hint(), { interface: null })
    const answered = once(client, 'message')
    await new Promise(resolve => client.send('ping', resolve))
    await until('it comes', () => pollNow(descriptor).readable)
    // A socket that receives would have taken it in the next turn of the loop.
    for (let turn = 0; turn < 10; turn++) await new Promise(resolve => setImmediate(resolve))
    expect(pollNow(descriptor).readable).toBe(true)
    const [question, from] = (await once(socket, 'message')) as [Buffer, { port: number; address: string }]
    expect(question.toString()).toBe('ping')
    socket.send('pong', from.port, from.address)
    const [answer, server] = (await answered) as [Buffer, { port: number }]
    expect([answer.toString(), server.port]).toEqual(['pong', object.hint().port])
    expect(socket.address().port).toBe(object.hint().port)
    socket.close()
    client.close()
  })

  test('sends from the bound port although nobody listened yet', async () => {
    const [one, two] = [udp(), udp()]
    const socket = await openBoundSocket({ descriptor: one.take('bind'), side: 'bind', hint: one.hint() })
    const receiver = await openBoundSocket({ descriptor: two.take('bind'), side: 'bind', hint: two.hint() })
    const received = once(receiver, 'message')
    socket.send('hello', two.hint().port!, '127.0.0.1')
    const [, from] = (await received) as [Buffer, { port: number }]
    expect(from.port).toBe(one.hint().port)
    socket.close()
    receiver.close()
  })

  test('is bound as one of Node’s: later, with a callback each time, and `listening` for who asks for messages first', async () => {
    const object = udp()
    const socket = await openBoundSocket({ descriptor: object.take('bind'), side: 'bind', hint: object.hint() })
    const heard: string[] = []
    socket.on('message', () => {})
    socket.on('listening', () => heard.push('listening'))
    socket.bind(() => heard.push('first'))
    // A port is not to be chosen any more.
    socket.bind(0, '127.0.0.1', () => heard.push('second'))
    expect(heard).toEqual([])
    await until('all were called', () => heard.length === 3)
    expect(heard).toEqual(['listening', 'first', 'second'])
    await new Promise<void>(resolve => socket.bind(resolve))
    expect(socket.address().port).toBe(object.hint().port)
    socket.close()
  })

  test('gives up the descriptor when it is closed before it is bound, with or without something to send', async () => {
    const [one, two] = [udp(), udp()]
    const before = listOpenDescriptors()
    const open = () => openBoundSocket({ descriptor: one.take('bind'), side: 'bind', hint: one.hint() })
    const [bound, sending] = [await open(), await open()]
    const closed = [once(bound, 'close'), once(sending, 'close')]
    bound.bind().close()
    sending.send('hello', two.hint().port!, '127.0.0.1')
    sending.close()
    await Promise.all(closed)
    expect(listOpenDescriptors()).toEqual(before)
  })

  test('gives up the descriptor when it is closed, bound or not', async () => {
    const object = udp()
    const before = listOpenDescriptors()
    for (const isUsed of [false, true]) {
      const socket = await openBoundSocket({ descriptor: object.take('bind'), side: 'bind', hint: object.hint() })
      if (isUsed) socket.on('message', () => {})
      const closed = once(socket, 'close')
      socket.close()
      await closed
    }
    expect(listOpenDescriptors()).toEqual(before)
  })
})

test('a released socket is the children’s alone: the port is free once they are gone', () => {
  const object = udp()
  const { port } = object.hint()
  const own = object.take('bind')
  expect(object.release('bind', 'over')).toBe(0)
  expect(refusalOf(() => udp({ listen: `127.0.0.1:${port}` }))).toMatch(/taken/)
  closeSync(own)
  udp({ listen: `127.0.0.1:${port}` })
})
