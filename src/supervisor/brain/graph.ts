/** Beginning and end of the whole: links in order, processes, the drain, links in reverse. */
import type { ErrorData } from '../../errors.js'
import type { Brain } from './brain.js'
import type { Consequences } from './consequences.js'
import { Drain } from './drain.js'
import type { Machine } from './machine.js'
import type { LinkRecord } from './records.js'
import { isUp } from './transitions.js'

export class Graph {
  readonly #brain: Brain
  readonly #machine: Machine
  readonly #consequences: Consequences
  #wanted: readonly string[] = []
  #startError: ErrorData | null = null
  /** Links in the order of their making, and those of them that were made: they go in reverse. */
  #order: readonly LinkRecord[] = []
  readonly #made: LinkRecord[] = []
  readonly #deferred: (() => void)[] = []

  constructor(brain: Brain, machine: Machine, consequences: Consequences) {
    this.#brain = brain
    this.#machine = machine
    this.#consequences = consequences
  }

  /** Makes all links, then starts the wanted processes. */
  open(wanted: readonly string[]): void {
    this.#brain.phase = 'opening'
    this.#wanted = wanted
    this.#order = [...this.#brain.links.records.values()]
    this.linkOpened(null)
  }

  /** A command that comes while the links are being made waits for them. */
  whenOpen(job: () => void): void {
    if (this.#brain.phase === 'opening') this.#deferred.push(job)
    else this.#brain.run(job)
  }

  /** The next link in order, or the processes once all links exist; after a failure, the way back. */
  linkOpened(link: LinkRecord | null): void {
    if (link?.error) {
      this.#startError = link.error
      this.#runDeferred()
      return this.beginClosing()
    }
    if (link) this.#made.push(link)
    const next = this.#order[this.#made.length]
    if (next) this.#brain.links.open(next)
    else this.#begin()
  }

  #begin(): void {
    this.#brain.phase = 'running'
    const isStopped = this.#brain.stopAsked !== null
    if (!isStopped) for (const name of this.#wanted) this.#machine.dispatch(this.#brain.record(name), 'start')
    // Not before: whoever waits for the start looks at which processes are wanted.
    this.#brain.listener.linksOpen()
    if (isStopped) this.beginDrain()
    this.#runDeferred()
  }

  /** After what led here; each job looks itself whether there is still something to do. */
  #runDeferred(): void {
    for (const job of this.#deferred) this.#brain.run(job)
  }

  beginDrain(): void {
    this.#brain.phase = 'draining'
    this.#brain.drain = new Drain(
      this.#brain.plan,
      name => this.#brain.isOver(this.#brain.record(name)),
      members => this.#giveTurn(members),
    )
    // Turns first: who has its turn already must not be started once more.
    this.#brain.drain.advance()
    for (const record of this.#brain.processes.values())
      if (record.state === 'delayed' && !this.#brain.resets.isMember(record)) this.#machine.dispatch(record, 'due')
    for (const link of this.#brain.links.records.values()) this.#brain.linksToReview.add(link)
    if (this.#brain.stopAsked !== 'drain') this.hasten()
  }

  /** A stop that does not wait for the data. */
  hasten(): void {
    if (this.#brain.stopAsked === 'drain') return
    for (const link of this.#brain.links.records.values()) this.#brain.linksToReview.add(link)
    for (const record of this.#brain.processes.values()) {
      record.turned = true
      this.#machine.dispatch(record, 'turn')
      const alive = record.instance?.spawned || record.leftovers.length > 0
      if (this.#brain.stopAsked === 'kill' && record.state === 'stopping' && alive) this.#machine.kill(record)
    }
  }

  #giveTurn(members: readonly string[]): void {
    const records = members.map(name => this.#brain.record(name))
    for (const record of records) record.turned = true
    for (const record of records) {
      for (const link of this.#brain.links.of(record.name)) this.#brain.linksToReview.add(link)
      const ends = isUp(record.state) || record.state === 'starting'
      const byItself = ends && records.length === 1 && this.#brain.links.flowing(record.name, 'reads').length > 0
      if (byItself)
        this.#machine.setTimer(record, this.#brain.plan.drainTimeoutMs, () => this.#machine.dispatch(record, 'turn'))
      else this.#machine.dispatch(record, 'turn')
    }
  }

  /** Links go in reverse order, one after the other. */
  beginClosing(): void {
    this.#brain.phase = 'closing'
    for (const record of this.#brain.processes.values()) this.#machine.cancelTimer(record)
    this.#closeNextLink()
  }

  #closeNextLink(): void {
    while (this.#made.at(-1)?.phase === 'absent') this.#made.pop()
    const last = this.#made.at(-1)
    if (last) {
      last.remake = false
      if (last.phase === 'open') this.#brain.links.destroy(last)
      return
    }
    this.#brain.phase = 'over'
    if (this.#startError) this.#brain.listener.startFailed(this.#startError)
    else this.#brain.listener.over()
  }

  linkSettled(link: LinkRecord): void {
    if (this.#brain.phase === 'opening') return this.linkOpened(link)
    if (this.#brain.phase === 'closing') return this.#closeNextLink()
    for (const use of link.plan.uses) this.#consequences.reviewIfWaiting(this.#brain.record(use.process))
    this.#brain.linksToReview.add(link)
  }
}
