import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, mkdtempSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { buildPlan } from '../../src/config/build-plan.js'
import { fdsSocket } from '../../src/control/fds.js'
import { connectEnds } from '../../src/control/fds-client.js'
import { type EndsServer, serveEnds } from '../../src/control/fds-server.js'
import { kinds } from '../../src/ipc/kinds/index.js'
import { connectPackets, isNonBlocking, receivePacket, sendPacket } from '../../src/platform/index.js'
import { createFromPlan, type ShowingSupervisor } from '../../src/supervisor/create.js'
import { openRun } from '../../src/supervisor/run/open.js'
import { until } from '../support/conditions.js'
import { listOpenDescriptors } from '../support/host.js'

let directory: string
let supervisor: ShowingSupervisor
let server: EndsServer
const closers: (() => Promise<void> | void)[] = []

beforeEach(async () => {
  directory = mkdtempSync('/tmp/ipcsup-fds-')
  const config = {
    links: {
      lines: { kind: 'pipe' },
      names: { kind: 'fifo' },
      talk: { kind: 'socketpair' },
    },
    processes: {
      write: { command: 'sleep 1000', stdout: 'lines', links: { talk: 'a' } },
      read: { command: 'sleep 1000', stdin: 'lines', links: { talk: 'b' } },
    },
  }
  const { plan } = buildPlan(config, { kinds, directory, configPath: null })
  const run = await openRun({
    key: { pid: process.pid },
    name: 'fds',
    version: '0',
    environment: { XDG_RUNTIME_DIR: directory },
  })
  supervisor = createFromPlan(plan, { run, display: null })
  await supervisor.start()
  server = serveEnds(supervisor.outsideEnds, run.directory)
  closers.push(
    async () => void (await supervisor.stop({ kill: true })),
    () => void run.close(),
    () => rmSync(directory, { recursive: true, force: true }),
  )
})

afterEach(async () => {
  server.close()
  for (const close of closers.splice(0)) await close()
})

/** With another time for clients to ask. */
function serveAnew(requestTimeoutMs: number): void {
  server.close()
  server = serveEnds(supervisor.outsideEnds, dirname(server.socket), requestTimeoutMs)
}

const ends = () => connectEnds(join(server.socket, '..'), 'here')

/** A client that says what it is told to; its socket is closed at the end of the test. */
function connectRaw(text?: string): number {
  const client = connectPackets(fdsSocket(join(server.socket, '..')))!
  if (text !== undefined) sendPacket(client, Buffer.from(text))
  return client
}

/** What the server says to a client, in words; `hung up` when it said nothing. */
async function hear(client: number): Promise<string> {
  let said: string | null = null
  await until('the server answers', () => {
    try {
      const packet = receivePacket(client, 65_536)
      if (packet !== null) said = packet.bytes.toString() || 'hung up'
    } catch {
      said = 'hung up'
    }
    return said !== null
  })
  closeSync(client)
  return said!
}

