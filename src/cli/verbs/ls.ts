import { listRuns } from '../../supervisor/run/list.js'
import { formatDuration, formatJson, formatTable, makePaint } from '../show/text.js'
import { readUptimes } from '../uptime.js'
import { sharedOptions, type Verb } from '../verb.js'

export const ls: Verb = {
  options: [sharedOptions.json],
  examples: [['ipcsup ls', 'lists the supervisors that run, and those that were killed and left something']],
  async run(call) {
    const runs = listRuns()
    if (call.options.json === true) {
      call.out.write(formatJson(runs))
      return 0
    }
    const uptimesMs = readUptimes(runs.filter(run => run.alive).map(run => run.pid))
    const rows = runs.map(({ name, pid, alive, configPath, directory }) => [
      { text: name },
      alive ? ({ text: 'running', style: 'green' } as const) : ({ text: 'killed', style: 'red' } as const),
      { text: String(pid), align: 'right' } as const,
      { text: formatDuration(uptimesMs.get(pid) ?? null), align: 'right' } as const,
      { text: configPath ?? directory },
    ])
    call.out.write(formatTable(['name', 'state', 'pid', 'uptime', 'config'], rows, makePaint(call.out.color)))
    if (runs.some(run => !run.alive)) call.err.write('Clean up after those that were killed with `ipcsup clean`.\n')
    return 0
  },
}
