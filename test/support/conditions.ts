import { setTimeout as delay } from 'node:timers/promises'

/** Waits until `check` is true (asked every few ms); fails, naming what was waited for, after `timeoutMs`. */
export async function until(what: string, check: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const endMs = performance.now() + timeoutMs
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`)
    await delay(5)
  }
}

/** A figure, once it is the same in 20 looks with a few ms in between. */
export async function settle(look: () => number | Promise<number>): Promise<number> {
  let last = await look()
  let same = 0
  await until('it stays the same', async () => {
    const now = await look()
    same = now === last ? same + 1 : 0
    last = now
    return same === 20
  })
  return last
}
