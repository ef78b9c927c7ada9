import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { findStateDirectory, makeDirectories } from '../../src/supervisor/state-directory.js'

let directory: string

beforeEach(() => {
  directory = mkdtempSync('/tmp/ipcsup-state-')
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(directory, { recursive: true })
})

test('logs are kept in XDG_STATE_HOME or the home, neither of which counts when it is not absolute', () => {
  vi.stubEnv('HOME', '/home/ada')
  vi.stubEnv('XDG_STATE_HOME', '/state')
  expect(findStateDirectory()).toBe('/state/ipcsup')
  for (const state of ['', 'state', './state']) {
    vi.stubEnv('XDG_STATE_HOME', state)
    expect(findStateDirectory()).toBe('/home/ada/.local/state/ipcsup')
  }
  vi.stubEnv('HOME', 'home')
  expect(findStateDirectory()).toMatch(/^\/.+\/\.local\/state\/ipcsup$/)
})

test('directories are made for this user only, with those on the way', () => {
  symlinkSync(directory, join(directory, 'link'))
  const path = join(directory, 'link', 'a', 'b')
  makeDirectories(path)
  makeDirectories(path)
  for (const made of [path, join(directory, 'a')]) expect(statSync(made).mode & 0o7777).toBe(0o700)
})

test('a directory that cannot be made is an error, also where the one above is there and takes none', () => {
  writeFileSync(join(directory, 'plain'), '')
  expect(() => makeDirectories(join(directory, 'plain', 'a'))).toThrow('ENOTDIR')
  expect(() => makeDirectories(join(directory, 'plain'))).toThrow('EEXIST')
  expect(() => makeDirectories('/proc/nowhere/a')).toThrow('ENOENT')
})
