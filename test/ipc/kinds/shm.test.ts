import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { LinkObject, NamedObject } from '../../../src/ipc/kind.js'
import { identify } from '../../../src/ipc/named-objects.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { createTestHost, listOpenDescriptors } from '../../support/host.js'
import { hasNamespaces, runWithSmallDirectory } from '../namespace.js'
import { createLink, makeDirectory, refusalOf } from '../support.js'

const driver = bundleProgram(join(import.meta.dirname, '../drivers/make-memory.ts'))

/** A name that no other test has, and where it is found. */
const name = `ipcsup-test-shm-${process.pid}`
const path = join('/dev/shm', name)

afterEach(() => rmSync(path, { recursive: true, force: true }))

/** All bytes, as a child finds them. */
function readAll(object: LinkObject): Buffer {
  const descriptor = object.take('map-ro')
  const bytes = Buffer.alloc(fstatSync(descriptor).size)
  readSync(descriptor, bytes, 0, bytes.length, 0)
  closeSync(descriptor)
  return bytes
}

test('it has exactly its size, zeros, and space for all of it', () => {
  for (const more of [{}, { named: true }]) {
    const object = createLink({ kind: 'shm', size: 100_001, ...more }, '/')
    const descriptor = object.take('map')
    const { size, blocks } = fstatSync(descriptor)
    expect(size).toBe(100_001)
    expect(blocks * 512).toBeGreaterThanOrEqual(size)
    expect(readAll(object)).toEqual(Buffer.alloc(100_001))
    closeSync(descriptor)
    object.destroy()
  }
})

test('more than the memory that is left is refused before it is taken', () => {
  // The named one first: should it not be refused, /dev/shm is too small, but nothing bounds memory without a name.
  for (const more of [{ name }, {}]) {
    const before = listOpenDescriptors()
    const refused = refusalOf(() => createLink({ kind: 'shm', size: '8000TiB', ...more }, '/'))
    expect(refused).toMatch(
      /IPCSUP_ERR_LINK_CREATE: Link "data".*size of 8796093022208000 bytes is more than the memory that is left, \d+ bytes \(\/.*\)\. Lower its `size`/,
    )
    expect([listOpenDescriptors(), existsSync(path)]).toEqual([before, false])
  }
})

// The group must be made below our own, where only root may.
const ownGroup = /^\d+:memory:(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]
const group = join('/sys/fs/cgroup/memory', ownGroup ?? '', `ipcsup-test-${process.pid}`)
const mayMakeGroups = ownGroup !== undefined && tryTo(() => mkdirSync(group)) && tryTo(() => rmdirSync(group))

test.runIf(mayMakeGroups)('more than a control group allows is refused before it is taken (needs root)', async () => {
  mkdirSync(group)
  try {
    writeFileSync(join(group, 'memory.limit_in_bytes'), String(256 * 2 ** 20))
    const script = 'echo $$ > "$1"/cgroup.procs && shift && exec "$@"'
    const link = JSON.stringify({ kind: 'shm', size: '300MiB' })
    const { stdout } = spawnSync('sh', ['-c', script, 'sh', group, process.execPath, driver, link, makeDirectory()], {
      encoding: 'utf8',
    })
    expect(stdout).toContain(`(${join(group, 'memory.limit_in_bytes')})`)
  } finally {
    await until('the group is empty', () => tryTo(() => rmdirSync(group)))
  }
})

