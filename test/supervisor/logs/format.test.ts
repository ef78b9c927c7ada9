import { describe, expect, test } from 'vitest'
import { createLinePrinter, escapeControls } from '../../../src/supervisor/logs/format.js'

const plain = { color: false, isTerminal: false, names: ['a', 'worker'] }
const colored = { color: true, isTerminal: true, names: ['a', 'worker'] }

describe('prefixes', () => {
  test('names are padded to the longest, and stderr has another bar', () => {
    const printer = createLinePrinter(plain)
    expect(printer.print('a', 'stdout', Buffer.from('x\n')).toString()).toBe('a      | x\n')
    expect(printer.print('a', 'stderr', Buffer.from('x\n')).toString()).toBe('a      ! x\n')
  })

  test('a name that was not told widens them from then on', () => {
    const printer = createLinePrinter({ ...plain, names: [] })
    expect(printer.print('a', 'stdout', Buffer.from('x\n')).toString()).toBe('a | x\n')
    expect(printer.print('abc', 'stdout', Buffer.from('x\n')).toString()).toBe('abc | x\n')
    expect(printer.print('a', 'stdout', Buffer.from('x\n')).toString()).toBe('a   | x\n')
  })

  test('a name told twice, once for each of its streams, counts once', () => {
    const printer = createLinePrinter({ ...colored, names: ['a', 'a', 'b', 'b'] })
    expect(printer.print('b', 'stdout', Buffer.from('x\n')).toString()).toBe('\x1b[33mb\x1b[0m | x\n')
  })

  test('each name has its colour, and the mark of stderr is red', () => {
    const printer = createLinePrinter(colored)
    expect(printer.print('a', 'stdout', Buffer.from('x\n')).toString()).toBe('\x1b[36ma     \x1b[0m | x\n')
    expect(printer.print('worker', 'stdout', Buffer.from('x\n')).toString()).toBe('\x1b[33mworker\x1b[0m | x\n')
    expect(printer.print('a', 'stderr', Buffer.from('x\n')).toString()).toBe(
      '\x1b[36ma     \x1b[0m \x1b[31m!\x1b[0m x\n',
    )
  })
})

describe('the bytes of a line', () => {
  test('where no terminal is, they stay as they are', () => {
    const bytes = Buffer.from([0x1b, 0x5b, 0x48, 0xff, 0x00, 0x0d, 0x0a])
    const shown = createLinePrinter({ ...plain, names: ['a'] }).print('a', 'stdout', bytes)
    expect(shown.subarray(4)).toEqual(bytes)
  })

  test.each([
    ['a tab', 'a\tb', 'a\tb'],
    ['text in any language', 'žluťoučký 日本 🚀', 'žluťoučký 日本 🚀'],
    ['an escape sequence', '\x1b[2Jx', '\\x1b[2Jx'],
    ['a title', '\x1b]0;pwned\x07', '\\x1b]0;pwned\\x07'],
    ['a carriage return', '10 %\r20 %', '10 %\\r20 %'],
    ['the end of a DOS line', 'x\r', 'x'],
    ['backspace and DEL', 'a\bb\x7f', 'a\\x08b\\x7f'],
    ['an 8-bit control', 'a\x9b2Jb', 'a\\x9b2Jb'],
    ['a turned direction', 'a\u202eb', 'a\\u202eb'],
    ['a colour, which ends with the line', '\x1b[1;31mred', '\x1b[1;31mred\x1b[0m'],
    ['a colour with another final byte', '\x1b[31H', '\\x1b[31H'],
    ['an endless colour', `\x1b[${'1;'.repeat(60)}m`, `\\x1b[${'1;'.repeat(60)}m`],
  ])('§14 on a terminal, %s', (_what, text, shown) => {
    expect(escapeControls(text)).toBe(shown)
  })

  test('§14 on a terminal, bytes that are no text do not reach it', () => {
    const shown = createLinePrinter(colored).print('a', 'stdout', Buffer.from([0x41, 0x9b, 0xff, 0x0a]))
    expect(shown.toString()).toContain('| A\ufffd\ufffd\n')
  })

  test('§14 a long line is cut with a mark, and an unfinished last line gets its newline', () => {
    const printer = createLinePrinter({ ...plain, names: ['a'], lineLimitBytes: 4 })
    expect(printer.print('a', 'stdout', Buffer.from('abcdef\nxy')).toString()).toBe('a | abcd … [line cut]\n')
    expect(printer.end().toString()).toBe('a | xy\n')
    expect(printer.end().length).toBe(0)
  })
})
