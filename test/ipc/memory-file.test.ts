import { existsSync, ftruncateSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { listOpenDescriptors } from '../support/host.js'
import { createLink, makeDirectory, refusalOf } from './support.js'

// File systems without unnamed files (NFS, FAT), and disks that become full, are not at hand in a test run.
vi.mock('../../src/platform/index.js', async load => ({
  ...(await load<typeof import('../../src/platform/index.js')>()),
  openUnnamedFile: () => {
    throw Object.assign(new Error('not here'), { code: 'EOPNOTSUPP' })
  },
  // A disk that becomes full has given a part of what was asked for.
  reserveSpace: (descriptor: number, bytes: number) => {
    ftruncateSync(descriptor, bytes)
    if (bytes > 1000) throw Object.assign(new Error('full'), { code: 'ENOSPC' })
  },
}))

test('where a file system has no unnamed files one is made under its name, and removed when that fails', () => {
  const directory = makeDirectory()
  const path = join(directory, 'data')
  const object = createLink({ kind: 'file', path, size: 10, mode: '0640' }, directory)
  expect(readFileSync(path)).toEqual(Buffer.alloc(10))
  object.destroy()
  expect(existsSync(path)).toBe(true)
  const before = listOpenDescriptors()
  const other = join(directory, 'other')
  expect(refusalOf(() => createLink({ kind: 'file', path: other, size: 2000 }, directory))).toMatch(
    /has no space for 2000 bytes/,
  )
  expect([existsSync(other), listOpenDescriptors()]).toEqual([false, before])
})

test('a file that cannot grow is as long as before', () => {
  const directory = makeDirectory()
  const path = join(directory, 'data')
  writeFileSync(path, 'precious')
  expect(refusalOf(() => createLink({ kind: 'file', path, size: 2000, existing: true }, directory))).toMatch(/no space/)
  expect(readFileSync(path, 'utf8')).toBe('precious')
})

test('there, too, a name that is taken is refused', () => {
  const directory = makeDirectory()
  const path = join(directory, 'data')
  writeFileSync(path, 'precious')
  expect(refusalOf(() => createLink({ kind: 'file', path, size: 10, temporary: true }, directory))).toMatch(/exists/)
  expect(readFileSync(path, 'utf8')).toBe('precious')
})
