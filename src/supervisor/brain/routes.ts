/** Routes: what happens to the processes at one side of a link becomes a signal to those at the other. */
import type { Route } from '../../ipc/kind.js'
import type { Brain } from './brain.js'
import type { LinkRecord, ProcessRecord } from './records.js'
import type { Signals } from './signals.js'
import { isUp } from './transitions.js'

export class Routes {
  readonly #brain: Brain
  readonly #signals: Signals
  /** Links whose last call is still being sent; true: there was another one meanwhile. */
  readonly #calling = new Map<string, boolean>()

  constructor(brain: Brain, signals: Signals) {
    this.#brain = brain
    this.#signals = signals
  }

  /** An instance has ended. An end that the stop of the graph asked for is no news to anybody. */
  exited(record: ProcessRecord): void {
    if (!record.turned) this.#happened(record, 'exit')
  }

  ready(record: ProcessRecord): void {
    this.#happened(record, 'ready')
  }

  /**
   * Somebody wrote to the calling side. While one call is being sent all further ones are one: who writes without end
   * must not make the host scan for descendants without end, and the last call is always followed by a signal.
   */
  called(link: LinkRecord): void {
    const { name } = link.plan
    if (this.#calling.has(name)) return void this.#calling.set(name, true)
    this.#calling.set(name, false)
    this.raise(link, () => {
      const again = this.#calling.get(name)
      this.#calling.delete(name)
      if (again) this.called(link)
    })
  }

  /** @returns who gets the signal; `done` once all have it */
  raise({ plan }: LinkRecord, done: () => void): readonly string[] {
    const { to, signal } = plan.route!
    const processes = plan.uses.filter(use => use.side === to).map(use => this.#brain.record(use.process))
    const running = processes.filter(({ state }) => isUp(state))
    this.#signals.send(running, signal, done)
    return running.map(({ name }) => name)
  }

  #happened(record: ProcessRecord, event: Route['on']): void {
    for (const link of this.#brain.links.of(record.name)) {
      const { route, uses } = link.plan
      if (route?.on !== event) continue
      if (uses.some(use => use.process === record.name && use.side === route.from)) this.raise(link, () => {})
    }
  }
}
