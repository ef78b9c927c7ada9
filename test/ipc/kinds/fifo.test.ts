import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { NamedObject } from '../../../src/ipc/kind.js'
import { identify as identifyNamed } from '../../../src/ipc/named-objects.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { listOpenDescriptors } from '../../support/host.js'
import { createLink, makeDirectory, refusalOf } from '../support.js'

const identify = (path: string): NamedObject => identifyNamed('file', path)!
const isRoot = process.getuid!() === 0

test('a mode with which ipcsup itself could not open it is an error of the config', () => {
  expect(refusalOf(() => createLink({ kind: 'fifo', mode: '0200' }, '/'))).toMatch(/mode: must let the owner read and/)
})

test('the mode is exactly that of the config, whatever the umask', () => {
  const directory = makeDirectory()
  const former = process.umask(0o077)
  try {
    const modes = [undefined, '0666', 0o640].map((mode, index) => {
      const object = createLink({ kind: 'fifo', path: `f${index}`, mode }, directory)
      const found = statSync(join(directory, `f${index}`)).mode & 0o7777
      object.destroy()
      return found
    })
    expect(modes).toEqual([0o600, 0o666, 0o640])
  } finally {
    process.umask(former)
  }
})

test.runIf(isRoot)('owner and group are set by name or number (needs root)', () => {
  const directory = makeDirectory()
  const object = createLink({ kind: 'fifo', path: 'f', owner: 'daemon', group: 12 }, directory)
  const { uid, gid } = statSync(join(directory, 'f'))
  const daemon = Number(/^daemon:[^:]*:(\d+)/m.exec(readFileSync('/etc/passwd', 'utf8'))![1])
  expect([uid, gid]).toEqual([daemon, 12])
  object.destroy()
})

test('an owner that does not exist is refused, and the FIFO is gone again', () => {
  const directory = makeDirectory()
  const refused = refusalOf(() => createLink({ kind: 'fifo', path: 'f', owner: 'nobody-of-that-name' }, directory))
  expect(refused).toMatch(/IPCSUP_ERR_LINK_CREATE: Link "data".*cannot be given to nobody-of-that-name.*passwd/)
  expect(existsSync(join(directory, 'f'))).toBe(false)
})

test('without a path it is in the directory of the run', () => {
  const directory = makeDirectory()
  const object = createLink({ kind: 'fifo' }, directory)
  expect(object.hint()).toEqual({ path: join(directory, 'data.fifo') })
  object.destroy()
})

test.each([
  ['a regular file', (path: string) => writeFileSync(path, 'precious')],
  ['a directory', (path: string) => mkdirSync(path)],
  ['a symbolic link', (path: string) => symlinkSync('/nowhere', path)],
  ['a FIFO that is not of this config', (path: string) => execFileSync('mkfifo', [path])],
])('a path that is taken by %s is refused and left as it is', (what, make) => {
  const directory = makeDirectory()
  const path = join(directory, 'f')
  make(path)
  const [before, open] = [identify(path), listOpenDescriptors()]
  const refused = refusalOf(() => createLink({ kind: 'fifo', path: 'f' }, directory))
  expect(refused).toContain(`${path} exists already and is ${what}`)
  expect([identify(path), listOpenDescriptors()]).toEqual([before, open])
})

