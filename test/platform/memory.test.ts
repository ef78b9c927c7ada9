import { constants as bufferLimits } from 'node:buffer'
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  constants,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import * as platform from '../../src/platform/index.js'
import { bundleProgram } from '../support/bundle.js'

const makeDirectory = (): string => mkdtempSync(join(tmpdir(), 'ipcsup-platform-'))
const errnoOf = (act: () => unknown): unknown => {
  try {
    return act()
  } catch (error) {
    return (error as { detail: { errno: string } }).detail.errno
  }
}

test('memory that is mapped twice is the same memory, at two addresses', () => {
  const memory = platform.createMemory('test')
  platform.reserveSpace(memory, 8192)
  const [one, two] = [platform.mapMemory(memory, 'write'), platform.mapMemory(memory, 'write')]
  new Uint8Array(one)[8191] = 7
  expect([new Uint8Array(two)[8191], one === two, one.byteLength]).toEqual([7, false, 8192])
  closeSync(memory)
})

test('a descriptor that is open for reading only cannot be mapped for writing', () => {
  const memory = platform.createMemory('test')
  platform.reserveSpace(memory, 4096)
  const reading = openSync(`/proc/self/fd/${memory}`, constants.O_RDONLY)
  expect(errnoOf(() => platform.mapMemory(reading, 'write'))).toBe('EACCES')
  expect(platform.mapMemory(reading, 'read').byteLength).toBe(4096)
  closeSync(reading)
  closeSync(memory)
})

test('memory that only the kernel touches may vanish: its calls say so', () => {
  const file = openSync(join(makeDirectory(), 'file'), 'w+')
  writeSync(file, Uint32Array.of(5, 0x4000_0003))
  const { address, unmap } = platform.mapUntouched(file, 8)
  platform.addPermits(address, 3)
  platform.clearSemaphoreBit(address, 62)
  const words = new Uint32Array(2)
  readSync(file, words, 0, 8, 0)
  expect([...words]).toEqual([13, 3])
  ftruncateSync(file, 0)
  expect(errnoOf(() => platform.addPermits(address, 0))).toBe('EFAULT')
  expect(errnoOf(() => platform.clearSemaphoreBit(address, 62))).toBe('EFAULT')
  unmap()
  closeSync(file)
})

test('the size of sealed memory cannot be changed, nor the seal be taken back', () => {
  const memory = platform.createMemory('test')
  platform.reserveSpace(memory, 4096)
  platform.sealSize(memory)
  expect(() => ftruncateSync(memory, 0)).toThrow(/EPERM/)
  expect(() => ftruncateSync(memory, 8192)).toThrow(/EPERM/)
  expect(errnoOf(() => platform.sealSize(memory))).toBe('EPERM')
  closeSync(memory)
})

test('more than an ArrayBuffer can have is refused, and does not end the process', () => {
  const memory = platform.createMemory('test')
  ftruncateSync(memory, bufferLimits.MAX_LENGTH + 1)
  expect(() => platform.mapMemory(memory, 'write')).toThrow(/Mapping \d+ bytes in one piece is not available on Node/)
  closeSync(memory)
})

test('an unnamed file gets its name whole, and only one that is free', () => {
  const directory = makeDirectory()
  const path = join(directory, 'file')
  const file = platform.openUnnamedFile(directory)
  writeFileSync(file, 'whole')
  platform.nameFile(file, path)
  expect([readFileSync(path, 'utf8'), statSync(path).nlink]).toEqual(['whole', 1])
  const other = platform.openUnnamedFile(directory)
  expect(errnoOf(() => platform.nameFile(other, path))).toBe('EEXIST')
  closeSync(file)
  closeSync(other)
})

test('memory is unmapped when no view of it is left, and not before', () => {
  const program = bundleProgram(join(import.meta.dirname, 'drivers/unmap.ts'))
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', program], { encoding: 'utf8' })
  expect(stdout + stderr).toBe('mapped 1, closed 1, collected 0\n')
})

/** The files of the kernel's that say how much memory there is. */
function makeRoot(files: Readonly<Record<string, string>>): string {
  const root = makeDirectory()
  const all = { 'proc/meminfo': 'MemTotal:       1000 kB\nMemAvailable:    900 kB\n', ...files }
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

const v1 = 'sys/fs/cgroup/memory'
const v2 = 'sys/fs/cgroup'

test.each([
  ['of the machine, without groups', {}, 921_600, '/proc/meminfo'],
  ['of the machine, where nothing can be read', { 'proc/meminfo': '' }, Number.POSITIVE_INFINITY, '/proc/meminfo'],
  [
    'of the machine, below a limit that is higher',
    { 'proc/self/cgroup': '0::/a\n', [`${v2}/a/memory.max`]: '9999999', [`${v2}/a/memory.current`]: '10' },
    921_600,
    '/proc/meminfo',
  ],
  [
    'of the machine, where the group has no limit',
    { 'proc/self/cgroup': '0::/a\n', [`${v2}/a/memory.max`]: 'max\n', [`${v2}/a/memory.current`]: '10' },
    921_600,
    '/proc/meminfo',
  ],
  [
    'that a group of version 2 allows, files that are only cached being free',
    {
      'proc/self/cgroup': '0::/a\n',
      [`${v2}/a/memory.max`]: '5000\n',
      [`${v2}/a/memory.current`]: '4000\n',
      [`${v2}/a/memory.stat`]: 'anon 1000\ninactive_file 3000\n',
    },
    4_000,
    `/${v2}/a/memory.max`,
  ],
  [
    'that a group further up allows',
    {
      'proc/self/cgroup': '0::/a/b\n',
      [`${v2}/a/b/memory.max`]: 'max\n',
      [`${v2}/a/memory.max`]: '5000\n',
      [`${v2}/a/memory.current`]: '6000\n',
    },
    0,
    `/${v2}/a/memory.max`,
  ],
  [
    'that a group of version 1 allows',
    {
      'proc/self/cgroup': '5:cpu,cpuacct:/x\n4:memory:/a\n0::/\n',
      [`${v1}/a/memory.limit_in_bytes`]: '5000\n',
      [`${v1}/a/memory.usage_in_bytes`]: '4000\n',
      [`${v1}/a/memory.stat`]: 'inactive_file 1\ntotal_inactive_file 500\n',
    },
    1_500,
    `/${v1}/a/memory.limit_in_bytes`,
  ],
  [
    'that a container has, which sees its own group as the top',
    { 'proc/self/cgroup': '4:memory:/docker/1234\n', [`${v1}/memory.limit_in_bytes`]: '5000\n' },
    5_000,
    `/${v1}/memory.limit_in_bytes`,
  ],
])('the memory that is left is that %s', (_what, files, bytes, source) => {
  expect(platform.readAvailableMemory(makeRoot(files as unknown as Record<string, string>))).toEqual({ bytes, source })
})
