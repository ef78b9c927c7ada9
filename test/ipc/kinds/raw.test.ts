import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildPlan } from '../../../src/config/build-plan.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { openRawSocket } from '../../../src/ipc/raw-end.js'
import { bundleProgram } from '../../support/bundle.js'
import { createTestHost, listOpenDescriptors } from '../../support/host.js'
import { fixtures } from '../languages.js'
import { createLink, hasIpv6, makeDirectory, refusalOf } from '../support.js'

const directory = makeDirectory()
/** Every socket of a protocol gets what anybody sends: not one of the variants, which are tested at the same time. */
const protocol = 252
const asUser = ['setpriv', '--reuid=65534', '--clear-groups', '--bounding-set', '-net_raw']
const raw = (more: object) => createLink({ kind: 'raw', ...more }, directory)
const problemsOf = (link: object): string =>
  refusalOf(() =>
    buildPlan({ links: { data: { kind: 'raw', ...link } } }, { kinds, directory, configPath: null, isEmbedded: true }),
  )

test.each([
  [{}, /links\.data\.protocol.*is missing; it must be a protocol: its name, or a number from 1 to 255/],
  [{ protocol: 256 }, /links\.data\.protocol.*a whole number from 1 to 255, got 256/],
  [{ protocol: 'icpm' }, /links\.data\.protocol.*there is no protocol "icpm"\. Give a number, or one of icmp, /],
])('a config is refused that has %j', (link, message) => {
  expect(problemsOf(link)).toMatch(message)
})

describe.runIf(process.getuid!() === 0)('with privileges (needs root, and gives it up)', () => {
  test('without CAP_NET_RAW it is an error that says what is missing and how to get it', () => {
    const program = bundleProgram(join(import.meta.dirname, '../drivers/make-link.ts'))
    const link = JSON.stringify({ kind: 'raw', protocol: 'icmp' })
    const [command, ...words] = [...asUser, process.execPath, program, link, '1']
    const { stdout } = spawnSync(command!, words, { encoding: 'utf8' })
    expect(stdout).toMatch(
      /^made 0: Link "data" cannot be created: a raw socket needs the capability CAP_NET_RAW, which this user does not have\. .*AmbientCapabilities=CAP_NET_RAW/,
    )
  })

  test.each(['icmp', ...(hasIpv6 ? ['icmp6'] : [])])(
    'a process without any privilege uses it: an echo of %s over the loopback',
    async protocol => {
      await using host = createTestHost({
        links: { echo: { kind: 'raw', protocol } },
        processes: {
          ping: { command: [...asUser, '/usr/bin/python3', join(fixtures, 'raw/ping.py')], links: { echo: 'bind' } },
          // The same user cannot open one.
          open: {
            command: [
              ...asUser,
              '/usr/bin/python3',
              '-c',
              'import socket; socket.socket(type=socket.SOCK_RAW, proto=1)',
            ],
          },
        },
      })
      await host.openAll()
      expect((await host.run('ping')).exit).toEqual({ code: 0 })
      const sender = protocol === 'icmp' ? '127.0.0.1' : '::1'
      expect(await host.text('ping')).toBe(
        `user 65534: ${sender} answered: from a user who may not open such a socket\n`,
      )
      expect((await host.run('open')).exit).toEqual({ code: 1 })
      expect(await host.text('open', 'stderr')).toContain('PermissionError')
    },
  )

  test('a protocol has a name or a number, and icmp6 is of IPv6 unless it is said otherwise', () => {
    const domainOf = (link: object): string => {
      const object = raw(link)
      const program = 'import socket; s = socket.socket(fileno=3); print(s.family.name, s.type.name, s.proto)'
      const { stdout } = spawnSync('/usr/bin/python3', ['-c', program], {
        stdio: ['ignore', 'pipe', 'inherit', object.take('bind')],
        encoding: 'utf8',
      })
      object.destroy()
      return stdout.trim()
    }
    expect(domainOf({ protocol: 'icmp' })).toBe('AF_INET SOCK_RAW 1')
    expect(domainOf({ protocol: 89 })).toBe('AF_INET SOCK_RAW 89')
    expect(domainOf({ protocol: 'ospf', ipv6: true })).toBe('AF_INET6 SOCK_RAW 89')
    expect(domainOf({ protocol: 'icmp6' })).toBe('AF_INET6 SOCK_RAW 58')
    expect(domainOf({ protocol: 58, ipv6: false })).toBe('AF_INET SOCK_RAW 58')
  })

  test('a receive buffer that the kernel does not grant is an error with its limit, and nothing stays', () => {
    const before = listOpenDescriptors()
    expect(refusalOf(() => raw({ protocol: 'icmp', receiveBuffer: '512MiB' }))).toMatch(/receive buffer of .*rmem_max/)
    expect(listOpenDescriptors()).toEqual(before)
  })

  test('the child’s half sends, receives with the header of IP, tells the sender, and ends when it is closed', async () => {
    const object = raw({ protocol })
    const socket = openRawSocket(object.take('bind'))
    const packets = socket.receive()
    const first = packets.next()
    await socket.send(Buffer.from('hello'), '127.0.0.1')
    const { value } = await first
    expect([value!.bytes[9], value!.host]).toEqual([protocol, '127.0.0.1'])
    expect(Buffer.from(value!.bytes.subarray(20)).toString()).toBe('hello')
    const last = packets.next()
    socket.close()
    expect(await last).toEqual({ value: undefined, done: true })
    await expect(socket.send(Buffer.from('x'), '127.0.0.1')).rejects.toThrow(/closed/)
    object.destroy()
  })

  test('the child’s half says that an address is none, and that there is no way to one', async () => {
    const object = raw({ protocol })
    const socket = openRawSocket(object.take('bind'))
    await expect(socket.send(Buffer.from('x'), 'localhost')).rejects.toThrow(/"localhost".*EINVAL/)
    await expect(socket.send('x' as never, '127.0.0.1')).rejects.toThrow('must be a Uint8Array')
    await expect(socket.send(Buffer.from('x'), '255.255.255.255')).rejects.toThrow(
      /255\.255\.255\.255.*(EACCES|ENETUNREACH)/,
    )
    socket.close()
    object.destroy()
  })
})
