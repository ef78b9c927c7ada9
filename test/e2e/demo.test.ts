import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const copies: string[] = []

afterEach(() => {
  for (const copy of copies.splice(0)) rmSync(copy, { recursive: true, force: true })
})

describe('the demo', () => {
  test('counts the words of what an install left, through a stage that crashes, as sort | uniq -c does', async () => {
    const { status, output } = await runDemo(root)
    expect(output).toContain('equal to sort | uniq -c')
    expect(Number(/crashes +(\d+)/.exec(output)?.[1])).toBeGreaterThanOrEqual(3)
    expect(output).toMatch(/lost +0$/m)
    expect(status).toBe(0)
  })

  test('loses nothing when somebody kills the stage by hand', async () => {
    let kills = 0
    const copy = copyDemo()
    // The first four kill themselves. Each of the next three does a record and waits to be killed, however late.
    tamper(
      copy,
      'def may_die(point, done):\n',
      declaration => `${declaration}    if 4 < INCARNATION < 8 and point == "taken":\n        signal.pause()\n`,
    )
    const { status, output } = await runDemo(copy, (incarnation, pid) => {
      if (incarnation <= 4 || kills === 3) return
      kills += 1
      process.kill(pid, 'SIGKILL')
    })
    expect(kills).toBe(3)
    expect(output).toContain('equal to sort | uniq -c')
    // One that is killed before its first record did no work, so the table may not know of it.
    const crashes = Number(/crashes +(\d+)/.exec(output)?.[1])
    expect(crashes).toBeGreaterThanOrEqual(4)
    expect(crashes).toBeLessThanOrEqual(4 + kills)
    expect(status).toBe(0)
  })

  test('fails when a stage gives something else on', async () => {
    const copy = copyDemo()
    tamper(copy, 'record.lower()', record => `${record}.replace(b" the ", b" teh ")`)
    const { status, output } = await runDemo(copy)
    expect(output).toContain('NOT EQUAL')
    expect(status).toBe(1)
  })
})

/** The demo in a folder of its own, below the repository so that its config finds the package. */
function copyDemo(): string {
  mkdirSync(join(root, '.ipcsup'), { recursive: true })
  const copy = mkdtempSync(join(root, '.ipcsup/copy-'))
  copies.push(copy)
  cpSync(join(root, 'ipcsup.config.ts'), join(copy, 'ipcsup.config.ts'))
  cpSync(join(root, 'fixtures/demo'), join(copy, 'fixtures/demo'), {
    recursive: true,
    filter: path => !path.endsWith('.fifo'),
  })
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

/** Changes the crashing stage of a copy. */
function tamper(copy: string, words: string, change: (words: string) => string): void {
  const stage = join(copy, 'fixtures/demo/fold.py')
  const program = readFileSync(stage, 'utf8')
  expect(program).toContain(words)
  writeFileSync(stage, program.replace(words, change))
}

/** Runs the demo at full speed; `onIncarnation` is told of each life of the crashing stage. */
function runDemo(
  directory: string,
  onIncarnation?: (incarnation: number, pid: number) => void,
): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, DEMO_PACE_MS: '0' }
    const child = spawn(join(root, 'bin/ipcsup'), ['start'], { cwd: directory, env })
    let output = ''
    let seen = 0
    const receive = (chunk: Buffer) => {
      output += chunk.toString()
      const lives = [...output.matchAll(/incarnation (\d+) is process (\d+)\./g)]
      for (const [, incarnation, pid] of lives.slice(seen)) onIncarnation?.(Number(incarnation), Number(pid))
      seen = lives.length
    }
    child.stdout.on('data', receive)
    child.stderr.on('data', receive)
    child.once('error', reject)
    child.once('close', status => resolve({ status, output }))
  })
}
