import { isUtf8 } from 'node:buffer'
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { IpcsupError } from '../../errors.js'
import type { Report } from '../../supervisor/controls.js'
import { describeWarning } from '../config.js'
import { createNotices } from '../notices.js'
import { supervise } from '../supervise.js'
import { type Call, type Outcome, readValue, sharedOptions, type Verb, wrongUsage } from '../verb.js'

const policies = ['never', 'on-failure', 'always'] as const

export const run: Verb = {
  arguments: [['<line>', 'commands joined by |, with redirections, as in a shell']],
  // The shell has split the line into words: what was quoted in it cannot be known any more.
  surplus: `The line must be one argument. Put it in quotes: ipcsup run '…'.`,
  options: [
    { flags: '--restart <policy>', about: 'when a stage that ended is restarted (default: never)', choices: policies },
    { flags: '--report <file>', about: 'write how every stage ended, as JSON' },
    sharedOptions.strict,
  ],
  examples: [
    [`ipcsup run 'sort < access.log | uniq -c > counts.txt'`, 'runs it as a shell would'],
    [`ipcsup run --restart on-failure 'tail -F a.log | ./parse'`, 'restarts a stage that fails, while the pipe stays'],
  ],
  async run(call) {
    refuseForeignBytes(call)
    const [{ parseRunLine }, { kinds }] = await Promise.all([
      import('../../config/run-line.js'),
      import('../../ipc/kinds/index.js'),
    ])
    const strict = call.options.strict === true
    const restart = (readValue(call, 'restart') ?? 'never') as (typeof policies)[number]
    const { plan, warnings } = parseRunLine(call.arguments[0]!, { kinds, cwd: process.cwd(), restart, strict })
    // A shell says nothing of stages that start and end well; what it would say, and what it cannot do, is said.
    const notices = createNotices(
      lines => call.err.write(lines),
      change => change.note !== null || change.to === 'delayed' || change.generation > 1,
    )
    const file = openReport(call)
    for (const warning of warnings) notices.say(`warning: ${describeWarning(warning)}`)
    const { report, signal } = await supervise({ plan, key: { pid: process.pid }, names: [], display: null, notices })
    return finish(call, report, file, signal)
  },
}

/** Node reads arguments as UTF-8 and puts U+FFFD for the rest: the stages would get other bytes, or name other files. */
function refuseForeignBytes(call: Call): void {
  if (!call.arguments[0]!.includes('\ufffd') || isUtf8(readFileSync('/proc/self/cmdline'))) return
  throw wrongUsage(call, 'The line has bytes that are no UTF-8, which ipcsup cannot pass on. Put it in a script.')
}

function finish(call: Call, report: Report, file: number | null, signal: NodeJS.Signals | null): Outcome {
  if (file !== null) useReport(call, () => writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`))
  if (signal !== null) return { signal }
  return report.ok ? 0 : 1
}

/** Opened before anything runs: hours of work must not end with a report that cannot be written. */
function openReport(call: Call): number | null {
  const file = readValue(call, 'report')
  return file === undefined ? null : useReport(call, () => openSync(file, 'w'))
}

function useReport<Result>(call: Call, use: () => Result): Result {
  try {
    return use()
  } catch (cause) {
    const { syscall, code } = cause as NodeJS.ErrnoException
    const what = `Writing the report ${readValue(call, 'report')}`
    const detail = { what, call: syscall ?? 'write', errno: code ?? String(cause) }
    throw new IpcsupError('IPCSUP_ERR_SYSTEM', detail, { cause })
  }
}
