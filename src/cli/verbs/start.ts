import { reserveDescriptors } from '../../platform/index.js'
import type { ShowingSupervisor } from '../../supervisor/create.js'
import { describeWarning, loadPlan } from '../config.js'
import { createNotices, describeReport } from '../notices.js'
import { goToSamePlace } from '../output.js'
import { supervise } from '../supervise.js'
import { type Call, type Outcome, readValue, sharedOptions, type Verb } from '../verb.js'

// Those of 1,600 processes with logs; 64 KiB of the kernel's memory.
const usualMost = 8192

export const start: Verb = {
  arguments: [['[name...]', 'processes to start, with their needs (default: all)']],
  options: [
    sharedOptions.config,
    { flags: '-d, --detach', about: 'go into the background once the processes are started' },
    sharedOptions.strict,
    { flags: '--background-of <pid>', about: 'the process that is told over descriptor 3', hidden: true },
  ],
  examples: [
    ['ipcsup start', 'starts everything in the config of this directory, and shows the logs'],
    ['ipcsup start --detach web', 'starts web and what it needs in the background'],
  ],
  async run(call) {
    if (call.arguments.length > 0 && (await startInRunning(call))) return 0
    if (call.options.detach === true) return (await import('../detach.js')).startDetached(call)
    if (!isBackground(call)) return startHere(call, () => {})
    return (await import('../detach.js')).reportToParent(call, startHere)
  },
}

/** Names of a config whose supervisor runs already are for that one: it goes on with the same links. */
async function startInRunning(call: Call): Promise<boolean> {
  const { findRunning } = await import('../locate.js')
  const located = await findRunning(call)
  if (located === null) return false
  await located.controls.startProcesses(call.arguments)
  call.err.write(
    `ipcsup: asked the running supervisor (pid ${located.run.pid}) to start ${call.arguments.join(', ')}\n`,
  )
  return true
}

/** @param onUp - called once every process without needs was spawned */
async function startHere(call: Call, onUp: () => void): Promise<Outcome> {
  // Before all else, so that it is over when the first process is started.
  void reserveDescriptors(usualMost)
  const { plan, warnings } = await loadPlan(call)
  let write = (lines: string) => call.err.write(lines)
  const notices = createNotices(
    lines => write(lines),
    () => true,
  )
  for (const warning of warnings) notices.say(`warning: ${describeWarning(warning)}`)
  const { report, isGone } = await supervise({
    plan,
    key: plan.configPath === null ? { pid: process.pid } : { configPath: plan.configPath },
    names: call.arguments,
    display: isBackground(call) ? null : { descriptor: call.out.descriptor, color: call.out.color },
    notices,
    onUp,
    onCreated(supervisor) {
      if (!isBackground(call) && goToSamePlace(call.out, call.err))
        write = lines => void showOrWrite(supervisor, call, lines)
    },
  })
  call.err.write(`ipcsup: ${describeReport(plan.name, report)}\n`)
  if (!isGone) return 4
  return report.ok ? 0 : 1
}

/** Between the lines of the logs, not through them; by ourselves where no logs are shown. */
async function showOrWrite(supervisor: ShowingSupervisor, { err }: Call, lines: string): Promise<void> {
  if (!(await supervisor.show(lines))) err.write(lines)
}

function isBackground(call: Call): boolean {
  return readValue(call, 'backgroundOf') !== undefined
}
