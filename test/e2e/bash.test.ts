import { execFile, spawn } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { bundleProgram } from '../support/bundle.js'
import { makeDirectory, readDirectory } from './line-directory.js'
import { type RandomLine, randomLine } from './random-pipelines.js'

interface Outcome {
  /** Of every stage, as PIPESTATUS has them. */
  readonly statuses: readonly number[]
  readonly stdout: string
}

const root = realpathSync(mkdtempSync('/tmp/ipcsup-bash-'))
afterAll(() => rmSync(root, { recursive: true }))
const environment = { PATH: process.env['PATH'], HOME: root, LC_ALL: 'C' }

/** All lines in one process of ipcsup. */
async function runByIpcsup(lines: readonly string[], directory: string): Promise<Outcome[]> {
  const runner = bundleProgram(fileURLToPath(new URL('./line-runner.ts', import.meta.url)))
  const [list, stdout, results] = ['lines.json', 'stdout', 'results'].map(name => join(directory, name)) as [
    string,
    string,
    string,
  ]
  mkdirSync(join(directory, 'runtime'), { mode: 0o700 })
  writeFileSync(list, JSON.stringify(lines))
  writeFileSync(results, '')
  const output = openSync(stdout, 'a')
  const child = spawn(process.execPath, [runner, list, join(directory, 'ours'), stdout, results], {
    env: { ...environment, XDG_RUNTIME_DIR: join(directory, 'runtime'), XDG_STATE_HOME: join(directory, 'state') },
    stdio: ['ignore', output, openSync(join(directory, 'stderr'), 'w')],
  })
  closeSync(output)
  const code = await new Promise<number | null>(resolve => child.once('exit', resolve))
  if (code !== 0)
    throw new Error(`the runner ended with ${code}: ${readFileSync(join(directory, 'stderr'), 'utf8').slice(-2000)}`)
  return readFileSync(results, 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Outcome)
}

async function runByBash(line: string, cwd: string): Promise<Outcome> {
  const status = `${cwd}.status`
  const command = `${line}\nprintf '%s ' "\${PIPESTATUS[@]}" > '${status}'\n`
  const run = promisify(execFile)('/bin/bash', ['-c', command], {
    cwd,
    env: environment,
    encoding: 'latin1',
    maxBuffer: 2 ** 26,
  })
  run.child.stdin?.end()
  const { stdout } = await run
  return { statuses: readFileSync(status, 'utf8').trim().split(' ').map(Number), stdout }
}

const neverTold = new Set([0, 141])

function compare(line: RandomLine, ours: Outcome, bash: Outcome): void {
  const settled = ours.statuses.map((status, index) => {
    const theirs = bash.statuses[index]!
    return line.mayBeCut[index]! && neverTold.has(status) && neverTold.has(theirs) ? theirs : status
  })
  expect({ line: line.line, statuses: settled, stdout: ours.stdout }).toEqual({ line: line.line, ...bash })
}

async function compareAll(seed: number, count: number): Promise<void> {
  const lines = fc.sample(randomLine, { seed, numRuns: count })
  const directory = join(root, String(seed))
  mkdirSync(join(directory, 'ours'), { recursive: true })
  const ours = await runByIpcsup(
    lines.map(({ line }) => line),
    directory,
  )
  for (const [index, line] of lines.entries()) {
    const bash = await runByBash(line.line, makeDirectory(join(directory, 'bash'), index))
    compare(line, ours[index]!, bash)
    const created = readDirectory(join(directory, 'ours'), index)
    expect({ line: line.line, created }).toEqual({
      line: line.line,
      created: readDirectory(join(directory, 'bash'), index),
    })
  }
}

const title = '§10 stdout, created files and the status of every stage are those of bash'

it.each([1, 2, 3, 4, 5, 6])(`${title}: 60 lines of seed %d`, async seed => {
  await compareAll(seed, 60)
})

it(`${title}: 60 lines of a random seed`, async () => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  console.log(`random pipelines of seed ${seed}`)
  await compareAll(seed, 60)
})
