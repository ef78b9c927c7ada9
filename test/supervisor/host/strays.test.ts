import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { changeOpenFilesLimit, readOpenFilesLimit } from '../../../src/platform/index.js'
import { signalStrays } from '../../../src/supervisor/host/signals.js'
import { createMarkedFinder } from '../../../src/supervisor/host/strays.js'

const run = `strays-${process.pid}`
const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** A process that carries the mark of a run, as a daemon that left its group does. */
async function startMarked(name: string): Promise<ChildProcess> {
  const env = { PATH: process.env['PATH'], IPCSUP_RUN: run, IPCSUP_PROCESS: name }
  const child = spawn('sleep', ['1000'], { env, stdio: 'ignore' })
  children.push(child)
  await once(child, 'spawn')
  return child
}

const warnings: string[] = []
const warn = (message: string): void => void warnings.push(message)

test('§6 without a descriptor to look with nobody is found, and that is told', async () => {
  await startMarked('web')
  const find = createMarkedFinder(run, () => new Promise(() => {}), warn)
  const own = readOpenFilesLimit()
  changeOpenFilesLimit({ soft: 3, hard: own.hard })
  try {
    expect(find('web')).toEqual([])
  } finally {
    changeOpenFilesLimit(own)
  }
  expect(warnings.splice(0)).toEqual([expect.stringMatching(/^Only process groups .* too many open files .*ulimit -n/)])
})

test('§6 all calls of one stop share a single look at the processes of the system; the next stop looks anew', async () => {
  const first = await startMarked('web')
  let settle = () => {}
  const find = createMarkedFinder(run, () => new Promise(resolve => (settle = resolve)), warn)
  const pids = () => find('web').map(({ pid }) => pid)
  expect(pids()).toEqual([first.pid])
  const second = await startMarked('web')
  expect(pids()).toEqual([first.pid])
  settle()
  await turn()
  await turn()
  expect(new Set(pids())).toEqual(new Set([first.pid, second.pid]))
  expect(find('other')).toEqual([])
})

test('§6 who was found and is gone by now is not signalled: its pid may be of somebody else', async () => {
  const child = await startMarked('web')
  const find = createMarkedFinder(run, () => new Promise(() => {}), warn)
  expect(find('web')).toHaveLength(1)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(find('web')).toEqual([])
})

test('§6 descendants are ended also when no `ps` can be spawned', async () => {
  const child = await startMarked('web')
  const directory = mkdtempSync(join(tmpdir(), 'ipcsup-strays-'))
  // Looks executable to access(2), and cannot be executed: as good as a limit of processes that is reached.
  mkdirSync(join(directory, 'ps'))
  const path = process.env['PATH']
  process.env['PATH'] = directory
  try {
    const exit = once(child, 'exit')
    await signalStrays([child.pid!], 'SIGTERM')
    expect(await exit).toEqual([null, 'SIGTERM'])
  } finally {
    process.env['PATH'] = path
    rmSync(directory, { recursive: true })
  }
})
