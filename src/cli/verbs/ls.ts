import { listObjects, listRuns } from '../../supervisor/run/list.js'
import { describeObjectType } from '../show/objects.js'
import { type Cell, escapeControls, formatDuration, formatJson, formatTable, makePaint } from '../show/text.js'
import { readUptimes } from '../uptime.js'
import { type Call, sharedOptions, type Verb } from '../verb.js'

const states = {
  running: { text: 'running', style: 'green' },
  killed: { text: 'killed', style: 'red' },
} as const satisfies Record<string, Cell>

export const ls: Verb = {
  options: [{ flags: '--links', about: 'list the named objects of their links' }, sharedOptions.json],
  examples: [
    ['ipcsup ls', 'lists the supervisors that run, and those that were killed and left something'],
    [
      'ipcsup ls --links',
      'lists sockets, queues, shared memory and the like, and what killed supervisors left of them',
    ],
  ],
  async run(call) {
    const isDead = call.options.links === true ? printLinks(call) : printRuns(call)
    if (isDead && call.options.json !== true)
      call.err.write('Clean up after those that were killed with `ipcsup clean`.\n')
    return 0
  },
}

/** @returns whether there is one whose supervisor was killed */
function printRuns(call: Call): boolean {
  const runs = listRuns()
  if (call.options.json === true) call.out.write(formatJson(runs))
  else {
    const uptimesMs = readUptimes(runs.filter(run => run.alive).map(run => run.pid))
    const rows = runs.map(({ name, pid, alive, configPath, directory }): Cell[] => [
      { text: name },
      alive ? states.running : states.killed,
      { text: String(pid), align: 'right' },
      { text: formatDuration(uptimesMs.get(pid) ?? null), align: 'right' },
      { text: configPath ?? directory },
    ])
    call.out.write(formatTable(['name', 'state', 'pid', 'uptime', 'config'], rows, makePaint(call.out.color)))
  }
  return runs.some(run => !run.alive)
}

/** @returns whether there is one whose supervisor was killed */
function printLinks(call: Call): boolean {
  const objects = listObjects()
  if (call.options.json === true) call.out.write(formatJson(objects))
  else {
    const rows = objects.map(({ run, pid, alive, link, type, name }): Cell[] => [
      { text: run },
      alive ? states.running : states.killed,
      { text: String(pid), align: 'right' },
      { text: link },
      { text: describeObjectType({ type, name }) },
      { text: escapeControls(name) },
    ])
    call.out.write(formatTable(['run', 'state', 'pid', 'link', 'type', 'name'], rows, makePaint(call.out.color)))
  }
  return objects.some(object => !object.alive)
}
