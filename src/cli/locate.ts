/**
 * Which running supervisor a verb is about.
 */
import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { controlSocket } from '../control/routes.js'
import { IpcsupError } from '../errors.js'
import type { Controls } from '../supervisor/controls.js'
import { listRuns, type RunEntry } from '../supervisor/run/list.js'
import { findConfigHere } from './config.js'
import { type Call, readValue, wrongUsage } from './verb.js'

export interface Located {
  readonly controls: Controls
  readonly run: RunEntry
}

/**
 * The supervisor of `--pid`, else of `--config`, else of the config of the current directory, else, where there is no
 * config, the only one that runs.
 *
 * @throws IPCSUP_ERR_NO_SUPERVISOR, IPCSUP_ERR_SEVERAL_SUPERVISORS
 */
export async function locateSupervisor(call: Call): Promise<Located> {
  const { run, where } = locate(call, listRuns())
  return connect(run, where)
}

/**
 * The same, but inside a supervised process its own supervisor comes before the current directory.
 *
 * @returns the run, what was looked for as a part of a sentence, and whether it is our own supervisor
 */
export function locateRun(call: Call): { run: RunEntry; where: string; isOwn: boolean } {
  const runs = listRuns()
  const isNamed = readValue(call, 'pid') !== undefined || readValue(call, 'config') !== undefined
  const own = isNamed ? undefined : runs.find(({ id, alive }) => alive && id === process.env['IPCSUP_RUN'])
  if (own === undefined) return { ...locate(call, runs), isOwn: false }
  return { run: own, where: `with pid ${own.pid}`, isOwn: true }
}

function locate(call: Call, runs: readonly RunEntry[]): { run: RunEntry; where: string } {
  const pid = readPid(call)
  return chooseRun(pid === undefined ? { configPath: findConfigOf(call) } : { pid }, runs)
}

/** @throws IPCSUP_ERR_USAGE */
function readPid(call: Call): string | undefined {
  const pid = readValue(call, 'pid')
  if (pid === undefined || /^[1-9]\d*$/.test(pid)) return pid
  throw wrongUsage(call, `--pid must be the pid of a supervisor, got "${pid}".`)
}

/** The running supervisor of `--config`, or of the config of the current directory; null: there is none. */
export async function findRunning(call: Call): Promise<Located | null> {
  const path = findConfigOf(call)
  const run = listRuns().find(row => row.alive && row.configPath === path)
  return path === null || run === undefined ? null : connect(run, `for ${path}`)
}

async function connect(run: RunEntry, where: string): Promise<Located> {
  refuseEmbedded(run, where)
  const { connectControls } = await import('../control/client.js')
  return { controls: connectControls(run.directory, where), run }
}

/** `ipcsup ls` has it: to say that it does not run would be no answer. */
function refuseEmbedded({ configPath, directory }: RunEntry, where: string): void {
  if (configPath !== null || existsSync(controlSocket(directory))) return
  throw new IpcsupError('IPCSUP_ERR_NO_SUPERVISOR', { where, mute: 'true' })
}

/** Which supervisor is wished for: the one with a pid, or that of a config; null: there is no config here. */
export type Wish = { readonly pid: string } | { readonly configPath: string | null }

/**
 * @returns the run, and what was looked for as a part of a sentence
 * @throws IPCSUP_ERR_NO_SUPERVISOR, IPCSUP_ERR_SEVERAL_SUPERVISORS
 */
export function chooseRun(wish: Wish, runs: readonly RunEntry[]): { run: RunEntry; where: string } {
  const living = runs.filter(run => run.alive)
  if ('pid' in wish) return take(`with pid ${wish.pid}`, living, run => String(run.pid) === wish.pid)
  const { configPath } = wish
  if (configPath !== null) return take(`for ${configPath}`, living, run => run.configPath === configPath)
  if (living.length > 1) {
    throw new IpcsupError('IPCSUP_ERR_SEVERAL_SUPERVISORS', { runs: living.map(describeRun).join(', ') })
  }
  return take('here', living, () => true)
}

function take(where: string, runs: readonly RunEntry[], isWanted: (run: RunEntry) => boolean) {
  const run = runs.find(isWanted)
  if (!run) throw new IpcsupError('IPCSUP_ERR_NO_SUPERVISOR', { where })
  return { run, where }
}

function describeRun({ name, pid, configPath }: RunEntry): string {
  return `${name} (pid ${pid}${configPath === null ? '' : `, ${configPath}`})`
}

/** Real path of the config that is meant; one that was removed meanwhile may still have its supervisor. */
function findConfigOf(call: Call): string | null {
  const given = readValue(call, 'config')
  if (given === undefined) return findConfigHere()
  const path = resolve(given)
  return existsSync(path) ? realpathSync(path) : path
}
