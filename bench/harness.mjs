/** What all rows share: temporary folders, the stamping child, alternation, medians, processes ended by their id. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const benchFolder = fileURLToPath(new URL('.', import.meta.url))
export const peersFolder = join(benchFolder, 'peers')
export const program = join(benchFolder, '../bin/ipcsup')

const lineBytes = 32

/** Among the fields of /proc/PID/stat that follow the name of the command. */
const startTimeField = 19

/** A folder for one invocation of the benchmark, with the compiled child in it; `remove` when done. */
export function openWorkshop() {
  const folder = mkdtempSync(join(tmpdir(), 'ipcsup-bench-'))
  const child = join(folder, 'child')
  execFileSync('gcc', ['-O2', '-o', child, join(benchFolder, 'child.c')])
  let made = 0
  return {
    child,
    makeFolder() {
      made += 1
      const path = join(folder, String(made))
      mkdirSync(path)
      return path
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/**
 * Measures subjects in turns: the first run of each, then the second of each, … so that what else the machine does hits all
 * of them alike.
 *
 * @param subjects name → function that resolves with one figure, or a record of some
 * @returns name → figures, in the order of the runs
 */
export async function alternate(subjects, runs) {
  const figures = Object.fromEntries(Object.keys(subjects).map(name => [name, []]))
  for (let run = 0; run < runs; run++) {
    for (const [name, measure] of Object.entries(subjects)) figures[name].push(await measure(run))
  }
  return figures
}

/** Median, smallest and largest of some figures. Of records of figures: the median of each. */
export function summarise(figures) {
  if (typeof figures[0] === 'object') {
    const medians = Object.keys(figures[0]).map(key => [key, summarise(figures.map(each => each[key])).median])
    return { median: Object.fromEntries(medians), runs: figures.length }
  }
  const sorted = [...figures].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const median = sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, min: sorted[0], max: sorted.at(-1), runs: sorted.length }
}

/**
 * Starts `count` children under a supervisor and resolves when each has stamped its start.
 *
 * @returns how long that took from before the supervisor was spawned, ms; its pid; where the stamps are; `stop`
 */
export async function bringUp(supervisor, count, workshop, options = {}) {
  const folder = workshop.makeFolder()
  const stamps = join(folder, 'stamps')
  const { command, env, stopSignal } = supervisor.prepare({ folder, count, argv: [workshop.child, stamps], ...options })
  const startedAtNs = process.hrtime.bigint()
  const process_ = spawn(command[0], command.slice(1), {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: 'ignore',
    detached: true,
  })
  const ended = new Promise(resolve => process_.once('exit', resolve))
  const stop = () => stopSupervisor({ pid: process_.pid, ended, stopSignal, stamps, child: workshop.child, folder })
  try {
    await waitFor(
      `${count} children of ${supervisor.name}`,
      () => countStamps(stamps) >= count,
      120_000,
      () => process_.exitCode,
    )
  } catch (error) {
    await stop()
    throw error
  }
  const last = readStamps(stamps).at(-1).ns
  return { upMs: Number(last - startedAtNs) / 1e6, pid: process_.pid, stamps, stop }
}

/** `{ pid, ns }` of every start so far, in the order of the file. */
export function readStamps(file) {
  const lines = readFileSync(file, 'latin1').trimEnd().split('\n')
  return lines.map(line => line.trim().split(/ +/)).map(([pid, ns]) => ({ pid: Number(pid), ns: BigInt(ns) }))
}

/** How many children have stamped. */
export function countStamps(file) {
  return Math.floor((statSync(file, { throwIfNoEntry: false })?.size ?? 0) / lineBytes)
}

/** Looks every 2 ms, which costs less than 1 % of a core. */
export async function waitFor(what, condition, limitMs = 30_000, failure = () => null) {
  const endMs = Date.now() + limitMs
  while (!condition()) {
    if (failure() !== null) throw new Error(`waiting for ${what}: the supervisor ended with status ${failure()}`)
    if (Date.now() > endMs) throw new Error(`${what}: not within ${limitMs} ms`)
    await sleep(2)
  }
}

export function sleep(ms) {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/** Processes of a supervisor: itself and its descendants, without the children that it was asked to run. */
export function listOwnProcesses(pid, child) {
  const parents = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(name => [Number(name), readParent(name)])
  const family = new Set([pid])
  for (let before = 0; before !== family.size; ) {
    before = family.size
    for (const [member, parent] of parents) if (family.has(parent)) family.add(member)
  }
  return [...family].filter(member => !isChild(member, child))
}

function readParent(pid) {
  return Number(readStat(pid)[1])
}

/** Fields of /proc/PID/stat after the name of the command: state, parent, … Zombies and the gone have none. */
function readStat(pid) {
  const stat = readOrEmpty(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' ? [] : fields
}

function isChild(pid, child) {
  return readOrEmpty(`/proc/${pid}/cmdline`).split('\0')[0] === child
}

/** Text of a file of /proc; empty when the process is gone. */
export function readOrEmpty(path) {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // It ended meanwhile.
    return ''
  }
}

/** Asks the supervisor to end; what is left after 10 s is killed: each process by its id, and only if it is ours. */
async function stopSupervisor({ pid, ended, stopSignal, stamps, child, folder }) {
  const own = listOwnProcesses(pid, child).map(each => [each, readStat(each)[startTimeField]])
  signal(pid, stopSignal)
  await Promise.race([ended, sleep(10_000)])
  const children = existsSync(stamps) ? readStamps(stamps).map(stamp => stamp.pid) : []
  // A pid alone may be somebody else's by now: they come round quickly here.
  const isSame = ([each, startTime]) => readStat(each)[startTimeField] === startTime
  const isLeft = () => [...children.filter(each => isChild(each, child)), ...own.filter(isSame).map(([each]) => each)]
  const endMs = Date.now() + 3_000
  while (isLeft().length > 0 && Date.now() < endMs) await sleep(10)
  for (const each of isLeft()) signal(each, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
}

function signal(pid, name) {
  try {
    process.kill(pid, name)
  } catch {
    // It ended by itself.
  }
}
