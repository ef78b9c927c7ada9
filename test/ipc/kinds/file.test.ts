import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statfsSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { LinkObject, NamedObject } from '../../../src/ipc/kind.js'
import { identify } from '../../../src/ipc/named-objects.js'
import { openShm } from '../../../src/ipc/shm.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { createTestHost, listOpenDescriptors } from '../../support/host.js'
import { hasNamespaces, runWithSmallDirectory } from '../namespace.js'
import { createLink, makeDirectory, refusalOf } from '../support.js'

const driver = bundleProgram(join(import.meta.dirname, '../drivers/make-memory.ts'))

function write(object: LinkObject, text: string): void {
  const descriptor = object.take('map')
  writeSync(descriptor, text, 0)
  closeSync(descriptor)
}

test('it has exactly its size, zeros, and space for all of it', () => {
  const directory = makeDirectory()
  const object = createLink({ kind: 'file', path: 'data', size: 100_001 }, directory)
  const descriptor = object.take('map')
  const { size, blocks } = fstatSync(descriptor)
  expect(size).toBe(100_001)
  expect(blocks * 512).toBeGreaterThanOrEqual(size)
  expect(readFileSync(join(directory, 'data'))).toEqual(Buffer.alloc(size))
  closeSync(descriptor)
  object.destroy()
})

test('a file with a path survives the stop, unknown to the janitor, and is there for the next start', () => {
  const directory = makeDirectory()
  const path = join(directory, 'data')
  const recorded: NamedObject[] = []
  const create = () =>
    createLink({ kind: 'file', path: 'data', size: 10 }, directory, { record: made => void recorded.push(made) })
  const first = create()
  const made = identify('file', path)
  write(first, 'kept')
  first.destroy()
  const second = create()
  expect([identify('file', path), readFileSync(path, 'utf8')]).toEqual([made, 'kept\0\0\0\0\0\0'])
  second.destroy()
  expect([existsSync(path), recorded]).toEqual([true, []])
})

test('a temporary one is made anew and removed at the end', () => {
  const directory = makeDirectory()
  const path = join(directory, 'data')
  const recorded: NamedObject[] = []
  const more = { record: (made: NamedObject) => void recorded.push(made) }
  const object = createLink({ kind: 'file', path: 'data', size: 10, temporary: true }, directory, more)
  const made = identify('file', path)!
  expect(recorded).toEqual([{ ...made, identity: null }, made])
  object.destroy()
  expect(existsSync(path)).toBe(false)
})

test('without a path it is in the directory of the run, and temporary', () => {
  const directory = makeDirectory()
  const object = createLink({ kind: 'file', size: 10 }, directory)
  expect([object.hint(), readdirSync(directory)]).toEqual([{ path: join(directory, 'data.map') }, ['data.map']])
  object.destroy()
  expect(readdirSync(directory)).toEqual([])
})

test('what a dead run of the config left of a temporary one is replaced; of anybody else it is refused', () => {
  const directory = makeDirectory()
  const path = join(directory, 'data')
  writeFileSync(path, 'half')
  const left = identify('file', path)!
  const create = (wasOurs: (object: NamedObject) => boolean) =>
    createLink({ kind: 'file', path: 'data', size: 4, temporary: true }, directory, { wasOurs })
  expect(refusalOf(() => create(() => false))).toMatch(/exists already and is a regular file\. Set `existing: true`/)
  expect(readFileSync(path, 'utf8')).toBe('half')
  const object = create(({ identity }) => identity === left.identity)
  expect(readFileSync(path, 'utf8')).toBe('\0\0\0\0')
  object.destroy()
})

test('the mode is exactly that of the config, whatever the umask', () => {
  const directory = makeDirectory()
  const former = process.umask(0o077)
  try {
    const modes = [undefined, '0666', 0o640].map((mode, index) => {
      createLink({ kind: 'file', size: 10, path: `f${index}`, mode }, directory).destroy()
      return statSync(join(directory, `f${index}`)).mode & 0o7777
    })
    expect(modes).toEqual([0o600, 0o666, 0o640])
  } finally {
    process.umask(former)
  }
})

