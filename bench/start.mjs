/** What the rows about starting share. */
import { bringUp } from './harness.mjs'

export const aboutStart =
  'From the command to the last stamp: each child writes the time when it starts. Cold: nothing runs before.'

/** Name → function that starts so many children under that supervisor, ends them, and gives the time in ms. */
export function startSubjects(supervisors, count, workshop) {
  const there = supervisors.filter(supervisor => supervisor.isThere())
  return Object.fromEntries(there.map(supervisor => [supervisor.name, () => measureUp(supervisor, count, workshop)]))
}

export async function measureUp(supervisor, count, workshop) {
  const { upMs, stop } = await bringUp(supervisor, count, workshop)
  await stop()
  return upMs
}
