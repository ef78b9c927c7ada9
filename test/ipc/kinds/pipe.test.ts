import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { listOpenDescriptors } from '../../support/host.js'
import { createLink, makeDirectory, refusalOf } from '../support.js'

const directory = makeDirectory()
const capacityOf = (link: object, more = {}): number | null => {
  const object = createLink({ kind: 'pipe', ...link }, directory, more)
  const { capacityBytes } = object.facts()
  object.destroy()
  return capacityBytes
}

test('a capacity is what the kernel makes of it', () => {
  expect(capacityOf({})).toBe(65_536)
  expect(capacityOf({ capacity: '100KiB' })).toBe(128 * 1024)
})

test('a capacity that the kernel refuses is an error with its limits, and nothing stays', () => {
  const before = listOpenDescriptors()
  const limit = readFileSync('/proc/sys/fs/pipe-max-size', 'utf8').trim()
  const refused = refusalOf(() => createLink({ kind: 'pipe', capacity: '8GiB' }, directory))
  expect(refused).toMatch(
    /IPCSUP_ERR_LINK_CREATE: Link "data" cannot be created: the kernel refuses a pipe of 8589934592 bytes/,
  )
  expect(refused).toContain(`${limit} bytes for one pipe`)
  expect(listOpenDescriptors()).toEqual(before)
})

test.runIf(process.getuid!() === 0)('an unprivileged user has a limit for each pipe (needs root to become one)', () => {
  process.seteuid!(65_534)
  try {
    expect(refusalOf(() => createLink({ kind: 'pipe', capacity: '2MiB' }, directory))).toMatch(
      /refuses a pipe of 2097152 bytes/,
    )
    expect(capacityOf({ preferredCapacity: '2MiB' })).toBe(65_536)
  } finally {
    process.seteuid!(0)
  }
})

test('§10 a preferred capacity is taken while there is pipe memory for it, and never fails', () => {
  expect(capacityOf({ preferredCapacity: '256KiB' })).toBe(262_144)
  expect(capacityOf({ preferredCapacity: '256KiB' }, { mayUsePipeMemory: () => false })).toBe(65_536)
  expect(capacityOf({ preferredCapacity: '8GiB' })).toBe(65_536)
  expect(capacityOf({ capacity: '256KiB' }, { mayUsePipeMemory: () => false })).toBe(262_144)
})

test('releasing the reading side tells how much nobody will read', async () => {
  const object = createLink({ kind: 'pipe' }, directory)
  const { writeSync, closeSync } = await import('node:fs')
  const end = object.take('write')
  writeSync(end, 'left over')
  closeSync(end)
  expect(object.release('write', 'over')).toBeNull()
  expect(object.state('read')).toBe('unread')
  expect(object.facts().queuedBytes).toBe(9)
  expect(object.release('read', 'over')).toBe(9)
  expect(object.release('read', 'over')).toBeNull()
  object.destroy()
})
