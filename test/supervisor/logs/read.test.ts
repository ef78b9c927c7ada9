import { appendFileSync, linkSync, mkdirSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LogFile } from '../../../src/supervisor/controls.js'
import { LogFileWriter } from '../../../src/supervisor/logs/file.js'
import { followLogs, type LogTail, readLogTail } from '../../../src/supervisor/logs/read.js'
import { until } from '../../support/conditions.js'
import { countDescriptors, makeTemporaryDirectory } from './support.js'

let directory: string
let path: string
let file: LogFile

beforeEach(() => {
  directory = makeTemporaryDirectory()
  path = join(directory, 'web.stdout.log')
  file = { process: 'web', stream: 'stdout', path }
})
afterEach(() => rmSync(directory, { recursive: true }))

async function tail(lines: number): Promise<string> {
  const [found] = await readLogTail([file], lines)
  return found!.bytes.toString()
}

describe('the last lines of a log', () => {
  test.each([
    ['a\nb\nc\n', 2, 'b\nc\n'],
    ['a\nb\nc', 2, 'b\nc'],
    ['a\nb\n\n', 1, '\n'],
    ['a\nb\n', 5, 'a\nb\n'],
    ['a\nb\n', 0, ''],
    ['a\nb\n', Number.POSITIVE_INFINITY, 'a\nb\n'],
    ['', 3, ''],
    ['\n', 1, '\n'],
  ])('of %j are, for %d, %j', async (text, lines, expected) => {
    writeFileSync(path, text)
    expect(await tail(lines)).toBe(expected)
  })

  test('are taken from older files as far as needed', async () => {
    writeFileSync(`${path}.10`, 'oldest\n')
    writeFileSync(`${path}.2`, 'a\nb\n')
    writeFileSync(`${path}.1`, 'c\nd\n')
    writeFileSync(path, 'e\n')
    expect([await tail(1), await tail(2), await tail(4), await tail(9)]).toEqual([
      ...['e\n', 'd\ne\n', 'b\nc\nd\ne\n', 'oldest\na\nb\nc\nd\ne\n'],
    ])
  })

  test('of a file found under two names, as in the middle of a rotation, are not doubled', async () => {
    writeFileSync(path, 'a\nb\n')
    linkSync(path, `${path}.1`)
    expect(await tail(9)).toBe('a\nb\n')
  })

  test('of a line longer than what is read at once are whole', async () => {
    writeFileSync(path, `first\n${'x'.repeat(200_000)}\n`)
    expect((await tail(1)).length).toBe(200_001)
  })

  test('of a log without a file are none, and no descriptor is left', async () => {
    const before = countDescriptors()
    writeFileSync(`${path}.1`, 'a\n')
    const missing: LogFile = { ...file, path: join(directory, 'no/such.log') }
    const tails = await readLogTail([file, missing], 3)
    expect(tails.map(({ bytes }) => bytes.toString())).toEqual(['a\n', ''])
    expect(tails[1]?.position).toBeNull()
    expect(countDescriptors()).toBe(before)
  })

  test('of a log that cannot be read are an error that names it', async () => {
    mkdirSync(path)
    const before = countDescriptors()
    await expect(readLogTail([file], 1)).rejects.toThrow(`Reading the log ${path} failed: open: not a regular file.`)
    expect(countDescriptors()).toBe(before)
    rmSync(path, { recursive: true })
    writeFileSync(join(directory, 'not-a-directory'), '')
    const below = { ...file, path: join(directory, 'not-a-directory/web.stdout.log') }
    await expect(readLogTail([below], 1)).rejects.toMatchObject({ code: 'IPCSUP_ERR_SYSTEM' })
  })
})

describe('following', () => {
  let stop: AbortController
  let seen: Map<string, string>
  let following: Promise<void>

  function follow(files: readonly LogFile[], from?: readonly LogTail[]): void {
    stop = new AbortController()
    seen = new Map(files.map(({ process }) => [process, '']))
    const onChunk = ({ process }: LogFile, bytes: Buffer) => void seen.set(process, seen.get(process)! + bytes)
    following = followLogs(files, onChunk, stop.signal, from === undefined ? {} : { from })
  }

  async function end(): Promise<void> {
    stop.abort()
    await following
  }

  test('begins at the end and gives what comes', async () => {
    // The event loop keeps one descriptor for all that it will ever watch.
    watch(directory).close()
    const before = countDescriptors()
    writeFileSync(path, 'earlier\n')
    follow([file])
    appendFileSync(path, 'one\n')
    await until('the first line is read', () => seen.get('web') === 'one\n')
    appendFileSync(path, 'two\n')
    await until('the second line is read', () => seen.get('web') === 'one\ntwo\n')
    await end()
    expect(countDescriptors()).toBe(before)
  })

  test('goes on where the last lines ended, whatever came between, over a rotation too', async () => {
    writeFileSync(path, 'a\nb\n')
    const tails = await readLogTail([file], 1)
    appendFileSync(path, 'c\n')
    renameSync(path, `${path}.1`)
    writeFileSync(path, 'd\n')
    follow([file], tails)
    await until('the last lines are read', () => seen.get('web') === 'c\nd\n')
    await end()
  })

  test('begins with the first byte of a log that does not exist yet, nor its directory', async () => {
    const later = { ...file, path: join(directory, 'made/later/web.stdout.log') }
    follow([later])
    await new Promise(setImmediate)
    mkdirSync(join(directory, 'made/later'), { recursive: true })
    writeFileSync(later.path, 'first\n')
    await until('the first line is read', () => seen.get('web') === 'first\n')
    await end()
  })

  test('passes over rotations without losing or doubling a byte, for each of several logs', async () => {
    const files = ['a', 'b'].map(process => ({ ...file, process, path: join(directory, `${process}.stdout.log`) }))
    follow(files)
    const writers = files.map(
      ({ path: of }) => new LogFileWriter({ path: of, maxBytes: 4_000, files: 1_000, lineLimitBytes: 100 }),
    )
    const expected = files.map(() => '')
    for (let number = 0; number < 20_000; number++) {
      const which = number % 2
      const line = `line ${number} of ${files[which]!.process}\n`
      writers[which]!.write(Buffer.from(line))
      expected[which] += line
      if (number % 1_000 === 0) await new Promise(setImmediate)
    }
    await until('all is read', () =>
      files.every(({ process }, which) => seen.get(process)!.length >= expected[which]!.length),
    )
    expect(files.map(({ process }, which) => seen.get(process) === expected[which])).toEqual([true, true])
    for (const writer of writers) writer.close()
    await end()
  })

  test('gives the oldest that is left when the file it was in is gone', async () => {
    writeFileSync(path, 'a\n')
    const tails = await readLogTail([file], 1)
    writeFileSync(`${path}.new`, 'b\n')
    renameSync(`${path}.new`, path)
    follow([file], tails)
    await until('the last line is read', () => seen.get('web') === 'b\n')
    await end()
  })

  test('waits for a slow reader, and ends when it is aborted', async () => {
    writeFileSync(path, '')
    const aborted = new AbortController()
    const calls: (() => void)[] = []
    const slow = followLogs([file], () => new Promise<void>(resolve => void calls.push(resolve)), aborted.signal)
    appendFileSync(path, 'x'.repeat(300_000))
    await until('it is called', () => calls.length > 0)
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
    expect(calls.length).toBe(1)
    calls[0]!()
    await until('it is called again', () => calls.length === 2)
    aborted.abort()
    calls[1]!()
    await slow
    expect(calls.length).toBe(2)
    await followLogs([file], () => {}, AbortSignal.abort())
  })
})
