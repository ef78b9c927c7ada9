import { spawnSync } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as platform from '../../src/platform/index.js'
import { unsupported } from '../../src/platform/unsupported.js'
import { bundleProgram } from '../support/bundle.js'
import { until } from '../support/conditions.js'

const isCloseOnExec = (descriptor: number): boolean =>
  (Number.parseInt(/^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))![1]!, 8) &
    0o2000000) !==
  0
const close = (...descriptors: number[]): void => descriptors.forEach(descriptor => void closeSync(descriptor))
const systemErrorOf = (act: () => unknown): unknown => {
  try {
    return act()
  } catch (error) {
    return (error as { toJSON(): unknown; detail: unknown }).detail
  }
}

test('a pipe has two close-on-exec blocking ends; what goes in comes out', () => {
  const { read, write } = platform.createPipe()
  expect([isCloseOnExec(read), isCloseOnExec(write), platform.isNonBlocking(read)]).toEqual([true, true, false])
  writeSync(write, 'hello')
  expect(platform.countQueuedBytes(read)).toBe(5)
  expect(platform.pollNow(read)).toEqual({ readable: true, writable: false, hungUp: false, broken: false })
  closeSync(write)
  expect(platform.pollNow(read)).toMatchObject({ readable: true, hungUp: true })
  closeSync(read)
})

test('a writing end whose readers are gone is broken', () => {
  const { read, write } = platform.createPipe()
  closeSync(read)
  expect(platform.pollNow(write).broken).toBe(true)
  closeSync(write)
})

test('the capacity of a pipe is rounded up by the kernel, and a refusal has its errno', () => {
  const { read, write } = platform.createPipe()
  expect(platform.readPipeCapacity(read)).toBe(65_536)
  expect(platform.changePipeCapacity(write, 65_537)).toBe(131_072)
  expect(platform.readPipeCapacity(read)).toBe(131_072)
  expect(systemErrorOf(() => platform.changePipeCapacity(write, 2 ** 33))).toMatchObject({
    call: 'fcntl',
    errno: 'EINVAL',
  })
  close(read, write)
})

test('room for descriptors is made at once, up to the limit, and takes none', async () => {
  const before = readdirSync('/proc/self/fd')
  await platform.reserveDescriptors(6_000)
  expect(readdirSync('/proc/self/fd')).toEqual(before)
  expect(Number(/^FDSize:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1])).toBeGreaterThanOrEqual(6_000)
  await platform.reserveDescriptors(2 ** 31)
})

test('O_NONBLOCK belongs to the description: a duplicate shares it, a reopened end does not', () => {
  const { read, write } = platform.createPipe()
  const [same, fresh] = [platform.duplicateDescriptor(write, 50), platform.reopenPipe(write, 'write', { named: false })]
  expect(same).toBeGreaterThanOrEqual(50)
  expect([isCloseOnExec(same), isCloseOnExec(fresh)]).toEqual([true, true])
  const nonBlocking = openSync(`/proc/self/fd/${write}`, constants.O_WRONLY | constants.O_NONBLOCK)
  expect([nonBlocking, same, fresh].map(platform.isNonBlocking)).toEqual([true, false, false])
  platform.makeBlocking(nonBlocking)
  expect(platform.isNonBlocking(nonBlocking)).toBe(false)
  close(read, write, same, fresh, nonBlocking)
})

test('an end of a FIFO is reopened without waiting for the other side', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'ipcsup-platform-')), 'fifo')
  platform.createFifo(path, 0o600)
  expect(statSync(path).isFIFO()).toBe(true)
  const both = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  const read = platform.reopenPipe(both, 'read', { named: true })
  closeSync(both)
  // Nobody writes now: a plain open for writing would go on, one for reading would wait for ever.
  const second = platform.reopenPipe(read, 'read', { named: true })
  expect([read, second].map(platform.isNonBlocking)).toEqual([false, false])
  expect(platform.pollNow(second).hungUp).toBe(true)
  close(read, second)
  expect(systemErrorOf(() => platform.createFifo(path, 0o600))).toMatchObject({ call: 'mkfifo', errno: 'EEXIST' })
})

