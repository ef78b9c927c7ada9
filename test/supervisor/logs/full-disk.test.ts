import { execFileSync, spawnSync } from 'node:child_process'
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Result, Task } from './drivers/run-logs.js'
import { buildWorker, makeTemporaryDirectory } from './support.js'

let directory: string
let driver: string

beforeAll(async () => {
  directory = makeTemporaryDirectory()
  driver = join(directory, 'run-logs.mjs')
  await buildWorker(directory, { 'run-logs': join(import.meta.dirname, 'drivers/run-logs.ts') })
})
afterAll(() => rmSync(directory, { recursive: true }))

/** Runs the driver behind `setUp` of a shell; what `after` prints comes behind its result. */
function runBehind(
  command: readonly string[],
  setUp: string,
  task: Task,
  after: string,
): { result: Result; after: string } {
  const script = `${setUp}; timeout 120 "$1" "$2" "$3" && echo && ${after}`
  const [file, ...args] = [...command, 'sh', '-c', script, 'sh', process.execPath, driver, JSON.stringify(task)]
  const [result, rest] = execFileSync(file!, args, { encoding: 'utf8' }).split('\n')
  return { result: JSON.parse(result!), after: rest!.trim() }
}

const canMount = spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs none /mnt']).status === 0
const whyNot = canMount ? '' : ' (skipped: no right to mount a small disk; needs root)'
const smallDisk = 'mount -t tmpfs -o size=256k none /mnt && head -c 65536 /dev/zero > /mnt/ballast'

describe.skipIf(!canMount)(`§14 a full disk under a log${whyNot}`, () => {
  const unshare = ['unshare', '-m']
  const task = { directory: '/mnt/logs', maxBytes: 1_048_576, files: 2 }

  test('holds the writer back, is shown as no space, and loses nothing once there is room', () => {
    const { result, after } = runBehind(
      unshare,
      smallDisk,
      {
        ...task,
        command: ['sh', '-c', 'seq 1 40000 | head -c 200000; echo end'],
        whenBlocked: { remove: '/mnt/ballast' },
        deadlineMs: 60_000,
      },
      '(seq 1 40000 | head -c 200000; echo end) | cmp - /mnt/logs/web.stdout.log && echo same',
    )
    expect([result.dropped, result.blocked, after]).toEqual([{}, ['web.stdout: no space'], 'same'])
    expect(result.warnings.length).toBe(1)
    expect(result.warnings[0]).toMatch(
      /^The log \/mnt\/logs\/web\.stdout\.log cannot be written: no space left on device/,
    )
  })

  test('until the end of the stop: the rest is dropped, and counted to the byte', () => {
    const { result, after } = runBehind(
      unshare,
      smallDisk,
      { ...task, command: ['head', '-c', '250000', '/dev/zero'], whenBlocked: 'close', deadlineMs: 100 },
      'stat -c %s /mnt/logs/web.stdout.log',
    )
    expect(Number(after)).toBeGreaterThan(100_000)
    expect(result.dropped).toEqual({ 'web.stdout': 250_000 - Number(after) })
  })
})

describe('§14 a limit of file sizes under a log', () => {
  test('is no space too', () => {
    const logs = join(directory, 'logs')
    const { result } = runBehind(
      [],
      'ulimit -f 64',
      {
        ...{ directory: logs, maxBytes: 1_048_576, files: 2 },
        ...{ command: ['head', '-c', '90000', '/dev/zero'], whenBlocked: 'close', deadlineMs: 100 },
      },
      ':',
    )
    const { size } = statSync(join(logs, 'web.stdout.log'))
    expect(result.blocked).toEqual(['web.stdout: no space'])
    expect(result.dropped).toEqual({ 'web.stdout': 90_000 - size })
  })
})