test.each([
  ['a missing directory', 'missing/f', /there is no directory .*missing/],
  ['a path through a file', 'file/f', /file is no directory/],
  ['a name that is too long', 'x'.repeat(256), /path is too long \(\d+ bytes/],
  ['a path that is too long', `${'x'.repeat(200)}/`.repeat(25), /path is too long/],
  ['a file system that takes none', '/proc/f', /Link "data" cannot be created/],
])('%s is refused with what is wrong', (_, path, says) => {
  const directory = makeDirectory()
  writeFileSync(join(directory, 'file'), '')
  expect(refusalOf(() => createLink({ kind: 'fifo', path }, directory))).toMatch(says)
})

const canMount = isRoot && process.getBuiltinModule('child_process').spawnSync('unshare', ['-m', 'true']).status === 0

test.runIf(canMount)('a directory on a read-only file system is named (needs unshare)', () => {
  const directory = makeDirectory()
  const script = 'mount -t tmpfs -o ro none "$1" && "$2" "$3" "$1/f"'
  const driver = bundleProgram(join(import.meta.dirname, '../drivers/make-fifo.ts'))
  const said = execFileSync('unshare', ['-m', 'sh', '-c', script, 'sh', directory, process.execPath, driver], {
    encoding: 'utf8',
  })
  expect(said).toContain(`${directory} is on a read-only file system`)
})

test.runIf(isRoot)('a directory without permission is named (needs root)', () => {
  const directory = makeDirectory()
  process.seteuid!(65_534)
  try {
    expect(refusalOf(() => createLink({ kind: 'fifo', path: 'f' }, directory))).toMatch(
      /no permission to make or open .*\/f/,
    )
  } finally {
    process.seteuid!(0)
  }
})

test('an existing FIFO is used with `existing`, as it is, and stays', () => {
  const directory = makeDirectory()
  const path = join(directory, 'f')
  execFileSync('mkfifo', ['-m', '640', path])
  const before = identify(path)
  const recorded: NamedObject[] = []
  const object = createLink({ kind: 'fifo', path: 'f', existing: true }, directory, {
    record: made => void recorded.push(made),
  })
  object.destroy()
  expect([identify(path), statSync(path).mode & 0o777, recorded]).toEqual([before, 0o640, []])
  unlinkSync(path)
  expect(refusalOf(() => createLink({ kind: 'fifo', path: 'f', existing: true }, directory))).toMatch(
    /there is no FIFO/,
  )
  writeFileSync(path, '')
  expect(refusalOf(() => createLink({ kind: 'fifo', path: 'f', existing: true }, directory))).toMatch(
    /is a regular file, not a FIFO/,
  )
})

test('§13 a FIFO of a dead run of the same config is taken over, one whose path was recorded with another inode is not', () => {
  const directory = makeDirectory()
  const path = join(directory, 'f')
  execFileSync('mkfifo', ['-m', '666', path])
  const left = identify(path)
  const wasOurs = (object: NamedObject): boolean => object.identity === left.identity
  expect(
    refusalOf(() => createLink({ kind: 'fifo', path: 'f' }, directory, { wasOurs: object => !wasOurs(object) })),
  ).toMatch(/not of this config/)
  const object = createLink({ kind: 'fifo', path: 'f' }, directory, { wasOurs })
  expect([identify(path), statSync(path).mode & 0o777]).toEqual([left, 0o600])
  object.destroy()
  expect(existsSync(path)).toBe(false)
})

test('it is recorded before it is used', () => {
  const directory = makeDirectory()
  const recorded: [NamedObject, boolean][] = []
  const object = createLink({ kind: 'fifo', path: 'f' }, directory, {
    record: made => void recorded.push([made, listOpenDescriptors().some(row => row.endsWith(made.name))]),
  })
  const made = identify(join(directory, 'f'))
  expect(recorded).toEqual([
    [{ ...made, identity: null }, false],
    [made, false],
  ])
  object.destroy()
})

test('at the end only the object that was made is removed', () => {
  const directory = makeDirectory()
  const path = join(directory, 'f')
  const object = createLink({ kind: 'fifo', path: 'f' }, directory)
  renameSync(path, join(directory, 'moved'))
  writeFileSync(path, 'of somebody else')
  object.destroy()
  expect(readFileSync(path, 'utf8')).toBe('of somebody else')
})

test('a name that was removed by a stranger does not keep children from their ends', () => {
  const directory = makeDirectory()
  const object = createLink({ kind: 'fifo', path: 'f' }, directory)
  unlinkSync(join(directory, 'f'))
  for (const side of ['read', 'write']) closeSync(object.take(side))
  object.destroy()
})

test('ends are taken without waiting, also when the other side was given up', () => {
  const directory = makeDirectory()
  for (const side of ['read', 'write']) {
    const object = createLink({ kind: 'fifo', path: `f-${side}` }, directory)
    object.release(side === 'read' ? 'write' : 'read', 'over')
    closeSync(object.take(side))
    expect(object.state(side)).toBe('ended')
    object.destroy()
  }
})

test('strangers read and write by the path; their end comes when ours are over', async () => {
  const directory = makeDirectory()
  const path = join(directory, 'f')
  const object = createLink({ kind: 'fifo', path: 'f' }, directory)
  const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  reader.stdout.on('data', chunk => chunks.push(chunk))
  execFileSync('sh', ['-c', 'echo one > "$1"; echo two > "$1"', 'sh', path])
  await until('both came', () => Buffer.concat(chunks).toString() === 'one\ntwo\n')
  expect(reader.exitCode).toBeNull()
  object.release('write', 'over')
  await once(reader, 'close')
  object.destroy()
})
