import { readdirSync } from 'node:fs'
import { bringUp, listOwnProcesses, readOrEmpty, sleep } from '../harness.mjs'
import { supervisors } from '../supervisors.mjs'
import { atMostFixed } from '../verdict.mjs'

// V8 collects garbage once more some 8 to 18 s after a program became quiet; that is no cost of being idle.
const settleMs = 25_000
const windowMs = 10_000

/** A supervisor with nothing to do should not wake the machine. */
export const idle = {
  title: 'Idle: context switches in 10 s',
  unit: 'switches',
  about:
    'Of all threads of all processes of the supervisor, with 100 children, from 25 s after the last is up. All run side ' +
    'by side and are looked at in the same windows.',
  async measure({ runs, workshop }) {
    const there = Object.values(supervisors).filter(supervisor => supervisor.isThere())
    const running = []
    try {
      for (const supervisor of there) running.push([supervisor.name, await bringUp(supervisor, 100, workshop)])
      await sleep(settleMs)
      const members = running.map(([name, { pid }]) => [name, listOwnProcesses(pid, workshop.child)])
      const figures = Object.fromEntries(members.map(([name]) => [name, []]))
      for (let run = 0; run < runs; run++) {
        const before = members.map(([, pids]) => countSwitches(pids))
        await sleep(windowMs)
        for (const [at, [name, pids]] of members.entries()) figures[name].push(countSwitches(pids) - before[at])
      }
      return figures
    } finally {
      for (const [, { stop }] of running) await stop()
    }
  },
  judge: medians => [atMostFixed('all threads in 10 s', medians.ipcsup, 5, 'switches')],
}

/** Voluntary and involuntary. */
function countSwitches(pids) {
  const threads = pids.flatMap(pid => readdirSync(`/proc/${pid}/task`).map(id => `/proc/${pid}/task/${id}/status`))
  return threads.reduce((sum, file) => {
    const rows = [...readOrEmpty(file).matchAll(/voluntary_ctxt_switches:\s+(\d+)/g)]
    return sum + rows.reduce((all, [, count]) => all + Number(count), 0)
  }, 0)
}
