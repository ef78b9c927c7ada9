import type { LinkStatus, Status } from '../../supervisor/controls.js'
import { chooseNames } from '../../supervisor/lookup.js'
import { locateSupervisor } from '../locate.js'
import { formatStatus } from '../show/status.js'
import { formatJson, makePaint } from '../show/text.js'
import { readUptimes } from '../uptime.js'
import { sharedOptions, type Verb } from '../verb.js'

export const status: Verb = {
  arguments: [['[name...]', 'processes to show, with the links that they use (default: all)']],
  options: [sharedOptions.config, sharedOptions.pid, sharedOptions.json],
  examples: [
    ['ipcsup status', 'shows processes and links of the supervisor of this directory'],
    ['ipcsup status work', 'shows work, or all replicas or stages of it, and their links'],
    ['ipcsup status --json', 'has the rows of the report, and the bytes queued in every link'],
  ],
  async run(call) {
    const { controls } = await locateSupervisor(call)
    const current = select(await controls.status(), call.arguments)
    if (call.options.json === true) call.out.write(formatJson(current))
    else {
      const pids = current.processes.flatMap(({ pid }) => (pid === null ? [] : [pid]))
      call.out.write(formatStatus(current, readUptimes(pids), makePaint(call.out.color)))
    }
    return 0
  },
}

/** Throws IPCSUP_ERR_UNKNOWN_PROCESS. */
function select(status: Status, names: readonly string[]): Status {
  if (names.length === 0) return status
  const known = status.processes.map(row => row.name)
  const chosen = new Set(chooseNames(names, known))
  const isUsed = ({ sides }: LinkStatus) =>
    Object.values(sides).some(({ processes }) => processes.some(name => chosen.has(name)))
  return {
    ...status,
    processes: status.processes.filter(row => chosen.has(row.name)),
    links: status.links.filter(isUsed),
  }
}
