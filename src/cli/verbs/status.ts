import { locateSupervisor } from '../locate.js'
import { formatStatus } from '../show/status.js'
import { formatJson, makePaint } from '../show/text.js'
import { readUptimes } from '../uptime.js'
import { sharedOptions, type Verb } from '../verb.js'

export const status: Verb = {
  options: [sharedOptions.config, sharedOptions.pid, sharedOptions.json],
  examples: [
    ['ipcsup status', 'shows processes and links of the supervisor of this directory'],
    ['ipcsup status --json', 'has the rows of the report, and the bytes queued in every link'],
  ],
  async run(call) {
    const { controls } = await locateSupervisor(call)
    const current = await controls.status()
    if (call.options.json === true) call.out.write(formatJson(current))
    else {
      const pids = current.processes.flatMap(({ pid }) => (pid === null ? [] : [pid]))
      call.out.write(formatStatus(current, readUptimes(pids), makePaint(call.out.color)))
    }
    return 0
  },
}
