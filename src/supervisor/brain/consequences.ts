/** What follows from a change: who may start now, which need is lost, which link is free to be made anew. */
import type { Need } from '../../config/plan.js'
import type { Brain } from './brain.js'
import type { Machine } from './machine.js'
import type { LinkRecord, ProcessRecord } from './records.js'
import { isToRun } from './transitions.js'

export class Consequences {
  readonly #brain: Brain
  readonly #machine: Machine

  constructor(brain: Brain, machine: Machine) {
    this.#brain = brain
    this.#machine = machine
  }

  review(record: ProcessRecord): void {
    if (record.state === 'waiting') return this.#reviewWaiting(record)
    for (const link of this.#brain.links.of(record.name)) this.#brain.linksToReview.add(link)
    if (record.state === 'failed')
      for (const writer of this.#brain.writersOf(record)) if (writer.unheard) this.#disown(writer)
  }

  reviewIfWaiting(record: ProcessRecord): void {
    if (record.state === 'waiting') this.#brain.toReview.add(record)
  }

  /** Its last end went badly after all; who is to run again is told so only if that does not come about. */
  #disown(writer: ProcessRecord): void {
    writer.exitWell = false
    this.#machine.dispatch(writer, 'disowned')
  }

  #reviewWaiting(record: ProcessRecord): void {
    for (const [name, need] of record.needsMet ? [] : Object.entries(record.plan.needs)) {
      const standing = standingOf(this.#brain.record(name), need)
      if (standing === 'lost') {
        record.exitWell = false
        record.note = explainLoss(this.#brain.record(name))
        return this.#machine.dispatch(record, 'needLost')
      }
      if (standing === 'open') {
        record.note = `waits for "${name}" to be ${need}`
        return
      }
    }
    if (record.leftovers.length > 0) record.note = 'waits for the end of what its last incarnation left behind'
    else if (this.#brain.resets.isMember(record)) record.note = 'waits for the reset of its links'
    else if (this.#areLinksReady(record)) this.#machine.dispatch(record, 'needsMet')
  }

  /**
   * Its links exist, and nobody waits for one of them to be made anew: that is done once nobody live is on it, so that
   * all who were started together get the new one.
   */
  #areLinksReady(record: ProcessRecord): boolean {
    let ready = true
    for (const link of this.#brain.links.of(record.name)) {
      if (link.error !== null) {
        record.exitWell = false
        record.note = link.error.message
        this.#machine.dispatch(record, 'broke')
        return false
      }
      const users = link.plan.uses.map(use => this.#brain.record(use.process))
      const shut = users.some(user => isToRun(user) && this.#brain.links.isShutFor(link, user.name))
      if (shut && link.phase === 'open' && users.every(user => user.instance === null)) this.#brain.links.remake(link)
      if (link.phase === 'open' && !shut) continue
      record.note = `waits for link "${link.plan.name}" to be made anew`
      ready = false
    }
    return ready
  }

  linkChanged(link: LinkRecord, side: string, change: 'closed' | 'reset', unreadBytes: number | null): void {
    if (unreadBytes)
      this.#brain.listener.warning(`${unreadBytes.toLocaleString('en-US')} bytes left in "${link.plan.name}".`)
    this.#brain.listener.linkChanged(link, side, change, unreadBytes)
  }
}

/** How a need of somebody stands. */
function standingOf(need: ProcessRecord, condition: Need): 'met' | 'open' | 'lost' {
  // Who is being restarted was spawned in a life that is over.
  if (condition === 'started' && need.started && need.aim !== 'again') return 'met'
  if (condition === 'ready' && need.state === 'ready') return 'met'
  if (need.state === 'failed') return 'lost'
  if (need.state !== 'completed') return 'open'
  if (need.endedByHand || need.turned) return 'lost'
  // It has done its work; was it never ready, it never will be.
  return condition === 'ready' && !need.saidReady ? 'lost' : 'met'
}

function explainLoss({ name, state, endedByHand, turned }: ProcessRecord): string {
  const isDone = state === 'completed' && !endedByHand && !turned
  return isDone ? `need "${name}" ended before it was ready` : `need "${name}" failed`
}
