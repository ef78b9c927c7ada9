import { bringUp, countStamps, readStamps, sleep, waitFor } from '../harness.mjs'
import { supervisors } from '../supervisors.mjs'
import { atMost } from '../verdict.mjs'

/** One child after another is killed, in turns among the supervisors, which all run at the same time and are idle. */
export const restart = {
  title: 'SIGKILL → next incarnation',
  unit: 'ms',
  about:
    'From before the kill to the stamp of the next incarnation. All supervisors run side by side; each child is killed ' +
    'once, after more than 2 s of life, which no supervisor takes for a crash loop.',
  async measure({ alternate, workshop, quick }) {
    const count = quick ? 10 : 50
    const there = Object.values(supervisors).filter(supervisor => supervisor.isThere())
    const running = {}
    try {
      for (const supervisor of there) running[supervisor.name] = await bringUp(supervisor, count, workshop)
      // runit delays the restart of a service that lived less than a second, supervisord calls it a failed start.
      await sleep(2_500)
      const victims = Object.fromEntries(
        Object.entries(running).map(([name, { stamps }]) => [name, readStamps(stamps).map(({ pid }) => pid)]),
      )
      const subjects = Object.fromEntries(
        Object.entries(running).map(([name, { stamps }]) => [
          name,
          at => measureRestart(victims[name][at], stamps, name),
        ]),
      )
      return await alternate(subjects, count)
    } finally {
      for (const { stop } of Object.values(running)) await stop()
    }
  },
  judge: medians => [atMost('runit', medians, 1), atMost('pm2-runtime', medians, 0.5)],
}

async function measureRestart(pid, stamps, name) {
  const before = countStamps(stamps)
  const killedAtNs = process.hrtime.bigint()
  process.kill(pid, 'SIGKILL')
  await waitFor(`the next incarnation under ${name}`, () => countStamps(stamps) > before)
  return Number(readStamps(stamps)[before].ns - killedAtNs) / 1e6
}
