import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { lockRunDirectory, readLockOwner } from '../../../src/supervisor/run/lock.js'

// What another process does between the opening of the lock file and the taking of the lock.
const meanwhile = vi.hoisted(() => ({ act: () => {} }))
vi.mock('../../../src/platform/index.js', async importOriginal => {
  const original = await importOriginal<typeof import('../../../src/platform/index.js')>()
  return {
    ...original,
    tryLock(descriptor: number) {
      meanwhile.act()
      return original.tryLock(descriptor)
    },
  }
})

let directory: string

beforeEach(() => {
  directory = join(mkdtempSync('/tmp/ipcsup-lock-'), 'run')
  mkdirSync(directory)
  meanwhile.act = () => {}
})

afterEach(() => rmSync(join(directory, '..'), { recursive: true }))

test('§16 a lock is had by one at a time, says whose it is, and can be had again', () => {
  const lock = lockRunDirectory(directory)
  expect(lockRunDirectory(directory)).toBeNull()
  expect(readLockOwner(directory)).toBe(process.pid)
  if (lock === null || lock === 'gone') throw new Error('not locked')
  lock.release()
  expect(lockRunDirectory(directory)).toMatchObject({ release: expect.any(Function) })
})

test.each([
  ['removed', () => {}],
  ['removed and made anew', () => mkdirSync(directory)],
])('§16 the lock of a directory that its last owner has %s is no lock', (_how, then) => {
  meanwhile.act = () => {
    rmSync(directory, { recursive: true })
    then()
  }
  expect(lockRunDirectory(directory)).toBe('gone')
})

test('§16 a directory that is gone before its lock file is opened is told apart from a locked one', () => {
  rmSync(directory, { recursive: true })
  expect(lockRunDirectory(directory)).toBe('gone')
})
