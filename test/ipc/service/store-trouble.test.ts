/** What becomes of a store where the system, or its own size, is in the way. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Api, method } from '../../../src/ipc/service/api.js'
import { type CallingEnd, openCallingEnd } from '../../../src/ipc/service/end.js'
import { type Service, startService } from '../../../src/ipc/service/server.js'
import { onStep } from '../../../src/ipc/service/steps.js'
import * as recordFile from '../../../src/ipc/service/store/record-file.js'
import { Store, type StoreOptions } from '../../../src/ipc/service/store/store.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { hasNamespaces, runWithSmallDirectory } from '../namespace.js'
import { TestMeeting } from './meeting.js'

vi.mock(import('../../../src/ipc/service/store/record-file.js'), async importOriginal => {
  const original = await importOriginal()
  return { ...original, writeWhole: vi.fn(original.writeWhole) }
})

let directory: string
let path: string
let meeting: TestMeeting
const closing: (() => unknown)[] = []
const opened = new Set<Store>()

beforeEach(async () => {
  directory = mkdtempSync('/tmp/ipcsup-trouble-')
  path = join(directory, 'store', 'one.store')
  meeting = await TestMeeting.open(directory, 'exactly-once')
  closing.push(() => meeting.close())
})

afterEach(async () => {
  onStep(null)
  for (const store of opened) await close(store)
  for (const close of closing.splice(0).reverse()) await close()
  rmSync(directory, { recursive: true, force: true })
})

async function start(api: Api, options: StoreOptions = {}): Promise<Service> {
  const place = { descriptor: meeting.take('one'), meeting: meeting.path, process: 'one', generation: 1 }
  const service = await startService(place, api, options)
  closing.push(() => service.close())
  return service
}

function open(): CallingEnd {
  const end = openCallingEnd(meeting.path)
  closing.push(() => end.close())
  return end
}

async function openStore(options: StoreOptions = {}): Promise<Store> {
  const store = await Store.open(path, options)
  opened.add(store)
  return store
}

async function close(store: Store): Promise<void> {
  opened.delete(store)
  await store.close()
}

function put(store: Store, name: string, value: unknown): Promise<void> {
  const transaction = store.begin()
  transaction.set(name, value)
  transaction.end()
  return store.record(`key ${name}`, '{"value":1}', transaction.effects)
}

const isUsable = (store: Store) => (): boolean => {
  try {
    store.check()
    return true
  } catch {
    return false
  }
}

/** Whether this program has open what had that name before. */
const isDeletedOpen = (name: string): boolean =>
  readdirSync('/proc/self/fd').some(descriptor => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`) === `${name} (deleted)`
    } catch {
      return false
    }
  })

const full = Object.assign(new Error('no room'), { code: 'ENOSPC' })

/** The next write to a file of that name is cut off after some bytes. */
function failNextWrite(isMeant: (descriptor: number) => boolean): void {
  const { writeWhole } = recordFile
  const original = vi.mocked(writeWhole).getMockImplementation()!
  vi.mocked(writeWhole).mockImplementation((descriptor, bytes) => {
    if (!isMeant(descriptor)) return original(descriptor, bytes)
    vi.mocked(writeWhole).mockImplementation(original)
    writeSync(descriptor, bytes.subarray(0, 5))
    throw full
  })
}

test('a call that would change more than a record takes is refused, and all others go on', async () => {
  const keep = method({ effects: 'store' }, ({ store }, name: string, length: number) => {
    store.set(name, 'x'.repeat(length))
    return store.entries().length
  })
  const pieces = method({ effects: 'store' }, ({ store }, count: number) => {
    for (let piece = 0; piece < count; piece++) store.append('pieces', 'x'.repeat(100))
  })
  const drop = method({ effects: 'store' }, ({ store }, count: number) => {
    for (let name = 0; name < count; name++) store.delete(`name ${name}`)
  })
  const service = await start({ keep, pieces, drop }, { mostChangedBytes: 1000 })
  const { call } = open()
  const refusal = (name: string) => ({
    code: 'IPCSUP_ERR_CALL_STORE',
    message: `\`context.store\` of "calc.${name}" cannot be used: it would have changed more than the 1000 bytes that one record takes. Change less in one call.`,
  })
  const all = await Promise.allSettled([
    call('keep', ['a', 900]),
    call('keep', ['b', 1001], { id: 'b' }),
    call('pieces', [9]),
    call('drop', [50]),
    call('keep', ['c', 10]),
  ])
  expect(all).toMatchObject([
    { value: 1 },
    { reason: refusal('keep') },
    { reason: refusal('pieces') },
    { reason: refusal('drop') },
    { value: 2 },
  ])
  // It is done, as any call that fails.
  await expect(call('keep', ['b', 10], { id: 'b' })).rejects.toMatchObject(refusal('keep'))
  await service.stop()
  const again = await openStore()
  expect([again.cutBytes, again.reader.entries().map(([name]) => name), again.reader.list('pieces')]).toEqual([
    0,
    ['a', 'c'],
    [],
  ])
})

