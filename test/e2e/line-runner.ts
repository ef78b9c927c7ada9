/**
 * Runs lines as `ipcsup run` does, one after the other, in one process whose stdout is a file opened for appending.
 *
 * Arguments: a JSON file of lines; the directory to make a directory in for each; the file that is stdout; the file for
 * the results.
 */
import { appendFileSync, readFileSync, truncateSync } from 'node:fs'
import { constants } from 'node:os'
import { parseRunLine } from '../../src/config/run-line.js'
import { kinds } from '../../src/ipc/kinds/index.js'
import type { ProcessReport } from '../../src/supervisor/controls.js'
import { createFromPlan } from '../../src/supervisor/create.js'
import { openRun } from '../../src/supervisor/run/open.js'
import { makeDirectory } from './line-directory.js'

const [linesFile, root, stdoutFile, resultsFile] = process.argv.slice(2) as [string, string, string, string]

for (const [index, line] of (JSON.parse(readFileSync(linesFile, 'utf8')) as string[]).entries()) {
  const cwd = makeDirectory(root, index)
  truncateSync(stdoutFile)
  const statuses = await runLine(line, cwd)
  const result = { statuses, stdout: readFileSync(stdoutFile, 'latin1') }
  appendFileSync(resultsFile, `${JSON.stringify(result)}\n`)
}

async function runLine(line: string, cwd: string): Promise<number[]> {
  const { plan } = parseRunLine(line, { kinds, cwd })
  const run = await openRun({ key: { pid: process.pid }, name: plan.name, version: 'test' })
  try {
    const supervisor = createFromPlan(plan, { run, display: null })
    await supervisor.start()
    const { processes } = await supervisor.finished
    return processes.map(statusOf)
  } finally {
    run.close()
  }
}

/** As PIPESTATUS has it. */
function statusOf({ name, exit }: ProcessReport): number {
  if (exit === null) throw new Error(`${name} has not ended`)
  return 'code' in exit ? exit.code : 128 + constants.signals[exit.signal as NodeJS.Signals]
}
