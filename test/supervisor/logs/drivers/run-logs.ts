/**
 * A process of its own that logs the stdout of one command and reports as JSON, so that its memory, its limits and its
 * mounts are its own. Argument: JSON of `Task`.
 */
import { readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { createLogs } from '../../../../src/supervisor/logs/create.js'
import { until } from '../../../support/conditions.js'
import { exitOf, makePipe, startWriter } from '../support.js'

export interface Task {
  readonly directory: string
  readonly maxBytes: number
  readonly files: number
  readonly command: readonly [string, ...string[]]
  readonly deadlineMs: number
  /** A descriptor to show lines on. */
  readonly display?: number
  /** Once the log is blocked: a file to remove, or true to close. */
  readonly whenBlocked?: { readonly remove: string } | 'close'
}

export interface Result {
  readonly dropped: Readonly<Record<string, number>>
  readonly blocked: readonly string[]
  readonly warnings: readonly string[]
  /** The largest resident size, above that before the logs began. */
  readonly grownKiB: number
}

async function run(task: Task): Promise<Result> {
  const warnings: string[] = []
  const workerUrl = new URL('./log-worker.mjs', import.meta.url)
  const { directory, maxBytes, files } = task
  const beforeKiB = readStatus('VmRSS')
  // Makes the largest size count from now on (proc(5), clear_refs).
  writeFileSync('/proc/self/clear_refs', '5')
  const onWarning = (message: string) => void warnings.push(message)
  const display = task.display === undefined ? null : { descriptor: task.display, color: false }
  const logs = createLogs({ directory, maxBytes, files, display, onWarning, workerUrl })
  const { read, write } = makePipe()
  const child = startWriter(write, ...task.command)
  logs.attach({ process: 'web', stream: 'stdout', descriptor: read })
  const exited = exitOf(child)
  const blocked: string[] = []
  if (task.whenBlocked !== undefined) {
    await until('it is blocked', () => logs.blocked().length > 0)
    blocked.push(...logs.blocked().map(({ process, stream, why }) => `${process}.${stream}: ${why}`))
    if (task.whenBlocked !== 'close') rmSync(task.whenBlocked.remove)
  }
  await exited
  const dropped = await logs.close({ deadlineMs: task.deadlineMs })
  return { dropped, blocked, warnings, grownKiB: readStatus('VmHWM') - beforeKiB }
}

function readStatus(field: 'VmRSS' | 'VmHWM'): number {
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))![1])
}

writeSync(1, JSON.stringify(await run(JSON.parse(process.argv[2]!))))