test.each(['seqpacket', 'dgram'] as const)('%s sockets carry messages whole', type => {
  const [a, b] = platform.createSocketPair(type)
  expect(platform.receiveMessage(b)).toBeNull()
  expect(platform.sendMessage(a, Buffer.from('one'))).toBe(true)
  platform.sendMessage(a, Buffer.alloc(100_000, 'x'))
  expect(Buffer.from(platform.receiveMessage(b)!).toString()).toBe('one')
  expect(platform.receiveMessage(b)).toHaveLength(100_000)
  let sent = 0
  while (platform.sendMessage(a, Buffer.alloc(1000))) sent++
  expect(sent).toBeGreaterThan(5)
  expect(systemErrorOf(() => platform.sendMessage(a, Buffer.alloc(10_000_000)))).toMatchObject({ errno: 'EMSGSIZE' })
  close(a, b)
})

test('a stream socket that is shut down for writing ends its peer, even with a duplicate open', () => {
  const [a, b] = platform.createSocketPair('stream')
  const copy = platform.duplicateDescriptor(a)
  platform.shutdownSocket(a, 'write')
  expect(platform.pollNow(b).hungUp).toBe(true)
  expect(readSync(b, Buffer.alloc(1))).toBe(0)
  close(a, b, copy)
})

test('the peer of a socket is told by pid and user', () => {
  const [a, b] = platform.createSocketPair('stream')
  expect(platform.readPeer(a)).toEqual({ pid: process.pid, uid: process.getuid!(), gid: process.getgid!() })
  platform.changeSendBuffer(a, 20_000)
  expect(platform.readSendBuffer(a)).toBe(40_000)
  close(a, b)
})

test('a lock is taken once, and free again when its descriptor is closed', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'ipcsup-platform-')), 'lock')
  writeFileSync(path, '')
  const [first, second] = [openSync(path, 'r+'), openSync(path, 'r+')]
  expect([platform.tryLock(first), platform.tryLock(second)]).toEqual([true, false])
  closeSync(first)
  expect(platform.tryLock(second)).toBe(true)
  closeSync(second)
})

const spawn = (argv: string[], descriptors: [number, number][] = []) =>
  platform.spawnProcess({
    path: argv[0]!,
    argv,
    baseEnvironment: platform.makeNativeStrings(['A=base', 'B=base']).addresses,
    environment: ['C=added'],
    directory: '/',
    descriptors: new Map(descriptors),
    softOpenFiles: null,
  })

test('a spawned process has its environment, is watched by a pidfd and reaped with its usage', async () => {
  const { read, write } = platform.createPipe()
  const target = platform.duplicateDescriptor(write, 60)
  const strings = platform.makeNativeStrings(['A=base', 'ünïcode=✓'])
  const result = platform.spawnProcess({
    path: '/usr/bin/env',
    argv: ['env'],
    baseEnvironment: strings.addresses,
    environment: ['C=added'],
    directory: '/',
    descriptors: new Map([[1, target]]),
    softOpenFiles: null,
  })
  if (!('pid' in result)) throw new Error(result.errno)
  const pidfd = platform.openPidfd(result.pid)!
  expect(isCloseOnExec(pidfd)).toBe(true)
  let calls = 0
  const stop = platform.watchReadable(pidfd, () => {
    calls++
    stop()
  })
  await until('the pidfd is readable', () => calls > 0)
  expect(platform.reapProcess(pidfd)).toMatchObject({ code: 0, signalNumber: null })
  expect(platform.reapProcess(pidfd)).toBeNull()
  expect(platform.groupExists(result.pid)).toBe(false)
  const text = Buffer.alloc(1000)
  expect(text.toString('utf8', 0, readSync(read, text))).toBe('A=base\nünïcode=✓\nC=added\n')
  stop()
  expect(calls).toBe(1)
  close(read, write, target, pidfd)
})

test('a failed spawn answers the errno, and leaves no process', () => {
  expect(spawn(['/no/such/file'])).toEqual({ errno: 'ENOENT' })
  expect(spawn(['/tmp'])).toEqual({ errno: 'EACCES' })
  expect(platform.openPidfd(2 ** 22 + 1)).toBeNull()
})