test.runIf(hasNamespaces)('a full /dev/shm is an error at the start, never a SIGBUS later (needs a namespace)', () => {
  const make = (link: object) =>
    runWithSmallDirectory('/dev/shm', '1m', driver, JSON.stringify({ kind: 'shm', ...link }), '/dev/shm')
  expect(make({ name: 'x', size: '2MiB' })).toMatch(
    /^Link "data" cannot be created: \/dev\/shm has no space for 2097152 bytes: \d+ are free\. .*leave out its name.*--shm-size`\)\.$/,
  )
  expect(make({ name: 'x', size: '1MiB' })).toBe('made 1048576')
  // Memory without a name is not in /dev/shm.
  expect(make({ size: '64MiB' })).toBe('made 67108864')
})

test('§19 a child cannot change the size of sealed memory', async () => {
  const command = [
    '/usr/bin/python3',
    '-c',
    'import os, errno\nfor size in [0, 10, 1 << 20]:\n  try: os.ftruncate(3, size); print("resized")\n  except OSError as error: print(errno.errorcode[error.errno])',
  ]
  await using host = createTestHost({
    links: { data: { kind: 'shm', size: '64KiB' } },
    processes: { child: { command, links: { data: 'map' } } },
  })
  await host.openAll()
  await host.run('child')
  expect(await host.text('child')).toBe('EPERM\nEPERM\nEPERM\n')
  expect((await host.host.inspectLinks())['data']!.capacityBytes).toBe(65_536)
})

test('it begins with the bytes of `from`; without a size it has theirs', () => {
  const directory = makeDirectory()
  const content = Buffer.alloc(3 * 2 ** 20 + 5, 'content')
  writeFileSync(join(directory, 'content'), content)
  for (const more of [{}, { name }]) {
    const same = createLink({ kind: 'shm', from: 'content', ...more }, directory)
    expect(readAll(same).equals(content)).toBe(true)
    same.destroy()
    const larger = createLink({ kind: 'shm', from: 'content', size: '4MiB', ...more }, directory)
    expect(readAll(larger).equals(Buffer.concat([content, Buffer.alloc(2 ** 20 - 5)]))).toBe(true)
    larger.destroy()
  }
})

test.each([
  ['that is missing', 'missing', {}, /content .*missing cannot be read \(ENOENT\)\. Correct `from`/],
  ['that is larger than the size', 'content', { size: 6 }, /content has 7 bytes, more than its size of 6/],
  ['that is empty, without a size', 'empty', {}, /content .*empty is empty\. Give it a `size`/],
  [
    'of which the system does not tell the size',
    '/proc/version',
    { size: 10 },
    /version has no size, as files of \/proc/,
  ],
  ['that is a directory', '.', { size: 10 }, /is no regular file/],
  ['that is a FIFO without a writer', 'fifo', { size: 10 }, /is no regular file/],
])('content %s is refused, and nothing is left behind', (_what, from, more, message) => {
  const directory = makeDirectory()
  writeFileSync(join(directory, 'content'), 'content')
  writeFileSync(join(directory, 'empty'), '')
  spawnSync('mkfifo', [join(directory, 'fifo')])
  const before = listOpenDescriptors()
  for (const named of [{}, { name }]) {
    expect(refusalOf(() => createLink({ kind: 'shm', from, ...more, ...named }, directory))).toMatch(message)
    expect([listOpenDescriptors(), existsSync(path)]).toEqual([before, false])
  }
})

test.each([
  [{}, /size: is needed/],
  [{ size: 0 }, /size: must be at least 1/],
  [{ size: 10, name: '/a/b' }, /name: cannot be "\/a\/b": a name has no slash but at its start/],
  [{ size: 10, name: 'a/b' }, /name: cannot be "a\/b"/],
  [{ size: 10, name: '/' }, /name: cannot be "\/"/],
  [{ size: 10, name: '..' }, /name: cannot be "\.\."/],
  [{ size: 10, name: 'x'.repeat(256) }, /name: has 256 bytes, and the system allows 255/],
  [{ existing: true }, /name: is needed for `existing`/],
  [{ existing: true, name: 'x', size: 10 }, /size: has no place beside `existing`/],
  [{ existing: true, name: 'x', from: 'y' }, /from: has no place beside `existing`/],
  [{ existing: true, name: 'x', mode: '0600' }, /mode: has no place beside `existing`/],
  [{ size: 10, mode: '0600' }, /mode: is of a POSIX object, and this has no name\. Leave it out/],
  [{ size: 10, name: 'x', mode: '0200' }, /mode: must let the owner read/],
])('the options %j are an error of the config', (options, message) => {
  expect(refusalOf(() => createLink({ kind: 'shm', ...options }, '/'))).toMatch(message)
})

test('a size that is none is one error, not two', () => {
  const refused = refusalOf(() => createLink({ kind: 'shm', size: '8EiB' }, '/'))
  expect(refused).toMatch(/has a problem:\n {2}links\.data\.size: must be a size.*$/)
})

test('a name is that of a POSIX object, with or without its slash; it is removed at the end', () => {
  for (const given of [name, `/${name}`]) {
    const object = createLink({ kind: 'shm', size: 10, name: given, mode: '0660' }, '/')
    expect([object.hint(), statSync(path).mode & 0o7777]).toEqual([{ name: `/${name}` }, 0o660])
    object.destroy()
    expect(existsSync(path)).toBe(false)
  }
})

test('the mode is exactly that of the config, whatever the umask, and ours to write whatever it says', () => {
  const former = process.umask(0o077)
  try {
    const modes = [undefined, '0666', 0o400].map(mode => {
      const object = createLink({ kind: 'shm', size: 10, name, mode }, '/')
      closeSync(object.take('map'))
      const found = statSync(path).mode & 0o7777
      object.destroy()
      return found
    })
    expect(modes).toEqual([0o600, 0o666, 0o400])
  } finally {
    process.umask(former)
  }
})

test.runIf(process.getuid!() === 0)(
  'an unprivileged supervisor writes where the mode does not let it (needs root)',
  () => {
    const link = JSON.stringify({ kind: 'shm', size: 10, name, mode: '0400' })
    const argv = ['--reuid=65534', '--clear-groups', process.execPath, driver, link, makeDirectory()]
    const { stdout, stderr } = spawnSync('setpriv', argv, { encoding: 'utf8' })
    expect(stdout + stderr).toBe('made 10')
  },
)

test('it is given up when every side is over: the processes that have it decide how long it is there', () => {
  const before = listOpenDescriptors()
  const object = createLink({ kind: 'shm', size: 10 }, '/')
  object.release('map', 'over')
  closeSync(object.take('map-ro'))
  object.release('map-ro', 'over')
  expect(listOpenDescriptors()).toEqual(before)
  object.destroy()
})

test('nobody sees it before it has its size and its content', async () => {
  const directory = makeDirectory()
  writeFileSync(join(directory, 'content'), 'content')
  const events: string[] = []
  const watcher = watch('/dev/shm', (event, file) => void (file === name && events.push(event)))
  const object = createLink({ kind: 'shm', from: 'content', size: '1MiB', name }, directory)
  object.destroy()
  await until('its going was seen', () => events.length >= 2)
  watcher.close()
  await once(watcher, 'close')
  // Coming and going; bytes written, or a size that changed, would be a `change` in between.
  expect(events).toEqual(['rename', 'rename'])
})

test('it is recorded before it is made, and before it is used', () => {
  const recorded: [NamedObject, boolean][] = []
  const object = createLink({ kind: 'shm', size: 10, name }, '/', {
    record: made => void recorded.push([made, existsSync(path)]),
  })
  const made = identify('file', path)
  expect(recorded).toEqual([
    [{ ...made, identity: null }, false],
    [made, true],
  ])
  object.destroy()
})

test('when it cannot be recorded it is gone again', () => {
  const before = listOpenDescriptors()
  for (const wanted of [1, 2]) {
    let count = 0
    const record = (): void => {
      if (++count === wanted) throw new Error('full')
    }
    expect(() => createLink({ kind: 'shm', size: 10, name }, '/', { record })).toThrow('full')
    expect([listOpenDescriptors(), existsSync(path)]).toEqual([before, false])
  }
})

test.each([
  ['a regular file', () => writeFileSync(path, 'precious')],
  ['a directory', () => mkdirSync(path)],
  ['a symbolic link', () => symlinkSync('/nowhere', path)],
])('a name that %s has is refused, and left as it is', (what, make) => {
  make()
  const before = [lstatSync(path).ino, listOpenDescriptors()]
  const refused = refusalOf(() => createLink({ kind: 'shm', size: 10, name }, '/'))
  expect(refused).toContain(`${path} exists already and is ${what}`)
  expect([lstatSync(path).ino, listOpenDescriptors()]).toEqual(before)
})

test('what a dead run of the config left by that name is replaced', () => {
  writeFileSync(path, 'half')
  const left = identify('file', path)!
  const wasOurs = (object: NamedObject): boolean => object.identity === left.identity
  const object = createLink({ kind: 'shm', size: 10, name }, '/', { wasOurs })
  expect(readFileSync(path)).toEqual(Buffer.alloc(10))
  object.destroy()
  expect(existsSync(path)).toBe(false)
})

test('at the end only the object that was made is removed', () => {
  const object = createLink({ kind: 'shm', size: 10, name }, '/')
  unlinkSync(path)
  writeFileSync(path, 'of somebody else')
  object.destroy()
  expect(readFileSync(path, 'utf8')).toBe('of somebody else')
})

test('an object that exists is used as it is, and stays', () => {
  writeFileSync(path, 'of somebody else')
  const recorded: NamedObject[] = []
  const object = createLink({ kind: 'shm', name, existing: true }, '/', { record: made => void recorded.push(made) })
  expect(object.facts()).toEqual({ name: `/${name}`, queuedBytes: null, capacityBytes: 16 })
  closeSync(object.take('map'))
  object.destroy()
  expect([readFileSync(path, 'utf8'), recorded]).toEqual(['of somebody else', []])
})

test.each([
  ['is missing', () => {}, /there is no file \/dev\/shm\/.*leave out `existing`/],
  ['has no size yet', () => writeFileSync(path, ''), /has no bytes\. Start the program/],
  ['is a directory', () => mkdirSync(path), /is a directory/],
  ['is a symbolic link', () => symlinkSync('/etc/passwd', path), /is a symbolic link/],
])('one that should exist and %s is refused', (_what, make, message) => {
  make()
  const before = [listOpenDescriptors(), readdirSync('/dev/shm').includes(name)]
  expect(refusalOf(() => createLink({ kind: 'shm', name, existing: true }, '/'))).toMatch(message)
  expect([listOpenDescriptors(), readdirSync('/dev/shm').includes(name)]).toEqual(before)
})

test('the handle of memory without a name is /dev/fd/N, of a named one its name', async () => {
  const command = (...words: string[]) => ['/bin/echo', ...words]
  await using host = createTestHost({
    links: { plain: { kind: 'shm', size: 10 }, posix: { kind: 'shm', size: 10, name } },
    processes: {
      child: { command: command('{plain}', '{posix}', '{posix.name}'), links: { plain: 'map', posix: 'map-ro' } },
    },
  })
  await host.openAll()
  await host.run('child')
  expect(await host.text('child')).toBe(`/dev/fd/3 /${name} /${name}\n`)
})

function tryTo(act: () => void): boolean {
  try {
    act()
    return true
  } catch {
    return false
  }
}