describe('§18 the fds socket', () => {
  test('is for its owner alone, and gone when the server is closed', async () => {
    expect(statSync(server.socket).mode & 0o777).toBe(0o600)
    server.close()
    await expect(ends().describe('lines')).rejects.toMatchObject({ code: 'IPCSUP_ERR_NO_SUPERVISOR', status: 3 })
  })

  test.skipIf(process.getuid!() !== 0)('does not answer another user, whatever the modes of files', async () => {
    for (const path of [directory, join(directory, 'ipcsup'), join(server.socket, '..')]) chmodSync(path, 0o755)
    chmodSync(server.socket, 0o777)
    const drop = ['--reuid=65534', '--clear-groups', '/usr/bin/python3', '-c', askingClient, server.socket]
    const asking = spawn('setpriv', drop, { stdio: ['ignore', 'pipe', 'inherit'] })
    const heard = await text(asking.stdout)
    expect(heard).toMatch(/^(nothing|reset)\n$/)
  })

  test('describes a link', async () => {
    expect(await ends().describe('names')).toEqual({
      kind: 'fifo',
      sides: expect.objectContaining({ read: expect.objectContaining({ reads: true, descriptor: true }) }),
      options: expect.objectContaining({ mode: 0o600 }),
      hint: { path: expect.stringMatching(/names\.fifo$/) },
    })
  })

  test('gives an end with a description of its own, blocking and close-on-exec', async () => {
    const write = await ends().take('lines', 'write')
    const read = await ends().take('lines', 'read')
    expect(write).toEqual({
      kind: 'pipe',
      side: 'write',
      options: expect.any(Object),
      hint: {},
      descriptor: expect.any(Number),
    })
    expect([isNonBlocking(write.descriptor!), isNonBlocking(read.descriptor!)]).toEqual([false, false])
    writeSync(write.descriptor!, 'hello')
    const bytes = Buffer.alloc(10)
    expect(readSync(read.descriptor!, bytes)).toBe(5)
    const { stdout } = spawnSync('sh', ['-c', `ls /proc/self/fd | grep -cx ${write.descriptor}`], { encoding: 'utf8' })
    expect(stdout.trim()).toBe('0')
    closeSync(write.descriptor!)
    closeSync(read.descriptor!)
  })

  test('says which link or side there is none of', async () => {
    await expect(ends().take('line', 'read')).rejects.toMatchObject({
      code: 'IPCSUP_ERR_UNKNOWN_LINK',
      message: expect.stringContaining('Did you mean "lines"'),
    })
    await expect(ends().describe('line')).rejects.toMatchObject({ code: 'IPCSUP_ERR_UNKNOWN_LINK' })
    await expect(ends().take('lines', 'reed')).rejects.toMatchObject({ message: expect.stringContaining('"read"') })
  })

  test('§1 an end outside is no use: the side closes all the same, and then is refused', async () => {
    const { descriptor } = await ends().take('lines', 'write')
    await supervisor.stopProcesses(['write'], { end: true })
    await until('the side is closed', async () => (await supervisor.status()).links[0]!.sides['write']!.closed)
    await expect(ends().take('lines', 'write')).rejects.toMatchObject({
      code: 'IPCSUP_ERR_SIDE_CLOSED',
      message: expect.stringContaining('ipcsup start'),
    })
    closeSync(descriptor!)
  })

  test('refuses a side that only one process can have', async () => {
    await expect(ends().take('talk', 'a')).rejects.toMatchObject({
      code: 'IPCSUP_ERR_SIDE_TAKEN',
      message: expect.stringContaining('write has it'),
    })
  })

  test('answers what is no request with an error, and nothing with nothing', async () => {
    for (const [text, why] of [
      ['nonsense', '`link` must be'],
      ['null', '`link` must be'],
      ['{"link":3}', '`link` must be'],
      ['{"link":"lines","side":[]}', '`side` must be'],
      [`{"link":"${'x'.repeat(100_000)}"}`, 'more than 1024 characters'],
    ] as const) {
      expect(JSON.parse(await hear(connectRaw(text)))).toEqual({
        error: { code: expect.stringMatching(/^IPCSUP_ERR_/), message: expect.stringContaining(why), status: 2 },
      })
    }
    expect(await hear(connectRaw(''))).toBe('hung up')
  })

  test('hangs up on who says nothing, and has answered others meanwhile', async () => {
    serveAnew(100)
    const mute = connectRaw()
    await ends().describe('lines')
    expect(await hear(mute)).toBe('hung up')
  })

  test('answers what was said before the time was over, also when it could not look', async () => {
    const timers = vi.spyOn(globalThis, 'setTimeout')
    const client = connectRaw()
    const findDeadline = () => timers.mock.calls.find(([, delayMs]) => delayMs === 10_000)
    await until('it is let in', () => findDeadline() !== undefined)
    sendPacket(client, Buffer.from('{"link":"lines"}'))
    findDeadline()![0]()
    timers.mockRestore()
    expect(JSON.parse(await hear(client))).toMatchObject({ kind: 'pipe' })
  })

  test('keeps nothing of clients that ask for many, never read, send descriptors or die', async () => {
    const before = listOpenDescriptors()
    const clients = Array.from({ length: 100 }, () => connectRaw('{"link":"lines","side":"read"}'))
    const gift = connectRaw()
    sendPacket(gift, Buffer.from('{"link":"lines"}'), [clients[0]!])
    for (const client of clients.slice(0, 50)) closeSync(client)
    for (const client of clients.slice(50)) await until('it has its answer', () => readAndClose(client))
    await hear(gift)
    const killed = spawn('python3', ['-c', dyingClient, server.socket], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(killed.stdout, 'data')
    killed.kill('SIGKILL')
    await once(killed, 'close')
    await ends().describe('lines')
    const left = () => listOpenDescriptors().filter(descriptor => !before.includes(descriptor))
    await until('all is closed', () => left().length === 0).catch(() => {})
    expect(left()).toEqual([])
  })

  test('of more than 32 who say nothing the eldest is hung up on at once, and nobody else', async () => {
    serveAnew(600_000)
    const before = listOpenDescriptors().length
    const mute = Array.from({ length: 100 }, () => connectRaw())
    // Answered after all of them were let in, and before any of them has had its time.
    expect(await ends().describe('lines')).toMatchObject({ kind: 'pipe' })
    expect(listOpenDescriptors().length - before).toBeLessThanOrEqual(100 + 32)
    const isHungUp = mute.map(hasEnded)
    expect(isHungUp).toEqual(mute.map((_, index) => index < 100 - 32))
    for (const client of mute) closeSync(client)
  })
})

/** Its server has hung up, without a word. */
function hasEnded(client: number): boolean {
  try {
    return receivePacket(client, 65_536)?.bytes.length === 0
  } catch {
    return true
  }
}

/** Takes the answer, with the descriptor that comes with it. */
function readAndClose(client: number): boolean {
  const packet = receivePacket(client, 65_536)
  if (packet === null) return false
  closeSync(packet.descriptors[0]!)
  closeSync(client)
  return true
}

const askingClient = `
import socket, sys
client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
client.connect(sys.argv[1])
try:
    client.send(b'{"link":"lines"}')
    print(client.recv(65536).decode() or 'nothing', flush=True)
except ConnectionError:
    print('reset', flush=True)
`

const dyingClient = `
import socket, sys, time
client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
client.connect(sys.argv[1])
print('connected', flush=True)
time.sleep(1000)
`