test.each([
  ['a file of another size', (path: string) => writeFileSync(path, 'precious'), 'has 8 bytes, not 10'],
  ['a directory', (path: string) => mkdirSync(path), 'is a directory'],
  ['a symbolic link', (path: string) => symlinkSync('/nowhere', path), 'is a symbolic link'],
  ['a FIFO', (path: string) => execFileSync('mkfifo', [path]), 'is a FIFO'],
])('a path that is taken by %s is refused and left as it is', (_what, make, said) => {
  const directory = makeDirectory()
  const path = join(directory, 'data')
  make(path)
  const look = () => [identify('file', path), lstatSync(path).size, listOpenDescriptors()]
  const before = look()
  const refused = refusalOf(() => createLink({ kind: 'file', path: 'data', size: 10 }, directory))
  expect(refused).toContain(`${path} exists already and ${said}`)
  expect(look()).toEqual(before)
})

test('one that exists is used as it is, grows on demand, is never cut and never removed', () => {
  const directory = makeDirectory()
  const path = join(directory, 'data')
  writeFileSync(path, 'precious')
  const use = (more: object) => {
    const object = createLink({ kind: 'file', path: 'data', existing: true, ...more }, directory)
    const { capacityBytes } = object.facts()
    object.destroy()
    return capacityBytes
  }
  expect([use({}), use({ size: 8 }), readFileSync(path, 'utf8')]).toEqual([8, 8, 'precious'])
  expect([use({ size: 10 }), readFileSync(path, 'utf8')]).toEqual([10, 'precious\0\0'])
  expect(refusalOf(() => use({ size: 9 }))).toMatch(/has 10 bytes, more than its size of 9, and is never cut/)
  expect(readFileSync(path, 'utf8')).toBe('precious\0\0')
})

test('a hole in a file that grows is filled: no later write of a child finds the disk full', () => {
  const directory = makeDirectory()
  const path = join(directory, 'data')
  writeFileSync(path, '')
  truncateSync(path, 1_000_000)
  expect(statSync(path).blocks).toBe(0)
  createLink({ kind: 'file', path: 'data', size: 1_000_000 }, directory).destroy()
  expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(1_000_000)
})

test.each([
  ['is missing', 'missing', () => {}, /there is no file .*missing\. Make it, or leave out `existing`/],
  ['is empty', 'data', (path: string) => writeFileSync(path, ''), /is empty\. Give it a `size`/],
  ['is a directory', 'data', (path: string) => mkdirSync(path), /is a directory/],
  ['is a FIFO', 'data', (path: string) => execFileSync('mkfifo', [path]), /is a FIFO, not a regular file/],
  ['is in no directory', 'none/data', () => {}, /there is no directory .*none/],
])('one that should exist and %s is refused', (_what, name, make, message) => {
  const directory = makeDirectory()
  make(join(directory, 'data'))
  const before = listOpenDescriptors()
  expect(refusalOf(() => createLink({ kind: 'file', path: name, existing: true }, directory))).toMatch(message)
  expect(listOpenDescriptors()).toEqual(before)
})

