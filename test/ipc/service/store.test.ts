import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { onStep } from '../../../src/ipc/service/steps.js'
import { Journal, longestAgeMs } from '../../../src/ipc/service/store/journal.js'
import * as recordFile from '../../../src/ipc/service/store/record-file.js'
import { Store, type StoreOptions } from '../../../src/ipc/service/store/store.js'
import { until } from '../../support/conditions.js'

vi.mock(import('../../../src/ipc/service/store/record-file.js'), async importOriginal => {
  const original = await importOriginal()
  return { ...original, writeWhole: vi.fn(original.writeWhole) }
})

let directory: string
let path: string
const opened: Store[] = []

beforeEach(() => {
  directory = mkdtempSync('/tmp/ipcsup-store-')
  path = join(directory, 'calc.store')
})

afterEach(async () => {
  onStep(null)
  for (const store of opened.splice(0)) await store.close()
  rmSync(directory, { recursive: true })
})

async function open(options: StoreOptions = {}, at = path): Promise<Store> {
  const store = await Store.open(at, options)
  opened.push(store)
  return store
}

async function close(store: Store): Promise<void> {
  opened.splice(opened.indexOf(store), 1)
  await store.close()
}

/** A call that sets `name`. */
function put(store: Store, key: string, name: string, value: unknown): Promise<void> {
  const transaction = store.begin()
  transaction.set(name, value)
  transaction.end()
  return store.record(key, `{"value":${JSON.stringify(key)}}`, transaction.effects)
}

test('what was recorded is there again, effect and reply together', async () => {
  const store = await open()
  const transaction = store.begin()
  transaction.set('gone', 1)
  transaction.set('bytes', Buffer.from('x'))
  transaction.append('list', 1n)
  transaction.append('list', null)
  transaction.delete('gone')
  await store.record('key', '{"value":{"$bigint":"1"}}', transaction.effects)
  await store.recordBegun('begun')
  await close(store)
  const again = await open()
  expect(again.reader.entries()).toEqual([['bytes', Buffer.from('x')]])
  expect(again.reader.list('list')).toEqual([1n, null])
  expect(again.find('key')?.reply).toBe('{"value":{"$bigint":"1"}}')
  expect(again.find('begun')?.reply).toBe(null)
  expect(again.find('other')).toBe(undefined)
})

test('a record that is cut off at any byte is as if it had never been, and what follows is kept', async () => {
  const store = await open()
  await put(store, 'one', 'a', 1)
  await close(store)
  const whole = statSync(path).size
  const second = await open()
  await put(second, 'two', 'a', 2)
  await close(second)
  const all = readFileSync(path)
  for (let size = whole; size < all.length; size++) {
    const torn = join(directory, `${size}.store`)
    writeFileSync(torn, all.subarray(0, size))
    const mended = await open({}, torn)
    expect([mended.reader.get('a'), mended.find('two'), mended.cutBytes]).toEqual([1, undefined, size - whole])
    await put(mended, 'three', 'b', 3)
    await close(mended)
    const again = await open({}, torn)
    expect(again.reader.entries()).toEqual([
      ['a', 1],
      ['b', 3],
    ])
    await close(again)
  }
})

test('a byte that has changed ends what is believed', async () => {
  const store = await open()
  await put(store, 'one', 'a', 1)
  await close(store)
  const bytes = readFileSync(path)
  for (let at = 8; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 1
    const other = join(directory, 'changed.store')
    writeFileSync(other, changed)
    const mended = await open({}, other)
    expect(mended.reader.get('a')).toBe(undefined)
    // What was cut off can still be looked at.
    expect(readFileSync(`${other}.cut`).equals(changed.subarray(8))).toBe(true)
    rmSync(`${other}.cut`)
    await close(mended)
  }
})

test('a file that was cut off at its first bytes is begun anew', async () => {
  for (let size = 0; size < 8; size++) {
    await close(await open())
    truncateSync(path, size)
    const store = await open()
    await put(store, 'one', 'a', size)
    await close(store)
    const again = await open()
    expect(again.reader.get('a')).toBe(size)
    await close(again)
  }
})

test.each([
  ['is no store', () => writeFileSync(path, 'something else entirely'), 'it is no store of a service'],
  ['is below a file', () => writeFileSync(join(directory, 'file'), ''), 'EEXIST'],
])('a path that %s is refused, and left as it is', async (title, prepare, why) => {
  prepare()
  const at = title === 'is no store' ? path : join(directory, 'file/calc.store')
  await expect(open({}, at)).rejects.toMatchObject({
    code: 'IPCSUP_ERR_SERVICE_STORE',
    message: expect.stringContaining(why),
  })
  if (title === 'is no store') expect(readFileSync(path, 'utf8')).toBe('something else entirely')
})

