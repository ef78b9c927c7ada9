/** Programs that have an end of a ring, and may open few descriptors. */
import { spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { bundleProgram } from '../../support/bundle.js'
import { makeRing } from './test-ring.js'

const program = bundleProgram(join(import.meta.dirname, 'drivers/few-descriptors.ts'))

interface Row {
  readonly left: number
  readonly loop: string
  readonly end: readonly string[]
  /** Descriptors that are open and were not before. */
  readonly more: number
}

const tooFew = expect.stringMatching(/^IpcsupError IPCSUP_ERR_RING_LAYOUT: .*may not open as many.*`ulimit -n`/)

test.for(['main', 'worker'])('are told so, whatever is the first that they cannot open (%s thread)', async thread => {
  const count = 16
  const ring = makeRing({ writers: 3 })
  const ends = Array.from({ length: count }, () => ring.hand('read'))
  const child = spawn('prlimit', ['--nofile=80', process.execPath, program, String(count), thread], {
    stdio: ['ignore', 'pipe', 'pipe', ...ends],
  })
  for (const end of [...ends]) closeSync(end)
  const [output, errors] = await Promise.all([text(child.stdout!), text(child.stderr!)])
  ring.close()
  const rows = output
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Row)
  expect([errors, rows.map(({ left }) => left)]).toEqual(['', Array.from({ length: count - 1 }, (_, left) => left)])
  const ofLoops = rows.map(({ loop }) => loop).slice(0, 4)
  const few = [
    'IpcsupError IPCSUP_ERR_SYSTEM: Creating a pipe failed: pipe2: EMFILE.',
    'IpcsupError IPCSUP_ERR_SYSTEM: Creating a pipe failed: pipe2: EMFILE.',
    'IpcsupError IPCSUP_ERR_SYSTEM: Creating a pipe failed: open: EMFILE.',
    'fine',
  ]
  expect(ofLoops).toEqual(thread === 'main' ? few : ['', '', '', ''])
  const opened = rows.findIndex(({ end }) => end[0] === 'fine')
  // The memory and its lock, its own bell, and those of three writers. To wait takes one more, which the end had as it was handed.
  expect(opened).toBeGreaterThanOrEqual(6)
  for (const { end, more } of rows.slice(0, opened)) expect([end, more]).toEqual([[tooFew], thread === 'main' ? -1 : 0])
  for (const { end } of rows.slice(opened)) expect(end).toEqual(['fine', 'waited'])
})
