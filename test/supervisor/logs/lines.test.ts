import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LineSplitter } from '../../../src/supervisor/logs/lines.js'

/** Lines of the chunks as text, with the marks that they have. */
function split(splitter: LineSplitter, ...chunks: (string | Buffer)[]): string[] {
  return chunks.flatMap(text => {
    const chunk = Buffer.from(text as string)
    const lines: string[] = []
    for (let at = 0; at < chunk.length; ) {
      const { line, at: next } = splitter.next(chunk, at)
      if (line !== null) lines.push(`${line.isContinued ? '<' : ''}${line.bytes}${line.isCut ? '>' : ''}`)
      at = next
    }
    return lines
  })
}

describe('lines that are shown', () => {
  test('§14 a line that comes in pieces is one line', () => {
    expect(split(new LineSplitter(100), 'ab', 'c', '\nde', 'f\n\ng')).toEqual(['abc', 'def', ''])
  })

  test('whatever the chunks, the lines are the same', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '\n'), maxLength: 200 })
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (whole, cuts) => {
        const bytes = Buffer.from(whole)
        const chunks: Buffer[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const end = at + cuts[turn % cuts.length]!
          chunks.push(bytes.subarray(at, end))
          at = end
        }
        const splitter = new LineSplitter(1_000)
        const lines = split(splitter, ...chunks)
        const rest = splitter.takeUnfinished(true)?.bytes.toString() ?? ''
        expect([...lines, rest].join('\n')).toBe(whole)
      }),
      { numRuns: 500 },
    )
  })

  test('§14 a line over the limit is cut, once, and the next one is whole', () => {
    expect(split(new LineSplitter(4), 'abcd\nabcdef', 'ghi\nxy\n')).toEqual(['abcd', 'abcd>', 'xy'])
    expect(split(new LineSplitter(4), 'ab', 'cd', 'ef', '\nxy\n')).toEqual(['abcd>', 'xy'])
  })

  test('a line is not cut inside a character', () => {
    expect(split(new LineSplitter(4), 'abcéé\n')).toEqual(['abc>'])
    expect(split(new LineSplitter(5), 'abcéé\n')).toEqual(['abcé>'])
  })

  test('an unfinished line can be shown, and what follows is marked as its rest', () => {
    const splitter = new LineSplitter(100)
    split(splitter, 'Password: ')
    expect(splitter.hasUnfinished).toBe(true)
    const line = splitter.takeUnfinished(false)
    expect(line?.bytes.toString()).toBe('Password: ')
    expect(line?.isUnfinished).toBe(true)
    expect(split(splitter, 'secret\nnext\n')).toEqual(['<secret', 'next'])
  })

  test('the newline alone of a shown unfinished line is not shown again', () => {
    const splitter = new LineSplitter(100)
    split(splitter, 'Password: ')
    splitter.takeUnfinished(false)
    expect(split(splitter, '\nnext\n')).toEqual(['next'])
  })

  test('at the end an unfinished line is a line', () => {
    const splitter = new LineSplitter(100)
    split(splitter, 'last')
    expect(splitter.takeUnfinished(true)).toMatchObject({ isUnfinished: false })
    expect(splitter.takeUnfinished(true)).toBeNull()
  })
})
