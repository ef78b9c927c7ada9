import { bringUp, listOwnProcesses, readOrEmpty, sleep } from '../harness.mjs'
import { ipcsup, supervisors } from '../supervisors.mjs'
import { atMost, atMostFixed } from '../verdict.mjs'

const children = 100
const moreChildren = 500

/** What belongs to the supervisor's own processes alone; the children are not counted. */
export const memory = {
  title: 'Private memory with 100 children',
  unit: 'MiB',
  about:
    `USS (Private_Clean + Private_Dirty) of all processes of the supervisor, 2 s after the last child is up. ` +
    `A further child: the difference between ${children} and ${moreChildren} children.`,
  async measure({ alternate, runs, workshop }) {
    const there = Object.values(supervisors).filter(supervisor => supervisor.isThere())
    const subjects = there.map(supervisor => [supervisor.name, () => measurePrivate(supervisor, children, workshop)])
    subjects.push([`ipcsup, ${moreChildren}`, () => measurePrivate(ipcsup, moreChildren, workshop)])
    return alternate(Object.fromEntries(subjects), runs)
  },
  judge(medians) {
    const furtherKiB = ((medians[`ipcsup, ${moreChildren}`] - medians.ipcsup) * 1024) / (moreChildren - children)
    return [atMost('pm2-runtime', medians, 1), atMostFixed('each further child', furtherKiB, 25, 'KiB')]
  },
}

async function measurePrivate(supervisor, count, workshop) {
  const { pid, stop } = await bringUp(supervisor, count, workshop)
  await sleep(2_000)
  const kibibytes = listOwnProcesses(pid, workshop.child).map(readPrivateKiB)
  await stop()
  return kibibytes.reduce((sum, each) => sum + each, 0) / 1024
}

function readPrivateKiB(pid) {
  const rows = [...readOrEmpty(`/proc/${pid}/smaps_rollup`).matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm)]
  return rows.reduce((sum, [, kibibytes]) => sum + Number(kibibytes), 0)
}
