import type { Plan } from '../../config/plan.js'
import type { Links } from './links.js'
import { resetSet } from './order.js'
import type { LinkRecord, ProcessRecord } from './records.js'

interface Reset {
  readonly culprit: ProcessRecord
  /** Those that are stopped and start again together; the culprit is one. Who did not run waits, should it be started. */
  readonly members: ReadonlySet<ProcessRecord>
  readonly links: readonly LinkRecord[]
  phase: 'stopping' | 'remaking'
}

/** What a reset needs of the brain. */
export interface ResetCircumstances {
  readonly plan: Plan
  readonly links: Links
  record(name: string): ProcessRecord
  /** Stops a member, or calls a completed one back. */
  dispatchReset(record: ProcessRecord): void
  /** Starts the members again after what is left of the culprit's delay. */
  release(culprit: ProcessRecord, members: readonly ProcessRecord[]): void
}

/**
 * Resets: a crash at a link of lifetime `reset` takes everyone who shares such links back to the beginning, with new
 * objects. One restart, counted for the one that crashed.
 */
export class Resets {
  readonly #around: ResetCircumstances
  readonly #running = new Set<Reset>()

  constructor(around: ResetCircumstances) {
    this.#around = around
  }

  /** A crash of this process resets others. */
  concerns(record: ProcessRecord): boolean {
    return this.#around.links.of(record.name).some(link => link.plan.lifetime === 'reset')
  }

  /** It waits for the others, and for new links. */
  isMember(record: ProcessRecord): boolean {
    return [...this.#running].some(reset => reset.members.has(record))
  }

  /** Why the set of this process cannot begin again; null: it can. */
  obstacle(culprit: ProcessRecord): string | null {
    for (const name of resetSet(this.#around.plan, culprit.name).members) {
      const member = this.#around.record(name)
      if (member === culprit) continue
      if (member.state === 'parked') return `"${name}" is parked`
      if (member.aim === 'park') return `"${name}" is being stopped`
      if (member.aim === 'finish' || member.turned) return `"${name}" is being stopped`
      if (member.state === 'failed') return `"${name}" failed`
      if (member.wanted && member.state === 'completed' && member.endedByHand) return `"${name}" was ended by hand`
      const shut = this.#around.links
        .of(name)
        .find(link => link.plan.lifetime !== 'reset' && this.#around.links.isShutFor(link, name))
      if (shut) return `"${name}" cannot run again, its side of link "${shut.plan.name}" is closed`
    }
    return null
  }

  /** Begins; the culprit is already down. */
  begin(culprit: ProcessRecord): void {
    const set = resetSet(this.#around.plan, culprit.name)
    const members = set.members.map(name => this.#around.record(name))
    const links = set.links.map(name => this.#around.links.records.get(name)!)
    this.#running.add({ culprit, members: new Set(members), links, phase: 'stopping' })
    for (const member of members) if (member !== culprit && member.wanted) this.#around.dispatchReset(member)
  }

  /** Moves every reset on whose condition has come true. */
  advance(): void {
    for (const reset of this.#running) {
      if (reset.phase === 'stopping' && [...reset.members].every(isDown)) {
        reset.phase = 'remaking'
        for (const link of reset.links) this.#around.links.remake(link)
      }
      if (reset.phase === 'remaking' && reset.links.every(link => link.phase === 'open' || link.error !== null)) {
        this.#running.delete(reset)
        this.#around.release(reset.culprit, [...reset.members])
      }
    }
  }
}

/** Nothing of it runs, so its links can be taken away. */
function isDown(record: ProcessRecord): boolean {
  return record.instance === null && record.leftovers.length === 0 && record.state !== 'stopping'
}
