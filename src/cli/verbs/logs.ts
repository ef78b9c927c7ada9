import { existsSync, watch } from 'node:fs'
import { controlSocket } from '../../control/routes.js'
import { IpcsupError } from '../../errors.js'
import type { LogFile } from '../../supervisor/controls.js'
import { createLinePrinter } from '../../supervisor/logs/format.js'
import { findLogDirectory, listLogFiles } from '../../supervisor/logs/places.js'
import { followLogs, readLogTail } from '../../supervisor/logs/read.js'
import { membersOf } from '../../supervisor/names.js'
import { nameRunDirectory } from '../../supervisor/run/name.js'
import { findConfigHere, loadPlan } from '../config.js'
import { locateSupervisor } from '../locate.js'
import { formatJson } from '../show/text.js'
import { type Call, readValue, sharedOptions, type Verb } from '../verb.js'

export const logs: Verb = {
  arguments: [['[name...]', 'processes whose logs are shown (default: all)']],
  options: [
    sharedOptions.config,
    sharedOptions.pid,
    { flags: '-f, --follow', about: 'go on with what is logged from now on, until the supervisor ends' },
    { flags: '-n, --lines <count>', about: 'lines of each file to begin with (default: 10)' },
    { flags: '--json', about: 'print where the files are, as JSON' },
  ],
  examples: [
    ['ipcsup logs -f web', 'shows the last lines of web, and what it logs from now on'],
    ['ipcsup logs -n 1000 | grep -i error', 'searches the last thousand lines of each log'],
  ],
  async run(call) {
    const lines = readCount(call)
    const { all, runDirectory } = await findLogs(call)
    const files = choose(all, call.arguments)
    if (call.options.json === true) {
      call.out.write(formatJson(files))
      return 0
    }
    const { color, isTerminal } = call.out
    const printer = createLinePrinter({ color, isTerminal, names: files.map(file => file.process) })
    const ended = new AbortController()
    const print = (file: LogFile, chunk: Buffer) => {
      const shown = printer.print(file.process, file.stream, chunk)
      if (shown.length > 0) call.out.write(shown)
      // `| head` has enough: following for nobody would go on as long as the supervisor does.
      if (call.out.isLost) ended.abort()
    }
    const tails = await readLogTail(files, lines)
    for (const { file, bytes } of tails) print(file, bytes)
    if (call.options.follow === true && runDirectory !== null) {
      abortAtEnd(runDirectory, ended)
      await followLogs(files, print, ended.signal, { from: tails })
    }
    call.out.write(printer.end())
    return 0
  },
}

/** Those of the running supervisor; else what the last run of the config left, with `runDirectory` null. */
async function findLogs(call: Call): Promise<{ all: readonly LogFile[]; runDirectory: string | null }> {
  try {
    const { controls, run } = await locateSupervisor(call)
    return { all: await controls.logFiles(), runDirectory: run.directory }
  } catch (error) {
    if (!(error instanceof IpcsupError) || error.code !== 'IPCSUP_ERR_NO_SUPERVISOR') throw error
    const all = readValue(call, 'pid') === undefined ? await listLeftLogs(call) : []
    if (!all.some(({ path }) => existsSync(path))) throw error
    call.err.write('ipcsup: no supervisor is running; this was logged before\n')
    return { all, runDirectory: null }
  }
}

/** Only of a config: a run without one has another name each time. */
async function listLeftLogs(call: Call): Promise<readonly LogFile[]> {
  if (readValue(call, 'config') === undefined && findConfigHere() === null) return []
  const { plan } = await loadPlan(call)
  if (plan.configPath === null) return []
  return listLogFiles(plan, findLogDirectory(plan, nameRunDirectory({ configPath: plan.configPath })))
}

/** Aborts when the supervisor is gone; what it logged last has been read by then. */
function abortAtEnd(directory: string, ended: AbortController): void {
  const look = () => {
    if (existsSync(controlSocket(directory))) return
    // One inotify descriptor has all events in order, so the reader was woken for the last lines before this: it gets its turn.
    setImmediate(() => ended.abort())
  }
  const watcher = existsSync(directory) ? watch(directory, look) : null
  ended.signal.addEventListener('abort', () => watcher?.close())
  look()
}

function readCount(call: Call): number {
  const given = readValue(call, 'lines') ?? '10'
  if (/^\d{1,9}$/.test(given)) return Number(given)
  const what = `--lines must be a number of lines, got "${given}".`
  throw new IpcsupError('IPCSUP_ERR_USAGE', { what, verb: 'logs' })
}

function choose(files: readonly LogFile[], names: readonly string[]): readonly LogFile[] {
  const known = [...new Set(files.map(file => file.process))]
  const unknown = names.find(name => membersOf(name, known).length === 0)
  if (unknown !== undefined) {
    const what = `There is no log of "${unknown}". Processes with logs: ${known.join(', ') || 'none'}.`
    throw new IpcsupError('IPCSUP_ERR_USAGE', { what, verb: 'logs' })
  }
  const chosen = new Set(names.flatMap(name => membersOf(name, known)))
  return names.length === 0 ? files : files.filter(file => chosen.has(file.process))
}
