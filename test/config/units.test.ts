import { describe, expect, it } from 'vitest'
import { parseMode } from '../../src/config/modes.js'
import { parseSize, parseTime } from '../../src/config/units.js'

describe('sizes', () => {
  it.each([
    ['64KiB', 65_536],
    ['1MiB', 1_048_576],
    ['1kB', 1000],
    ['2MB', 2_000_000],
    ['1.5KiB', 1536],
    ['3 GiB', 3 * 2 ** 30],
    ['1TiB', 2 ** 40],
    ['10B', 10],
    ['4096', 4096],
    [0, 0],
    [4096, 4096],
  ])('%j is %d bytes', (size, bytes) => {
    expect(parseSize(size)).toBe(bytes)
  })

  it.each([
    '',
    'KiB',
    '1KB',
    '1k',
    '-1',
    '1e3',
    '0.5B',
    '1.KiB',
    '1  MiB',
    '9007199254740993',
    -1,
    1.5,
    Number.NaN,
    2 ** 60,
  ])('%j is no size', size => {
    expect(parseSize(size)).toBeNull()
  })
})

describe('times', () => {
  it.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['1m', 60_000],
    ['2h', 7_200_000],
    ['1.5s', 1500],
    ['250', 250],
    [250, 250],
    [2 ** 31 - 1, 2 ** 31 - 1],
  ])('%j is %d milliseconds', (time, ms) => {
    expect(parseTime(time)).toBe(ms)
  })

  it.each(['', 's', '1min', '1d', '-1s', '0.5ms', '600h', 2 ** 31, -1, 0.5])('%j is no time', time => {
    expect(parseTime(time)).toBeNull()
  })
})

describe('permission bits', () => {
  it.each([
    [0o660, 0o660],
    ['660', 0o660],
    ['0660', 0o660],
    ['0o27', 0o27],
    [0, 0],
  ])('%j is %d', (mode, bits) => {
    expect(parseMode(mode)).toBe(bits)
  })

  it('a number that only YAML without octals can have meant is refused', () => {
    expect(parseMode(660)).toBeNull()
  })

  it.each(['rw', '888', '', '1777', 0o1000, -1, 1.5])('%j is none', mode => {
    expect(parseMode(mode)).toBeNull()
  })
})