test.each([
  ['a missing directory', 'missing/data', /there is no directory .*missing/],
  ['a path through a file', 'file/data', /file is no directory/],
  ['a name that is too long', 'x'.repeat(256), /name is too long \(\d+ bytes/],
  ['a directory that takes no files', '/proc/data', /IPCSUP_ERR_LINK_CREATE: Link "data" cannot be created: /],
])('%s is refused', (_what, path, message) => {
  const directory = makeDirectory()
  writeFileSync(join(directory, 'file'), '')
  expect(refusalOf(() => createLink({ kind: 'file', path, size: 10 }, directory))).toMatch(message)
})

const disk = statfsSync(makeDirectory())

test.runIf(disk.type !== 0x01021994)('more than the disk has is refused before anything is taken', () => {
  const directory = makeDirectory()
  const size = disk.bfree * disk.bsize + 2 ** 40
  const refused = refusalOf(() => createLink({ kind: 'file', path: 'data', size }, directory))
  const [, free] = /has no space for \d+ bytes: (\d+) are free/.exec(refused) ?? []
  expect(Number(free)).toBeGreaterThan((disk.bavail * disk.bsize) / 2)
  expect(readdirSync(directory)).toEqual([])
})

test.each([
  [{}, /size: is needed/],
  [{ size: 0, path: 'x' }, /size: must be at least 1/],
  [{ existing: true }, /path: is needed for `existing`/],
  [{ existing: true, path: 'x', temporary: true }, /temporary: has no place beside `existing`/],
  [{ size: 10, path: 'x', mode: '0200' }, /mode: must let the owner read/],
])('the options %j are an error of the config', (options, message) => {
  expect(refusalOf(() => createLink({ kind: 'file', ...options }, '/'))).toMatch(message)
})

test.runIf(hasNamespaces)('a full disk is an error at the start, never a SIGBUS later (needs a namespace)', () => {
  const directory = makeDirectory()
  const make = (link: object) =>
    runWithSmallDirectory(directory, '1m', driver, JSON.stringify({ kind: 'file', path: 'data', ...link }), directory)
  expect(make({ size: '2MiB' })).toMatch(
    /^Link "data" cannot be created: .* has no space for 2097152 bytes: 1048576 are free\. Lower its `size`, or make room\.$/,
  )
  expect(make({ size: '1MiB' })).toBe('made 1048576')
})

test('a size that no file can have is refused, and the file is as long as before', () => {
  const directory = makeDirectory()
  writeFileSync(join(directory, 'data'), 'precious')
  const use = () => createLink({ kind: 'file', path: 'data', size: '8000TiB', existing: true }, directory)
  expect(refusalOf(use)).toMatch(/IPCSUP_ERR_LINK_CREATE.*Lower its `size`/)
  expect(readFileSync(join(directory, 'data'), 'utf8')).toBe('precious')
})

test('on a file system in memory it must fit into the memory that is left', () => {
  const path = `/dev/shm/ipcsup-test-file-${process.pid}`
  expect(refusalOf(() => createLink({ kind: 'file', path, size: '8000TiB' }, '/'))).toMatch(
    /more than the memory that is left/,
  )
  expect(existsSync(path)).toBe(false)
})

/** Pages of a file that are not on the disk yet, as the kernel counts them; null: it cannot, before Linux 6.5. */
function countDirtyPages(path: string): number | null {
  const program = `
import ctypes, os, sys
libc, whole, counts = ctypes.CDLL(None), (ctypes.c_uint64 * 2)(0, 0), (ctypes.c_uint64 * 5)()
failed = libc.syscall(451, os.open(sys.argv[1], os.O_RDONLY), whole, counts, 0)
print(-1 if failed else counts[1])`
  const count = Number(execFileSync('/usr/bin/python3', ['-c', program, path], { encoding: 'utf8' }))
  return count < 0 ? null : count
}

test('what was written to its mapping is on the disk after a flush', async ({ skip }) => {
  const directory = makeDirectory()
  const path = join(directory, 'data')
  const object = createLink({ kind: 'file', path, size: '1MiB' }, directory)
  const memory = openShm({ descriptor: object.take('map'), side: 'map' })
  await object.flush!()
  expect(countDirtyPages(path) ?? skip('this kernel cannot count dirty pages')).toBe(0)
  // The system may write them by itself.
  await until('some are not on the disk', () => {
    memory.bytes.fill(1)
    return countDirtyPages(path)! > 0
  })
  for (const side of ['map', 'map-ro']) object.release(side, 'over')
  await object.flush!()
  expect(countDirtyPages(path)).toBe(0)
  memory.bytes.fill(2)
  await memory.flush()
  expect(countDirtyPages(path)).toBe(0)
  memory.close()
  object.destroy()
})

test('its path is what placeholders and variables have', async () => {
  await using host = createTestHost({
    links: { data: { kind: 'file', path: 'data', size: 10 } },
    processes: {
      child: {
        command: ['/bin/sh', '-c', 'echo {data} "$IPCSUP_PATH_DATA" "$IPCSUP_FD_DATA"'],
        links: { data: 'map' },
      },
    },
  })
  await host.openAll()
  await host.run('child')
  const path = join(host.directory, 'data')
  expect(await host.text('child')).toBe(`${path} ${path} 3\n`)
})
