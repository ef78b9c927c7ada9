/** Signals by hand and by routes: to whom they go, and when the host has sent them all. */
import type { Brain } from './brain.js'
import type { ProcessRecord } from './records.js'

export class Signals {
  readonly #brain: Brain
  /** What waits for the answer to a signal, by the id of the call. */
  readonly #whenSent = new Map<number, () => void>()

  constructor(brain: Brain) {
    this.#brain = brain
  }

  /** To the groups of those that have an instance; `done` once the host has sent them all. */
  send(records: readonly ProcessRecord[], signal: string, done: () => void): void {
    const live = records.filter(record => record.instance?.spawned)
    let waitsFor = live.length
    if (waitsFor === 0) done()
    for (const { name, generation } of live)
      this.#whenSent.set(this.#brain.send({ type: 'signal', process: name, generation, signal }), () => {
        waitsFor -= 1
        if (waitsFor === 0) done()
      })
  }

  answered(id: number): void {
    this.#whenSent.get(id)?.()
    this.#whenSent.delete(id)
  }
}
