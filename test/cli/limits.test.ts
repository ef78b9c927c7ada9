import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { killIfAlive, program } from '../support/command-line.js'
import { until } from '../support/conditions.js'

// The limit counts all processes of a user, so the test has one that nobody else has.
const user = 40_000 + (process.pid % 20_000)
const asUser = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups']
const canSwitch =
  process.getuid!() === 0 && spawnSync(asUser[0]!, [...asUser.slice(1), program, '--version']).status === 0

// Leaves its group, then forks until it gets no more.
const bomb = `
import os, time
if os.fork() == 0:
  os.setsid()
  try:
    while True:
      if os.fork() == 0: time.sleep(1000)
  except OSError: open('full', 'w')
time.sleep(1000)`

let directory: string
let supervisor: ChildProcess

beforeEach(() => {
  directory = mkdtempSync('/tmp/ipcsup-limits-')
  mkdirSync(join(directory, 'runtime'), { mode: 0o700 })
  for (const path of [directory, join(directory, 'runtime')]) chownSync(path, user, user)
})

afterEach(async () => {
  await until('nobody of the user is left', () => {
    const pids = listPids()
    for (const pid of pids) killIfAlive(pid)
    return pids.length === 0
  })
  rmSync(directory, { recursive: true })
})

const environment = () => ({ ...process.env, XDG_RUNTIME_DIR: join(directory, 'runtime'), XDG_STATE_HOME: directory })
const ask = (...argv: string[]) =>
  spawnSync(asUser[0]!, [...asUser.slice(1), program, ...argv], {
    cwd: directory,
    env: environment(),
    encoding: 'utf8',
  })

test.skipIf(!canSwitch)(
  'a supervisor whose children have reached the limit of processes still tells its status, and ends them all',
  async () => {
    const config = { processes: { bomb: { command: ['python3', '-c', bomb], stopTimeout: '20s' } } }
    writeFileSync(join(directory, 'ipcsup.config.json'), JSON.stringify(config))
    supervisor = spawn('prlimit', ['--nproc=48', ...asUser, program, 'start'], {
      cwd: directory,
      env: environment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const ended = once(supervisor, 'exit')
    await until('the limit is reached', () => existsSync(join(directory, 'full')))
    expect(JSON.parse(ask('status', '--json').stdout).processes[0]).toMatchObject({ name: 'bomb', state: 'running' })
    expect(ask('stop')).toMatchObject({ status: 0, stdout: expect.stringContaining('ended well') })
    expect(await ended).toEqual([0, null])
    expect(listPids()).toEqual([])
  },
)

/** Of the user, zombies left out: where nobody reaps them they stay. */
function listPids(): number[] {
  const { stdout } = spawnSync('ps', ['-u', String(user), '-o', 'pid=,stat='], { encoding: 'utf8' })
  return [...stdout.matchAll(/^ *(\d+) [^Z]/gm)].map(match => Number(match[1]))
}
