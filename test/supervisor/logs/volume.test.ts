import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readSync, rmSync, statfsSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Result, Task } from './drivers/run-logs.js'
import { buildWorker, listGenerations, makeTemporaryDirectory } from './support.js'

const gib = 1_073_741_824
const mib = 1_048_576

let directory: string
let generator: string

/** Where a GiB goes through quickly: memory if there is enough of it. */
function findRoom(): string {
  const { bavail, bsize } = statfsSync('/dev/shm')
  return bavail * bsize > 3 * gib ? '/dev/shm' : tmpdir()
}

beforeAll(async () => {
  directory = makeTemporaryDirectory(findRoom())
  generator = join(directory, 'volume')
  execFileSync('gcc', ['-O2', '-o', generator, join(import.meta.dirname, 'volume.c')])
  await buildWorker(directory, { 'run-logs': join(import.meta.dirname, 'drivers/run-logs.ts') })
})
afterAll(() => rmSync(directory, { recursive: true }))

function run(task: Omit<Task, 'command' | 'deadlineMs'>): Result {
  const whole: Task = { ...task, command: [generator, String(gib)], deadlineMs: 60_000 }
  const output = execFileSync(process.execPath, [join(directory, 'run-logs.mjs'), JSON.stringify(whole)])
  return JSON.parse(output.toString())
}

/** Compares byte by byte, by a program that is fast at it. */
function isExact(paths: readonly string[]): boolean {
  const script = 'generator=$1; bytes=$2; shift 2; cat "$@" | cmp - <("$generator" "$bytes") && echo same'
  const output = execFileSync('bash', ['-c', script, 'bash', generator, String(gib), ...paths])
  return output.toString() === 'same\n'
}

function lastByte(path: string): string {
  const descriptor = openSync(path, 'r')
  const byte = Buffer.alloc(1)
  readSync(descriptor, byte, 0, 1, statSync(path).size - 1)
  closeSync(descriptor)
  return byte.toString()
}

describe('§14 1 GiB of log arrives byte-exact with flat memory', () => {
  test.each([
    ['in one file', 2 * gib, 1],
    ['over rotation', 40 * mib, 30],
  ])('%s', (_how, maxBytes, files) => {
    const logDirectory = join(directory, 'logs')
    const result = run({ directory: logDirectory, maxBytes, files })
    const paths = listGenerations(join(logDirectory, 'web.stdout.log'))
    expect(isExact(paths)).toBe(true)
    expect(result).toMatchObject({ dropped: {}, warnings: [] })
    expect(result.grownKiB).toBeLessThanOrEqual(48 * 1024)
    for (const path of paths.slice(0, -1))
      expect([lastByte(path), statSync(path).size <= maxBytes]).toEqual(['\n', true])
    expect(paths.length > 1).toBe(files > 1)
    rmSync(logDirectory, { recursive: true })
  })
})