test('what cannot even be made a record is taken back, and what follows goes on', async () => {
  const store = await openStore()
  await put(store, 'a', 1)
  const { from } = Buffer
  vi.spyOn(Buffer, 'from').mockImplementation(((...args: Parameters<typeof from>) => {
    if (String(args[0]).includes('"huge"')) throw new RangeError('no memory')
    return from(...args)
  }) as typeof from)
  await expect(put(store, 'huge', 1)).rejects.toThrow('no memory')
  vi.restoreAllMocks()
  await until('it is tried again', isUsable(store))
  await put(store, 'b', 2)
  expect(store.reader.entries()).toEqual([
    ['a', 1],
    ['b', 2],
  ])
})

test('a write that fails once the file was written anew leaves no gap', async () => {
  const store = await openStore({ compactAtBytes: 2000 })
  let inode = 0
  onStep(step => {
    if (step === 'compaction: renamed') inode = statSync(path).ino
  })
  for (let round = 0; inode === 0; round++) await put(store, 'a', 'x'.repeat(100 + round))
  await until('the new one alone is used', () => !isDeletedOpen(path))
  await put(store, 'b', 1)
  failNextWrite(descriptor => fstatSync(descriptor).ino === inode)
  await expect(put(store, 'c', 1)).rejects.toBe(full)
  await until('it is tried again', isUsable(store))
  await put(store, 'd', 1)
  await close(store)
  const again = await openStore()
  expect([again.cutBytes, again.reader.entries().map(([name]) => name)]).toEqual([0, ['a', 'b', 'd']])
})

test('a copy that there is no room for any more, when it is complete, is in nobody’s way', async () => {
  const store = await openStore({ compactAtBytes: 2000 })
  let isRenamed = false
  onStep(step => {
    if (step !== 'compaction: renamed') return
    isRenamed = true
    const { ino } = statSync(path)
    failNextWrite(descriptor => fstatSync(descriptor).ino === ino)
    // Both are written until the name is durable.
    put(store, 'b', 1).catch(() => {})
  })
  for (let round = 0; !isRenamed; round++) await put(store, 'a', 'x'.repeat(100 + round))
  await until('it has failed', () => !isUsable(store)())
  await until('it is tried again', isUsable(store))
  await put(store, 'c', 1)
  await close(store)
  const again = await openStore()
  expect([again.cutBytes, again.reader.entries().map(([name]) => name)]).toEqual([0, ['a', 'c']])
})

test('a handler that is still at work when its service is closed writes nowhere', async () => {
  let finish: (() => void) | null = null
  let isOver = false
  const service = await start({
    slow: method({}, async () => {
      await new Promise<void>(resolve => {
        finish = resolve
      })
      isOver = true
    }),
  })
  open()
    .call('slow', [])
    .catch(() => {})
  await until('it is at work', () => finish !== null)
  const size = statSync(path).size
  service.close()
  await until('the store is closed', async () =>
    Store.open(path).then(
      store => store.close().then(() => true),
      () => false,
    ),
  )
  // What a program opens next has the numbers that were free.
  const others = Array.from({ length: 20 }, (_, index) => openSync(join(directory, `other ${index}`), 'a+'))
  for (const other of others) writeSync(other, 'mine')
  finish!()
  await until('it has ended', () => isOver)
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  expect(others.map(other => fstatSync(other).size)).toEqual(others.map(() => 4))
  expect(statSync(path).size).toBe(size)
})

test('who closes a store once more, also while it is closed, closes nothing of anybody else', async () => {
  const store = await Store.open(path)
  const written = put(store, 'a', 1)
  await Promise.all([store.close(), store.close()])
  await written
  const others = Array.from({ length: 20 }, (_, index) => openSync(join(directory, `other ${index}`), 'a+'))
  await store.close()
  expect(others.map(other => fstatSync(other).size)).toEqual(others.map(() => 0))
})

