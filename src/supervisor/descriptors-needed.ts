import type { Plan, PlannedLink, PlannedProcess } from '../config/plan.js'

// Node's own, the control socket and its clients, the ledger, locks, the log worker.
const base = 64
// The pidfd; and while somebody asks for the status, its file in /proc.
const perProcess = 2
// A pipe: both ends until the process has its own; and the file of it.
const perLogStream = 3
// What a spawn opens besides the ends it hands out: the error pipe, /dev/null, a FIFO's helper.
const perSpawn = 8

/**
 * How many descriptors the supervisor of `plan` can have at once: an upper bound, compared with the limit before
 * anything is made. A hold for each side of each link, what each process costs while it lives, and what the most
 * expensive spawn opens for a moment (spawns come one after the other). At least what a number that `fd` asks for takes.
 */
export function descriptorsNeeded(plan: Plan): number {
  const links = Object.values(plan.links).reduce((sum, link) => sum + countHeld(link), 0)
  const processes = Object.values(plan.processes)
  const lives = processes.reduce((sum, process) => sum + perProcess + perLogStream * countLogs(process), 0)
  const spawn = processes.reduce((most, process) => Math.max(most, countOpened(process)), 0)
  return Math.max(base + links + lives, findHighest(processes) + 1) + perSpawn + spawn
}

/** Where each use counts for itself there is something for each, and for the programs outside at either side. */
function countHeld({ sides, uses, tracksUses }: PlannedLink): number {
  const count = Object.keys(sides).length
  return tracksUses ? 2 * count + uses.length : count
}

/** A spawn moves its ends above the highest number that the process gets. */
function findHighest(processes: readonly PlannedProcess[]): number {
  return processes.flatMap(({ handles }) => handles).reduce((highest, { fd }) => Math.max(highest, fd ?? 0), 0)
}

function countLogs({ redirections }: PlannedProcess): number {
  return redirections.filter(({ to }) => to.type === 'log').length
}

function countOpened({ redirections, handles }: PlannedProcess): number {
  return redirections.length + handles.length
}
