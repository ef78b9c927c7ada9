import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { describePortOwner } from '../../src/ipc/port-owner.js'
import { bundleProgram } from '../support/bundle.js'
import { hasIpv6 } from './support.js'

const programs: ChildProcess[] = []
afterEach(() => {
  for (const program of programs.splice(0)) program.kill('SIGKILL')
})

/** A program of its own that has a port. */
async function take(family: string, type: string, host: string): Promise<{ pid: number; port: number }> {
  const text = `import socket,time;s=socket.socket(socket.${family},socket.${type});s.bind(("${host}",0));s.type == socket.SOCK_STREAM and s.listen();print(s.getsockname()[1],flush=True);time.sleep(1000)`
  const program = spawn('/usr/bin/python3', ['-c', text], { stdio: ['ignore', 'pipe', 'inherit'] })
  programs.push(program)
  return { pid: program.pid!, port: Number(String((await once(program.stdout!, 'data'))[0])) }
}

const rows = [
  ['tcp', 'AF_INET', 'SOCK_STREAM', '127.0.0.1', '127.0.0.1'],
  ['tcp', 'AF_INET', 'SOCK_STREAM', '0.0.0.0', '127.0.0.1'],
  ['tcp', 'AF_INET6', 'SOCK_STREAM', '::', '127.0.0.1'],
  ['tcp', 'AF_INET6', 'SOCK_STREAM', '::1', '::'],
  ['udp', 'AF_INET', 'SOCK_DGRAM', '127.0.0.1', '0.0.0.0'],
  ['udp', 'AF_INET6', 'SOCK_DGRAM', '::1', '::1'],
] as const

test.each(rows.filter(([, family]) => hasIpv6 || family === 'AF_INET'))(
  'who has a port of %s (%s %s at %s) is told to who wants it at %s',
  async (protocol, family, type, there, wanted) => {
    const { pid, port } = await take(family, type, there)
    expect(describePortOwner(protocol, wanted, port)).toMatch(new RegExp(`^ by process ${pid} \\(/usr/bin/python3 -c `))
  },
)

test('who has the port at another address, or of the other protocol, is not in the way', async () => {
  const { port } = await take('AF_INET', 'SOCK_STREAM', '127.0.0.1')
  expect(describePortOwner('tcp', '127.0.0.2', port)).toBe('')
  expect(describePortOwner('tcp', '::1', port)).toBe('')
  expect(describePortOwner('udp', '127.0.0.1', port)).toBe('')
})

test('a connection from a port is no owner of it', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as { port: number }).port, '127.0.0.1')
  await once(client, 'connect')
  expect(describePortOwner('tcp', '127.0.0.1', client.localPort!)).toBe('')
  client.destroy()
  server.close()
})

test.runIf(process.getuid!() === 0)(
  'of a process of another user only the user is told (needs root to become one)',
  async () => {
    const { port } = await take('AF_INET', 'SOCK_DGRAM', '127.0.0.1')
    const program = bundleProgram(join(import.meta.dirname, 'drivers/make-link.ts'))
    const link = JSON.stringify({ kind: 'udp', listen: `127.0.0.1:${port}` })
    const words = [
      '--reuid=65534',
      '--clear-groups',
      '--bounding-set',
      '-sys_ptrace',
      process.execPath,
      program,
      link,
      '1',
    ]
    const { stdout } = spawnSync('setpriv', words, { encoding: 'utf8' })
    expect(stdout).toContain('is taken by a process of the user with the number 0, which this user cannot see')
  },
)
