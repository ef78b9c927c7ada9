import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { identify } from '../../../src/ipc/named-objects.js'
import { changeOpenFilesLimit, readOpenFilesLimit } from '../../../src/platform/index.js'
import { createPipeMemory } from '../../../src/supervisor/host/pipe-memory.js'
import { createTestHost, listOpenDescriptors, type TestHost } from '../../support/host.js'

const open = (host: TestHost, link: string, generation = 1) => host.call({ type: 'open', link, generation }, 'opened')
const release = (host: TestHost, link: string, side: string) =>
  host.call({ type: 'release', link, generation: 1, side, reason: 'over' }, 'released')
const destroy = (host: TestHost, link: string, generation = 1) =>
  host.call({ type: 'destroy', link, generation }, 'destroyed')

const writing = { one: { command: ['printf', 'abc'], stdout: 'lines' } }

test('a call that is repeated for the same generation is not done again, and answers the same', async () => {
  await using host = createTestHost({ links: { lines: { kind: 'pipe' } }, processes: writing })
  const before = listOpenDescriptors()
  await open(host, 'lines')
  const held = listOpenDescriptors()
  await open(host, 'lines')
  expect(listOpenDescriptors()).toEqual(held)
  await host.run('one')
  expect((await release(host, 'lines', 'read')).unreadBytes).toBe(3)
  expect((await release(host, 'lines', 'read')).unreadBytes).toBe(3)
  expect((await destroy(host, 'lines')).unreadBytes).toBe(3)
  expect((await destroy(host, 'lines')).unreadBytes).toBe(3)
  expect(listOpenDescriptors().filter(row => row.includes('pipe:')).length).toBeLessThanOrEqual(before.length + 4)
  expect(await host.host.inspectLinks()).toEqual({})
})

test('a link is made anew as the next generation, empty; calls for the former one do nothing', async () => {
  await using host = createTestHost({ links: { lines: { kind: 'pipe' } }, processes: writing })
  await open(host, 'lines', 1)
  await host.run('one')
  expect((await destroy(host, 'lines', 1)).unreadBytes).toBe(3)
  await open(host, 'lines', 2)
  await release(host, 'lines', 'read')
  await destroy(host, 'lines', 1)
  expect(await host.host.inspectLinks()).toEqual({ lines: { queuedBytes: 0, capacityBytes: 65_536 } })
  await host.run('one', 2)
  expect((await host.host.inspectLinks())['lines']?.queuedBytes).toBe(3)
})

test('a link that cannot be made is answered with its error, and leaves nothing', async () => {
  await using host = createTestHost({ links: { spot: { kind: 'fifo', path: 'taken' } } })
  writeFileSync(join(host.directory, 'taken'), 'x')
  const before = listOpenDescriptors()
  const failed = await host.call({ type: 'open', link: 'spot', generation: 1 }, 'openFailed')
  expect(failed.error).toMatchObject({ code: 'IPCSUP_ERR_LINK_CREATE', message: expect.stringContaining('"spot"') })
  expect(listOpenDescriptors()).toEqual(before)
})

test('a link for which there is no descriptor left is refused by its name', async () => {
  await using host = createTestHost({ links: { lines: { kind: 'pipe' } } })
  const own = readOpenFilesLimit()
  changeOpenFilesLimit({ soft: 3, hard: own.hard })
  try {
    const failed = await host.call({ type: 'open', link: 'lines', generation: 1 }, 'openFailed')
    expect(failed.error.message).toBe('Link "lines" cannot be created: pipe2: EMFILE. Raise `ulimit -n`.')
  } finally {
    changeOpenFilesLimit(own)
  }
})

test('what is in the ledger of a dead run is taken over', async () => {
  await using host = createTestHost({ links: { spot: { kind: 'fifo', path: 'left' } } })
  const path = join(host.directory, 'left')
  execFileSync('mkfifo', [path])
  const left = identify('file', path)!
  host.inherited.push(left)
  await host.openAll()
  expect(host.recorded).toEqual([{ ...left, identity: null }, left])
  await host.close()
  expect(existsSync(path)).toBe(false)
})

test('§10 pipes ask for more only while all pipes of the supervisor stay under 16 MiB', async () => {
  const links = Object.fromEntries(
    Array.from({ length: 20 }, (_, index) => [`big${index}`, { kind: 'pipe', preferredCapacity: '1MiB' }]),
  )
  await using host = createTestHost({ links: { ...links, last: { kind: 'pipe', capacity: '1MiB' } } })
  await host.openAll()
  const sizes = Object.values(await host.host.inspectLinks()).map(({ capacityBytes }) => capacityBytes)
  expect(sizes.filter(bytes => bytes === 2 ** 20)).toHaveLength(16 + 1)
  expect(sizes.filter(bytes => bytes === 65_536)).toHaveLength(4)
  // What a link that is gone had is there for another.
  await destroy(host, 'last')
  await destroy(host, 'big0')
  await destroy(host, 'big1')
  await destroy(host, 'big19')
  expect((await open(host, 'big19', 2)).facts.capacityBytes).toBe(2 ** 20)
})

test('§10 the memory of a pipe that is gone can be used again', () => {
  const memory = createPipeMemory()
  memory.count('one', 10 * 2 ** 20)
  expect([memory.mayUse(6 * 2 ** 20), memory.mayUse(7 * 2 ** 20)]).toEqual([true, false])
  memory.count('one', 2 ** 20)
  expect(memory.mayUse(15 * 2 ** 20)).toBe(true)
  memory.forget('one')
  memory.forget('one')
  expect([memory.mayUse(16 * 2 ** 20), memory.mayUse(16 * 2 ** 20 + 1)]).toEqual([true, false])
})