test.each([
  [
    'is of a later version',
    'IPCSUPR2 and more',
    'it is of another version of ipcsup, which has to be used with it: "IPCSUPR2" is not "IPCSUPR1"',
  ],
  ['is shorter than any store', 'IPCSUPX', 'it is no store of a service'],
])('a file that %s is refused, and left as it is', async (_, content, why) => {
  mkdirSync(join(directory, 'store'))
  writeFileSync(path, content)
  await expect(start({ add: () => 1 })).rejects.toMatchObject({
    code: 'IPCSUP_ERR_SERVICE_STORE',
    message: expect.stringContaining(`The store ${path} cannot be used: ${why}`),
  })
  expect(readFileSync(path, 'utf8')).toBe(content)
})

test('what is cut off comes behind what was cut off before', async () => {
  const cuts = ['first', 'second'.repeat(300_000)]
  for (const cut of cuts) {
    const store = await Store.open(path)
    await store.close()
    writeFileSync(path, cut, { flag: 'a' })
    const mended = await Store.open(path)
    expect([mended.cutBytes, mended.isCutKept]).toEqual([cut.length, true])
    await mended.close()
  }
  expect(readFileSync(`${path}.cut`, 'utf8')).toBe(cuts.join(''))
})

test('what is cut off and cannot be kept is said to be gone', async () => {
  mkdirSync(`${path}.cut`, { recursive: true })
  writeFileSync(path, 'IPCSUPR1torn')
  const warned = once(process, 'warning')
  await start({ add: () => 1 })
  expect((await warned)[0].message).toBe(
    `The last 4 bytes of ${path} were no whole record, and are gone: there was no room to keep them`,
  )
})

test('a directory that cannot be made is said, below /proc too, where Node’s own way would go on for ever', async () => {
  for (const at of ['/proc/nowhere/deep', '/proc/self/nowhere', '/dev/null/store'])
    await expect(Store.open(join(at, 'one.store'))).rejects.toMatchObject({
      code: 'IPCSUP_ERR_SERVICE_STORE',
      message: expect.stringMatching(/^The store \S+one\.store cannot be used: (ENOENT|ENOTDIR)/),
    })
})

const isRoot = process.getuid!() === 0

test.runIf(isRoot)('a directory without permission is said (needs root)', async () => {
  const program = bundleProgram(join(import.meta.dirname, 'drivers/open-store.ts'))
  const open = (at: string) =>
    spawnSync(process.execPath, [program, at], { uid: 65534, gid: 65534, encoding: 'utf8', cwd: '/' }).stdout
  chmodSync(directory, 0o755)
  const closed = join(directory, 'closed')
  mkdirSync(closed, { mode: 0o755 })
  expect(open(join(closed, 'store/one.store'))).toMatch(
    /^IPCSUP_ERR_SERVICE_STORE The store \S+ cannot be used: EACCES: permission denied, mkdir '\S+store'\. Make it usable/,
  )
  expect(open(join(closed, 'one.store'))).toMatch(
    /^IPCSUP_ERR_SERVICE_STORE The store \S+ cannot be used: EACCES: permission denied, open '\S+one\.store\.lock'/,
  )
  chownSync(closed, 65534, 65534)
  expect(open(join(closed, 'one.store'))).toBe('open')
})

test.runIf(hasNamespaces)(
  'a disk that is full: what was taken is there, and it goes on once there is room (needs unshare)',
  () => {
    const program = bundleProgram(join(import.meta.dirname, 'drivers/small-disk.ts'))
    const disk = join(directory, 'disk')
    mkdirSync(disk)
    const said = JSON.parse(runWithSmallDirectory(disk, '1m', program, disk, join(disk, 'ballast')))
    expect(said.taken.length).toBeGreaterThan(20)
    expect(said.before).toEqual(said.taken.slice(0, -20))
    expect(said.after).toEqual(said.taken)
    expect(said).toMatchObject({ missingReplies: [], cutBytes: 0, codes: ['IPCSUP_ERR_SERVICE_STORE'] })
    expect(said.files).toEqual(['calc.store', 'calc.store.lock'])
  },
)

test('a supervisor that ends while the store is opened is said to have ended', async () => {
  const { open: openIt } = Store
  vi.spyOn(Store, 'open').mockImplementation(async (...given) => {
    const store = await openIt(...given)
    meeting.close()
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    return store
  })
  try {
    await expect(start({ add: () => 1 })).rejects.toMatchObject({
      code: 'IPCSUP_ERR_SERVICE_WIRE',
      message: expect.stringContaining('the supervisor has ended'),
    })
  } finally {
    vi.restoreAllMocks()
  }
})
