import type { Plan } from '../../config/plan.js'
import type { ErrorData } from '../../errors.js'
import type { Generation, HostCall, HostEvent } from '../host/host.js'
import { type LinkRecord, newLinkRecord } from './records.js'

/** What the links ask of the rest of the brain. */
export interface LinkCircumstances {
  send(call: HostCall): void
  /** The use of a process at a side is over: it is finished. */
  isOver(process: string): boolean
  /** How often a process was spawned, or tried to be. */
  incarnationOf(process: string): Generation
  /** Its end will never be handed out again, though it still runs. */
  isSealed(process: string): boolean
  /** The turn of one of the link's processes in the stop of the graph has come. */
  isStopping(link: LinkRecord): boolean
  changed(link: LinkRecord, side: string, change: 'closed' | 'reset', unreadBytes: number | null): void
  /** Somebody wrote to the calling side of a route. */
  called(link: LinkRecord): void
  /** A link was made (again), or could not be. */
  settled(link: LinkRecord): void
}

/**
 * The links as the brain sees them: made all or nothing, each side closed exactly once, made anew when all who use
 * them begin together.
 */
export class Links {
  readonly records: ReadonlyMap<string, LinkRecord>
  readonly #byProcess = new Map<string, LinkRecord[]>()
  readonly #around: LinkCircumstances

  constructor(plan: Plan, around: LinkCircumstances) {
    this.#around = around
    this.records = new Map(Object.values(plan.links).map(link => [link.name, newLinkRecord(link)]))
    for (const record of this.records.values())
      for (const name of new Set(record.plan.uses.map(use => use.process)))
        this.#byProcess.set(name, [...(this.#byProcess.get(name) ?? []), record])
  }

  of(process: string): readonly LinkRecord[] {
    return this.#byProcess.get(process) ?? []
  }

  /** Sides that a process has at a link. */
  sides(link: LinkRecord, process: string): readonly string[] {
    return link.plan.uses.filter(use => use.process === process).map(use => use.side)
  }

  /** Links that a process writes, or reads to an end: a queue has none. */
  flowing(process: string, direction: 'reads' | 'writes'): readonly LinkRecord[] {
    return this.of(process)
      .filter(link => direction === 'writes' || link.plan.traits.showsEnd)
      .filter(link => this.sides(link, process).some(side => link.plan.sides[side]![direction]))
  }

  /** Whatever a process takes there comes again until it is acknowledged. */
  isAcknowledged(link: LinkRecord, process: string): boolean {
    return this.sides(link, process).every(side => {
      const { reads, acknowledges } = link.plan.sides[side]!
      return !reads || acknowledges === true
    })
  }

  /** Other processes with a side that does `direction` at a link. */
  partners(link: LinkRecord, process: string, direction: 'reads' | 'writes'): readonly string[] {
    return link.plan.uses
      .filter(use => use.process !== process && link.plan.sides[use.side]![direction])
      .map(use => use.process)
  }

  /** A side of this process is closed, so it can only run again when the link is made anew. */
  isShutFor(link: LinkRecord, process: string): boolean {
    return this.sides(link, process).some(side => link.closed.has(side))
  }

  open(link: LinkRecord): void {
    link.phase = 'opening'
    link.generation += 1
    link.closed = new Set()
    link.left = new Set()
    link.error = null
    this.#around.send({ type: 'open', link: link.plan.name, generation: link.generation })
  }

  destroy(link: LinkRecord): void {
    link.phase = 'destroying'
    this.#around.send({ type: 'destroy', link: link.plan.name, generation: link.generation })
  }

  /** Destroys the link and makes it anew; what was unread is reported. */
  remake(link: LinkRecord): void {
    link.remake = true
    if (link.phase === 'open') this.destroy(link)
    else if (link.phase === 'absent') this.#makeAnew(link)
  }

  /** Closes every side of a link whose uses are all over or sealed. */
  review(link: LinkRecord): void {
    if (link.phase !== 'open') return
    if (link.plan.tracksUses) this.#tellWhoLeft(link)
    for (const side of Object.keys(link.plan.sides)) {
      const reason = link.closed.has(side) ? null : this.#closingReason(link, side)
      if (reason === null) continue
      link.closed.add(side)
      this.#around.send({ type: 'release', link: link.plan.name, generation: link.generation, side, reason })
    }
  }

  /** Who is started again has not left; should it be over once more, that is told once more. */
  #tellWhoLeft(link: LinkRecord): void {
    const { name, uses } = link.plan
    for (const use of uses) {
      if (!this.#around.isOver(use.process)) link.left.delete(use)
      else if (!link.left.has(use)) {
        link.left.add(use)
        const incarnation = this.#around.incarnationOf(use.process)
        this.#around.send({ type: 'leave', link: name, generation: link.generation, ...use, incarnation })
      }
    }
  }

  #closingReason(link: LinkRecord, side: string): 'over' | 'sealed' | null {
    // Nothing is held there, and a client that ended must not keep the next one away. Nor one that called by a route:
    // nobody waits for an end there.
    if (!link.plan.sides[side]!.descriptor || link.plan.route !== null) return null
    if ((link.appUses.get(side) ?? 0) > 0) return null
    const stopping = this.#around.isStopping(link)
    if (link.plan.lifetime === 'hold' && !stopping) return null
    const processes = link.plan.uses.filter(use => use.side === side).map(use => use.process)
    // A side without any process belongs to strangers (or to the app that has not asked yet): held until the stop.
    if (processes.length === 0) return stopping || link.appUses.has(side) ? 'over' : null
    if (processes.every(name => this.#around.isOver(name))) return 'over'
    return processes.every(name => this.#around.isOver(name) || this.#around.isSealed(name)) ? 'sealed' : null
  }

  /** Takes what the host says of links. */
  receive(event: Extract<HostEvent, { link: string }>): void {
    const link = this.records.get(event.link)
    if (!link || event.generation !== link.generation) return
    switch (event.type) {
      case 'opened':
        if (link.phase !== 'opening') return
        link.phase = 'open'
        return this.#around.settled(link)
      case 'openFailed':
        if (link.phase !== 'opening') return
        return this.#fail(link, event.error)
      case 'called':
        return this.#around.called(link)
      case 'released':
        return this.#around.changed(link, event.side, 'closed', event.unreadBytes)
      case 'destroyed':
        if (link.phase !== 'destroying') return
        link.phase = 'absent'
        if (link.remake) {
          this.#around.changed(link, '', 'reset', event.unreadBytes)
          return this.#makeAnew(link)
        }
        if (event.unreadBytes) this.#around.changed(link, '', 'closed', event.unreadBytes)
        return this.#around.settled(link)
    }
  }

  #makeAnew(link: LinkRecord): void {
    link.remake = false
    this.open(link)
  }

  #fail(link: LinkRecord, error: ErrorData): void {
    link.phase = 'absent'
    link.error = error
    this.#around.settled(link)
  }
}