test('only one program at a time has it', async () => {
  const store = await open()
  await expect(open()).rejects.toMatchObject({
    code: 'IPCSUP_ERR_SERVICE_STORE',
    message: expect.stringContaining('another program has it open'),
  })
  await close(store)
  await close(await open())
})

test('all that comes at the same time becomes durable by one write', async () => {
  const store = await open()
  let writes = 0
  onStep(step => step === 'record written, not durable' && writes++)
  await Promise.all(Array.from({ length: 100 }, (_, index) => put(store, `key ${index}`, `name ${index}`, index)))
  expect(writes).toBe(1)
})

describe('a transaction', () => {
  test('sees what it does, and nobody else does before it is recorded', async () => {
    const store = await open()
    await put(store, 'one', 'a', 1)
    const transaction = store.begin()
    transaction.set('a', 2)
    transaction.set('b', 3)
    transaction.append('list', 'x')
    expect([transaction.get('a'), transaction.has('b'), transaction.list('list')]).toEqual([2, true, ['x']])
    expect([store.reader.get('a'), store.reader.has('b'), store.reader.list('list')]).toEqual([1, false, []])
    transaction.delete('a')
    expect(transaction.entries()).toEqual([['b', 3]])
    transaction.end()
    expect(() => transaction.get('a')).toThrow(expect.objectContaining({ code: 'IPCSUP_ERR_CALL_STORE' }))
  })

  test.each([
    ['a value', (t: ReturnType<Store['begin']>) => t.get('a'), true],
    ['whether there is one', (t: ReturnType<Store['begin']>) => t.has('a'), true],
    ['all values', (t: ReturnType<Store['begin']>) => t.entries(), true],
    ['values with another beginning', (t: ReturnType<Store['begin']>) => t.entries('b'), false],
    ['another value', (t: ReturnType<Store['begin']>) => t.get('b'), false],
    ['a list of that name', (t: ReturnType<Store['begin']>) => t.list('a'), false],
  ])('that has read %s knows whether it has changed since', async (_, read, isStale) => {
    const store = await open()
    const transaction = store.begin()
    read(transaction)
    expect(transaction.isStale).toBe(false)
    await put(store, 'one', 'a', 1)
    expect(transaction.isStale).toBe(isStale)
    transaction.end()
  })

  test('gives copies', async () => {
    const store = await open()
    await put(store, 'one', 'a', { list: [1] })
    ;(store.reader.get('a') as { list: number[] }).list.push(2)
    expect(store.reader.get('a')).toEqual({ list: [1] })
  })

  test('refuses what it cannot keep', async () => {
    const transaction = (await open()).begin()
    expect(() => transaction.set('a', () => {})).toThrow(
      expect.objectContaining({
        code: 'IPCSUP_ERR_CALL_ENCODING',
        message: expect.stringContaining('"a" cannot be stored'),
      }),
    )
    transaction.end()
  })
})

