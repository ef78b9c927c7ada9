import { setTimeout as delay } from 'node:timers/promises'

/** Waits until `check` is true (asked every few ms); fails, naming what was waited for, after `timeoutMs`. */
export async function until(what: string, check: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const endMs = performance.now() + timeoutMs
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`)
    await delay(5)
  }
}
