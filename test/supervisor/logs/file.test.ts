import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LogFileWriter } from '../../../src/supervisor/logs/file.js'
import { countDescriptors, makeTemporaryDirectory, readGenerations } from './support.js'

let directory: string
let path: string
const open: LogFileWriter[] = []

function createWriter(options: { maxBytes?: number; files?: number; lineLimitBytes?: number } = {}): LogFileWriter {
  const writer = new LogFileWriter({ path, maxBytes: 100, files: 5, lineLimitBytes: 30, ...options })
  open.push(writer)
  return writer
}

const texts = () => readGenerations(path).map(String)
const write = (writer: LogFileWriter, text: string) => writer.write(Buffer.from(text))

beforeEach(() => {
  directory = makeTemporaryDirectory()
  path = join(directory, 'made/web.stdout.log')
})
afterEach(() => {
  for (const writer of open.splice(0)) writer.close()
  rmSync(directory, { recursive: true })
})

describe('§14 the file of a log', () => {
  test('is made at the first byte, for its owner only, and so is its directory', () => {
    const before = countDescriptors()
    const writer = createWriter()
    expect(statSync(join(directory, 'made'), { throwIfNoEntry: false })).toBeUndefined()
    write(writer, 'x')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(directory, 'made')).mode & 0o777).toBe(0o700)
    writer.close()
    expect(countDescriptors()).toBe(before)
  })

  test('has the bytes and nothing else, an unfinished line at once', () => {
    const writer = createWriter()
    write(writer, '\x1b[2J\0é\r\nPassword: ')
    expect(texts()).toEqual(['\x1b[2J\0é\r\nPassword: '])
    expect(writer.keptBytes).toBe(0)
  })

  test('of an earlier run is continued', () => {
    mkdirSync(join(directory, 'made'))
    writeFileSync(path, 'earlier\n')
    write(createWriter(), 'later\n')
    expect(texts()).toEqual(['earlier\nlater\n'])
  })

  test('of an earlier run that is full is rotated first', () => {
    mkdirSync(join(directory, 'made'))
    writeFileSync(path, 'x'.repeat(100))
    write(createWriter(), 'later\n')
    expect(texts()).toEqual(['x'.repeat(100), 'later\n'])
  })

  test('is rotated at a line end within the limit, and only when more comes', () => {
    const writer = createWriter({ maxBytes: 10, lineLimitBytes: 10 })
    write(writer, '1234\n6789\n')
    expect(texts()).toEqual(['1234\n6789\n'])
    write(writer, 'abcdefg\nABCDE\n')
    expect(texts()).toEqual(['1234\n6789\n', 'abcdefg\n', 'ABCDE\n'])
  })

  test('is rotated at the limit where no line end comes within it', () => {
    write(createWriter({ maxBytes: 10, lineLimitBytes: 5 }), 'abc\n0123456789ABCDEFGHIJKLM\n')
    expect(texts()).toEqual(['abc\n', '0123456789', 'ABCDEFGHIJ', 'KLM\n'])
  })

  test('is not torn by a line that comes byte by byte over the limit', () => {
    const writer = createWriter({ maxBytes: 10, lineLimitBytes: 10 })
    for (const byte of 'abcde\nABCDE\n') write(writer, byte)
    expect(texts()).toEqual(['abcde\n', 'ABCDE\n'])
  })

  test('gets an unfinished line that was held as soon as it is flushed', () => {
    const writer = createWriter({ maxBytes: 10, lineLimitBytes: 10 })
    write(writer, 'abcde\nA')
    expect([texts(), writer.keptBytes, writer.trouble]).toEqual([['abcde\n'], 1, null])
    writer.flush()
    expect([texts(), writer.keptBytes]).toEqual([['abcde\n', 'A'], 0])
  })

  test('is kept as often as asked, the one being written included', () => {
    const writer = createWriter({ maxBytes: 2, files: 3 })
    for (const line of ['a\n', 'b\n', 'c\n', 'd\n', 'e\n']) write(writer, line)
    expect(texts()).toEqual(['c\n', 'd\n', 'e\n'])
  })

  test('that somebody moved away or removed is made anew', () => {
    const writer = createWriter()
    write(writer, 'a\n')
    renameSync(path, `${path}.moved`)
    write(writer, 'b\n')
    rmSync(path)
    write(writer, 'c\n')
    expect(readFileSync(`${path}.moved`, 'utf8')).toBe('a\n')
    expect(readFileSync(path, 'utf8')).toBe('c\n')
  })
})

describe('a file that cannot be written', () => {
  test('keeps the bytes, says why with its path, and gets them in order later', () => {
    writeFileSync(join(directory, 'made'), 'a file where the directory should be')
    const writer = createWriter()
    write(writer, 'first\n')
    expect(writer.keptBytes).toBe(6)
    expect(writer.trouble?.why).toMatch(/\((EEXIST|ENOTDIR)\)$/)
    expect(writer.trouble?.message).toContain(`The log ${path} cannot be written: `)
    writer.flush()
    expect(writer.trouble).not.toBeNull()
    rmSync(join(directory, 'made'))
    writer.flush()
    write(writer, 'second\n')
    expect([writer.trouble, texts()]).toEqual([null, ['first\nsecond\n']])
  })

  test('because a FIFO has its name blocks nobody', () => {
    mkdirSync(join(directory, 'made'))
    execFileSync('mkfifo', [path])
    const writer = createWriter()
    write(writer, 'x')
    expect(writer.trouble?.message).toContain(path)
    expect(writer.keptBytes).toBe(1)
  })

  test('because it cannot be rotated keeps the bytes, and leaves the full file as it is', () => {
    const writer = createWriter({ maxBytes: 4, files: 2 })
    write(writer, 'abc\n')
    mkdirSync(`${path}.1/in-the-way`, { recursive: true })
    write(writer, 'def\n')
    expect(writer.trouble?.message).toContain(path)
    expect(readFileSync(path, 'utf8')).toBe('abc\n')
    rmSync(`${path}.1`, { recursive: true })
    writer.flush()
    expect([writer.trouble, texts()]).toEqual([null, ['abc\n', 'def\n']])
  })

  test('is appended to, whoever else appends', () => {
    const writer = createWriter()
    write(writer, 'a\n')
    appendFileSync(path, 'stranger\n')
    write(writer, 'b\n')
    expect(texts()).toEqual(['a\nstranger\nb\n'])
  })
})