describe('written anew', () => {
  test('it has what counts and no more, whatever was recorded meanwhile', async () => {
    const store = await open({ compactAtBytes: 20_000 })
    let compactions = 0
    onStep(step => step === 'compaction: renamed' && compactions++)
    for (let round = 0; round < 300; round++) {
      await Promise.all([
        put(store, `key ${round}`, 'same', round),
        put(store, `other ${round}`, `name ${round % 10}`, 'x'.repeat(4000)),
        store.record(`list ${round}`, '{"value":1}', [['append', 'list', String(round)]]),
      ])
      store.forget([`key ${round}`, `other ${round}`])
    }
    await until('it is written anew', () => compactions > 1 && !existsSync(`${path}.new`))
    await close(store)
    // What counts is below 100 KB, and may grow to some times that before the next time; recorded were 1.3 MB.
    expect(statSync(path).size).toBeLessThan(700_000)
    const again = await open()
    expect(again.reader.get('same')).toBe(299)
    expect(again.reader.entries('name')).toHaveLength(10)
    expect(again.reader.list('list')).toEqual(Array.from({ length: 300 }, (_, index) => index))
    expect([again.find('key 1'), again.find('other 299')]).toEqual([undefined, undefined])
    expect(again.find('list 0')?.reply).toBe('{"value":1}')
  })

  test('what is recorded while a large store is copied comes after what was there before', async () => {
    const store = await open({ compactAtBytes: 5_000_000 })
    let isRenamed = false
    onStep(step => {
      isRenamed ||= step === 'compaction: renamed'
    })
    for (let index = 0; index < 40; index++) await put(store, 'large', `large ${index}`, 'x'.repeat(100_000))
    const names = Array.from({ length: 2000 }, (_, index) => `name ${index}`)
    await Promise.all(names.map(name => put(store, 'before', name, 0)))
    // Each is changed once: nothing later could make up for one that came too early.
    const changed: string[] = []
    for (const name of names) {
      if (isRenamed) break
      changed.push(name)
      await Promise.all([put(store, 'after', name, 1), put(store, 'large', 'large 0', 'y'.repeat(100_000))])
    }
    await until('it is written anew', () => isRenamed)
    await close(store)
    const again = await open()
    expect(changed.filter(name => again.reader.get(name) !== 1)).toEqual([])
  })

  test('each state on the way is whole: a copy of the file at any time is', async () => {
    const store = await open({ compactAtBytes: 2_000 })
    let recorded = 0
    const found: number[] = []
    onStep(step => {
      if (!step.startsWith('compaction')) return
      // What a program that dies here leaves behind.
      copyFileSync(path, join(directory, `copy${found.push(recorded)}.store`))
    })
    for (let round = 0; round < 200; round++) {
      await store.record(`key ${round}`, '{"value":1}', [['append', 'list', String(round)]])
      recorded = round
    }
    expect(found.length).toBeGreaterThan(2)
    for (const [index, least] of found.entries()) {
      const list = (await open({}, join(directory, `copy${index + 1}.store`))).reader.list('list')
      expect(list).toEqual(Array.from(list, (_, at) => at))
      expect(list.length).toBeGreaterThanOrEqual(least)
    }
  })
})

describe('replies are kept', () => {
  test('until they are acknowledged', async () => {
    const store = await open()
    await put(store, 'one', 'a', 1)
    await put(store, 'two', 'b', 1)
    store.forget(['one'])
    await close(store)
    const again = await open()
    expect([again.find('one'), again.find('two')?.reply]).toEqual([undefined, '{"value":"two"}'])
  })

  test('up to a number, and a key that may have been among the forgotten is known for that', async () => {
    const store = await open({ mostReplies: 3 })
    const before = Date.now()
    for (const key of ['a', 'b', 'c', 'd']) await put(store, key, key, 1)
    expect([store.find('a'), store.find('b')?.reply]).toEqual([undefined, '{"value":"b"}'])
    expect([store.mayHaveForgotten(before), store.mayHaveForgotten(Date.now() + 1)]).toEqual([true, false])
  })

  test('for 7 days', () => {
    const journal = new Journal()
    journal.record('old', { reply: null, atMs: 1000 })
    journal.record('young', { reply: null, atMs: 2000 })
    journal.forgetOld(longestAgeMs + 1500)
    expect([journal.find('old'), journal.find('young')?.atMs]).toEqual([undefined, 2000])
    expect([journal.mayHaveForgotten(1000), journal.mayHaveForgotten(1001)]).toEqual([true, false])
  })
})

test('what the disk had no room for has not been, and later records go on after what is there', async () => {
  const store = await open()
  await put(store, 'a', 'sum', 1)
  const full = Object.assign(new Error('no room'), { code: 'ENOSPC' })
  vi.mocked(recordFile.writeWhole).mockImplementationOnce((descriptor, bytes) => {
    writeSync(descriptor, bytes.subarray(0, 5))
    throw full
  })
  const failing = put(store, 'b', 'fresh', 2)
  const transaction = store.begin()
  expect(transaction.get('fresh')).toBe(2)
  await expect(failing).rejects.toBe(full)
  expect([store.reader.has('fresh'), store.reader.get('sum'), store.find('a')?.reply, store.find('b')]).toEqual([
    false,
    1,
    '{"value":"a"}',
    undefined,
  ])
  expect(transaction.isStale).toBe(true)
  expect(() => store.check()).toThrow('no room')
  await until('it is tried again', () => {
    try {
      store.check()
      return true
    } catch {
      return false
    }
  })
  await put(store, 'c', 'sum', 3)
  await close(store)
  const again = await open()
  expect([again.cutBytes, again.reader.get('sum'), again.find('b')]).toEqual([0, 3, undefined])
})
