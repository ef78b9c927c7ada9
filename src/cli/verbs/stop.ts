import type { Controls } from '../../supervisor/controls.js'
import { findLeft } from '../../supervisor/run/list.js'
import { waitForExits } from '../../supervisor/run/processes.js'
import { locateSupervisor } from '../locate.js'
import { describeReport } from '../notices.js'
import { waitForStop } from '../patience.js'
import { formatJson } from '../show/text.js'
import { type Call, type Outcome, sharedOptions, type Verb, wrongUsage } from '../verb.js'

/** From its last answer on, a supervisor has nothing to do but to remove its directory. */
const exitTimeoutMs = 30_000

export const stop: Verb = {
  arguments: [['[name...]', 'processes to stop (default: drain the graph and end the supervisor)']],
  options: [
    sharedOptions.config,
    sharedOptions.pid,
    { flags: '--end', about: 'with names: for good, so that their links are closed' },
    { flags: '--now', about: 'without names: do not drain, stop all at once' },
    { flags: '--json', about: 'without names: print the report as JSON' },
  ],
  examples: [
    ['ipcsup stop', 'drains the graph in the direction of the data, and ends the supervisor'],
    ['ipcsup stop parse', 'stops parse; its links stay as they are, and `ipcsup start parse` goes on with them'],
    ['ipcsup stop --end parse', 'ends parse: its readers see the end of their input'],
  ],
  async run(call) {
    refuseContradictions(call)
    const { controls, run } = await locateSupervisor(call)
    const end = call.options.end === true
    if (call.arguments.length > 0) {
      await controls.stopProcesses(call.arguments, { end })
      return 0
    }
    const now = call.options.now === true
    const report = await waitForStop(controls.stop({ now }), {
      status: () => controls.status(),
      say: line => call.err.write(`${line}\n`),
      advice: now ? '' : ' `ipcsup stop --now` stops all at once, without draining.',
    })
    await waitForExits([run.pid], exitTimeoutMs)
    const outcome = printReport(call, run.name, report)
    const left = findLeft(run)
    if (left !== null) throw left
    return outcome
  },
}

/** What would be passed over in silence; said whether or not a supervisor runs. */
function refuseContradictions(call: Call): void {
  const hasNames = call.arguments.length > 0
  if (call.options.end === true && !hasNames) throw wrongUsage(call, '--end needs the names of processes.')
  for (const option of ['now', 'json']) {
    if (call.options[option] === true && hasNames)
      throw wrongUsage(call, `--${option} is for the stop of everything, without names.`)
  }
}

function printReport(call: Call, name: string, report: Awaited<ReturnType<Controls['stop']>>): Outcome {
  if (call.options.json === true) call.out.write(formatJson(report))
  else call.out.write(`${describeReport(name, report)}\n`)
  return report.ok ? 0 : 1
}
