import { writeFileSync } from 'node:fs'
import { IpcsupError } from '../../errors.js'
import type { Report } from '../../supervisor/controls.js'
import { describeWarning } from '../config.js'
import { createNotices } from '../notices.js'
import { supervise } from '../supervise.js'
import { type Call, type Outcome, readValue, sharedOptions, type Verb } from '../verb.js'

const policies = ['never', 'on-failure', 'always'] as const

export const run: Verb = {
  arguments: [['<line>', 'commands joined by |, with redirections, as in a shell']],
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
    for (const warning of warnings) notices.say(`warning: ${describeWarning(warning)}`)
    const { report, signal } = await supervise({ plan, key: { pid: process.pid }, names: [], display: null, notices })
    return finish(call, report, signal)
  },
}

function finish(call: Call, report: Report, signal: NodeJS.Signals | null): Outcome {
  const file = readValue(call, 'report')
  if (file !== undefined) writeReport(file, report)
  if (signal !== null) return { signal }
  return report.ok ? 0 : 1
}

function writeReport(file: string, report: Report): void {
  try {
    writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`)
  } catch (cause) {
    const { syscall, code } = cause as NodeJS.ErrnoException
    const detail = { what: `Writing the report ${file}`, call: syscall ?? 'write', errno: code ?? String(cause) }
    throw new IpcsupError('IPCSUP_ERR_SYSTEM', detail, { cause })
  }
}
