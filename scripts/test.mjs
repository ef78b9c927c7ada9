/**
 * Types, lint and all tests. The last line says how many tests passed, failed and were skipped; the exit status is 0 only
 * when nothing failed and at least one test ran. Arguments go to vitest: `npm test -- test/config`.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { countTests, describeCount } from './count-tests.mjs'
import { root, runTool } from './lib.mjs'

const temporary = mkdtempSync(join(tmpdir(), 'ipcsup-test-'))
const reportFile = join(temporary, 'report.json')
// What tests make in the temporary directory goes with it, also what a killed one could not remove.
process.env.TMPDIR = temporary

const statuses = {
  types: await runTool('tsc', ['--noEmit']),
  lint: await runTool('biome', ['check', '.']),
  tests: await runTool('vitest', [
    'run',
    ...['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`],
    ...process.argv.slice(2),
  ]),
}
const count = countTests(readReport())
// A process that a test has just ended may still write there.
rmSync(temporary, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })

const unwell = Object.keys(statuses).filter(name => statuses[name] !== 0)
if (count.passed + count.failed === 0) unwell.push('no test ran')
if (unwell.length > 0) console.log(`not well: ${unwell.join(', ')}`)
for (const title of count.skipped) console.log(`skipped: ${title.replace(root, '')}`)
console.log(describeCount(count))
process.exitCode = unwell.length === 0 && count.failed === 0 ? 0 : 1

function readReport() {
  try {
    return JSON.parse(readFileSync(reportFile, 'utf8'))
  } catch {
    // Vitest ended before it could write: its status says so already.
    return null
  }
}