test('the soft limit of open files is swapped for the spawn only', () => {
  const own = platform.readOpenFilesLimit()
  const { read, write } = platform.createPipe()
  const target = platform.duplicateDescriptor(write, 60)
  const result = platform.spawnProcess({
    path: '/bin/sh',
    argv: ['sh', '-c', 'ulimit -Sn'],
    baseEnvironment: [],
    environment: [],
    directory: '/',
    descriptors: new Map([[1, target]]),
    softOpenFiles: 99,
  })
  expect(platform.readOpenFilesLimit()).toEqual(own)
  close(write, target)
  const text = Buffer.alloc(10)
  expect(text.toString('utf8', 0, readSync(read, text))).toBe('99\n')
  const pidfd = platform.openPidfd((result as { pid: number }).pid)!
  platform.reapProcess(pidfd)
  close(read, pidfd)
})

const watcher = bundleProgram(join(import.meta.dirname, 'drivers/watch.ts'))
const runWatcher = (mode: string) =>
  spawnSync(process.execPath, ['--expose-gc', watcher, mode], { timeout: 120_000, encoding: 'utf8' })

test('a promise settled in a readiness callback goes on at once, without another event', () => {
  expect(runWatcher('promise')).toMatchObject({ status: 0, stdout: 'went on\n' })
})

test('a watch survives garbage collection', () => {
  expect(runWatcher('collect')).toMatchObject({ status: 0, stdout: 'ready\n' })
})

test('an open watch keeps the program alive unless it is unreferenced', () => {
  expect(runWatcher('unref')).toMatchObject({ status: 0, stdout: '' })
})

test('nothing native is loaded before the first call', () => {
  expect(runWatcher('lazy')).toMatchObject({ status: 0, stdout: 'false true\n' })
})

test('on another system every name exists and says what is missing', () => {
  const names = Object.keys(platform).filter(name => name !== 'system')
  expect(Object.keys(unsupported).sort()).toEqual(names.sort())
  for (const refuse of Object.values(unsupported)) {
    expect(() => (refuse as () => void)()).toThrow(expect.objectContaining({ code: 'IPCSUP_ERR_UNSUPPORTED' }))
  }
  expect(() => unsupported.createPipe()).toThrow(/is not available on linux/)
})

test('several descriptors travel with one message, which can be looked at again and again', () => {
  const [a, b] = platform.createSocketPair('seqpacket')
  const [one, two] = [platform.createEvent(1, 'counter'), platform.createEvent(2, 'counter')]
  const take = (descriptor: number): number => {
    const number = Buffer.alloc(8)
    readSync(descriptor, number)
    return Number(number.readBigUInt64LE())
  }
  expect(platform.peekPacket(b, 10)).toBeNull()
  const open = readdirSync('/proc/self/fd').length
  expect(platform.sendPacket(a, Buffer.from('hello'), [one, two])).toBe(true)
  const looks = [platform.peekPacket(b, 10)!, platform.peekPacket(b, 3)!, platform.receivePacket(b, 10)!]
  expect(looks.map(({ bytes }) => bytes.toString())).toEqual(['hello', 'hel', 'hello'])
  const descriptors = looks.flatMap(look => look.descriptors)
  expect(new Set(descriptors).size).toBe(6)
  expect(descriptors.map(isCloseOnExec)).toEqual(Array(6).fill(true))
  expect([take(descriptors[0]!), take(descriptors[3]!)]).toEqual([1, 2])
  expect(platform.receivePacket(b, 10)).toBeNull()
  platform.sendPacket(a, Buffer.from('alone'))
  expect(platform.receivePacket(b, 10)).toMatchObject({ descriptors: [] })
  close(...descriptors)
  expect(readdirSync('/proc/self/fd')).toHaveLength(open)
  close(a, b, one, two)
})

test('an end can be watched for reading and for writing at once, and twice for the same', async () => {
  const [a, b] = platform.createSocketPair('seqpacket')
  const seen: string[] = []
  const stops = [
    platform.watchReadable(a, () => seen.push('one')),
    platform.watchReadable(a, () => seen.push('two')),
    platform.watchWritable(a, () => seen.push('room')),
  ]
  platform.sendMessage(b, Buffer.from('x'))
  await until('each has called', () => ['one', 'two', 'room'].every(word => seen.includes(word)))
  const open = readdirSync('/proc/self/fd').length
  for (const stop of stops) stop()
  expect(readdirSync('/proc/self/fd')).toHaveLength(open - 2)
  const again = platform.watchReadable(a, () => seen.push('again'))
  await until('it can be watched again', () => seen.includes('again'))
  again()
  close(a, b)
})
