import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeDirectories } from '../../src/ipc/make-directories.js'

let directory: string

beforeEach(() => {
  directory = mkdtempSync('/tmp/ipcsup-directories-')
})

afterEach(() => rmSync(directory, { recursive: true }))

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
