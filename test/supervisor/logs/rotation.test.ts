import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nextStep, rotateFiles } from '../../../src/supervisor/logs/rotation.js'
import { makeTemporaryDirectory } from './support.js'

const filling = { size: 0, isAtLineStart: true, maxBytes: 100, lineLimitBytes: 30 }
const bytes = (text: string) => Buffer.from(text)

describe('§14 when a file is left', () => {
  test('whole lines that fit are written', () => {
    expect(nextStep(filling, bytes('abc\ndef\n'), false)).toEqual({ write: 8 })
  })

  test('of lines that do not all fit, those that do are written', () => {
    expect(nextStep({ ...filling, size: 95 }, bytes('abc\ndef\n'), false)).toEqual({ write: 4 })
  })

  test('a line that does not fit goes into a new file', () => {
    expect(nextStep({ ...filling, size: 95 }, bytes('0123456789\n'), false)).toBe('rotate')
  })

  test('a line longer than a file is cut at the limit', () => {
    expect(nextStep(filling, bytes('x'.repeat(150)), false)).toEqual({ write: 100 })
  })

  test('the end of a line that is in the file goes into the file as far as it fits', () => {
    expect(nextStep({ ...filling, size: 95, isAtLineStart: false }, bytes('0123456789'), false)).toEqual({ write: 5 })
  })

  test('an unfinished line is written at once where any line still fits', () => {
    expect(nextStep({ ...filling, size: 70 }, bytes('Password: '), false)).toEqual({ write: 10 })
  })

  test('an unfinished line at the end of a full file is held, and begins a new file when nothing more comes', () => {
    expect(nextStep({ ...filling, size: 71 }, bytes('Password: '), false)).toBe('hold')
    expect(nextStep({ ...filling, size: 71 }, bytes('Password: '), true)).toBe('rotate')
  })

  test('whatever the chunks, no line within the limit is torn, no file is too long, and no byte is lost', () => {
    const line = fc.integer({ min: 0, max: 29 }).map(length => `${'x'.repeat(length)}\n`)
    const cases = fc.record({
      text: fc.array(line, { maxLength: 60 }).map(lines => lines.join('')),
      cuts: fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 20 }),
      maxBytes: fc.integer({ min: 30, max: 120 }),
      pauses: fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
    })
    fc.assert(
      fc.property(cases, ({ text, cuts, maxBytes, pauses }) => {
        const files = simulate(bytes(text), cuts, maxBytes, pauses)
        expect(files.join('')).toBe(text)
        for (const file of files) expect(file.length).toBeLessThanOrEqual(maxBytes)
        for (const file of files.slice(0, -1)) expect(file.endsWith('\n')).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })
})

/** What ends up in the files when `text` comes in chunks, with a pause after some. */
function simulate(text: Buffer, cuts: readonly number[], maxBytes: number, pauses: readonly boolean[]): string[] {
  const files = ['']
  let kept = Buffer.alloc(0)
  let at = 0
  for (let turn = 0; at < text.length || kept.length > 0; turn++) {
    const end = at + cuts[turn % cuts.length]!
    kept = Buffer.concat([kept, text.subarray(at, end)])
    const isImpatient = end >= text.length || pauses[turn % pauses.length]!
    at = Math.min(end, text.length)
    while (kept.length > 0) {
      const file = files.at(-1)!
      const isAtLineStart = file === '' || file.endsWith('\n')
      const step = nextStep({ size: file.length, isAtLineStart, maxBytes, lineLimitBytes: 30 }, kept, isImpatient)
      if (step === 'hold') break
      if (step === 'rotate') files.push('')
      else {
        files[files.length - 1] += kept.subarray(0, step.write).toString()
        kept = kept.subarray(step.write)
      }
    }
  }
  return files
}

describe('§14 rotation by rename', () => {
  let directory: string
  let path: string
  const write = (suffix: string, text: string) => writeFileSync(path + suffix, text)
  const read = (suffix: string) => (existsSync(path + suffix) ? readFileSync(path + suffix, 'utf8') : null)

  beforeEach(() => {
    directory = makeTemporaryDirectory()
    path = join(directory, 'web.stdout.log')
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  test('.1 is the newest and the oldest goes', () => {
    write('', 'c')
    write('.1', 'b')
    write('.2', 'a')
    rotateFiles(path, 3)
    expect(['', '.1', '.2', '.3'].map(read)).toEqual([null, 'c', 'b', null])
  })

  test('with one file the old bytes go', () => {
    write('', 'c')
    rotateFiles(path, 1)
    expect(['', '.1'].map(read)).toEqual([null, null])
  })

  test('a rotation that was interrupted is completed, and costs no second file', () => {
    // .2 was moved to .3; .1 was not moved any more.
    write('', 'd')
    write('.1', 'c')
    write('.3', 'a')
    rotateFiles(path, 4)
    expect(['', '.1', '.2', '.3'].map(read)).toEqual([null, 'd', 'c', 'a'])
  })

  test('files past the number to be kept are removed', () => {
    for (const suffix of ['', '.1', '.2', '.3', '.4']) write(suffix, suffix)
    rotateFiles(path, 3)
    expect(['', '.1', '.2', '.3', '.4'].map(read)).toEqual([null, '', '.1', null, null])
  })

  test('one that fails leaves every byte where it was or moved', () => {
    write('', 'b')
    mkdirSync(`${path}.1/in-the-way`, { recursive: true })
    expect(() => rotateFiles(path, 2)).toThrow('.1')
    expect(read('')).toBe('b')
  })
})
