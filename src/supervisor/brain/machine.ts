/** One process: takes its events through the table of transitions and does what the table names. */

import type { Brain } from './brain.js'
import { isClean } from './endings.js'
import type { Action, ProcessEvent } from './events.js'
import { formatDelay } from './format.js'
import type { ProcessRecord } from './records.js'
import { emptyRow } from './restart.js'
import { aims, type Cell, isFinished, isToRun, type Next, transitions } from './transitions.js'

export class Machine {
  readonly #brain: Brain
  readonly #act = {
    spawn: record => this.#spawn(record),
    terminate: record => this.#terminate(record),
    kill: record => this.kill(record),
    delay: record => this.#delay(record),
    cancel: record => this.#cancel(record),
    renew: record => this.#renew(record),
    clear: record => this.#clear(record),
    finish: record => this.#finish(record),
  } satisfies Record<Action, (record: ProcessRecord) => void>

  constructor(brain: Brain) {
    this.#brain = brain
  }

  dispatch(record: ProcessRecord, event: ProcessEvent): void {
    const cell: Cell = transitions[record.state][event]
    if (cell === 'ignored') return
    if (cell === 'impossible') throw new Error(`"${record.name}" is ${record.state} and cannot be told "${event}"`)
    record.aim = cell.aim ?? record.aim
    const aim = cell.next === 'byAim' ? aims[record.aim!] : null
    this.#enter(record, aim ? aim.next : (cell.next as Exclude<Next, 'byAim'>))
    for (const action of [...cell.actions, ...(aim?.actions ?? [])]) this.#act[action](record)
    this.#brain.toReview.add(record)
  }

  #enter(record: ProcessRecord, next: Exclude<Next, 'byAim'>): void {
    const from = record.state
    const to = next === 'byVerdict' ? (record.exitWell ? 'completed' : 'failed') : next
    record.state = to
    if (to !== 'stopping') record.aim = null
    this.#reviewWhoWaits(record)
    if (from === to) return
    // What it waited for matters no more; who fails of it says why.
    if ((from === 'waiting' || from === 'delayed') && next !== 'failed') record.note = null
    if (isFinished(from) && !isFinished(to)) this.#rejoined(record)
    this.#brain.listener.stateChanged(record, from, to)
  }

  /** Somebody may wait for it, or for a link to be free of those who use or await it, to have that made anew. */
  #reviewWhoWaits(record: ProcessRecord): void {
    const { links, toReview } = this.#brain
    const concerned = [...this.#brain.dependantsOf(record.name)]
    for (const link of links.of(record.name)) {
      if (link.closed.size === 0) continue
      const users = link.plan.uses.map(use => this.#brain.record(use.process))
      // Each who is woken looks at all users: not at every step of hundreds that are restarted together.
      const isFree = users.every(user => user.instance === null)
      if (isFree || (!isToRun(record) && links.isShutFor(link, record.name))) concerned.push(...users)
    }
    for (const other of concerned) if (other.state === 'waiting') toReview.add(other)
  }

  #spawn(record: ProcessRecord): void {
    this.#noteLostInput(record)
    record.generation += 1
    record.needsMet = true
    record.note = null
    record.unheard = false
    record.saidReady = false
    record.statusText = null
    record.instance = {
      generation: record.generation,
      askedAtMs: this.#brain.clock.now(),
      spawned: false,
      pid: null,
      asked: false,
    }
    record.linkGenerations = new Map(this.#brain.links.of(record.name).map(link => [link.plan.name, link.generation]))
    this.#brain.send({ type: 'spawn', process: record.name, generation: record.generation })
  }

  /** What a killed reader had taken is gone; a run that says nothing of it would report a wrong result as success. */
  #noteLostInput(record: ProcessRecord): void {
    if (record.exit === null || 'error' in record.exit || isClean(record.exit, record.plan)) return
    const lost = this.#brain.links
      .flowing(record.name, 'reads')
      .filter(
        link =>
          link.plan.lifetime === 'reset' ||
          (record.linkGenerations.get(link.plan.name) === link.generation &&
            !this.#brain.links.isAcknowledged(link, record.name)),
      )
      .map(link => link.plan.name)
      .filter(name => !record.inputLost.has(name))
    if (lost.length === 0) return
    for (const name of lost) record.inputLost.add(name)
    const names = lost.map(name => `"${name}"`).join(', ')
    this.#brain.listener.warning(
      `"${record.name}" starts again after an unclean end: what it had already taken from ${names} is lost.`,
    )
  }

  #terminate(record: ProcessRecord): void {
    const { instance } = record
    if (instance && !instance.spawned) return
    if (instance) instance.asked = true
    if (this.#brain.stopAsked === 'kill') {
      this.cancelTimer(record)
      return this.kill(record)
    }
    this.#signal(record, record.plan.stopSignal)
    this.setTimer(record, record.plan.stopTimeoutMs, () => this.dispatch(record, 'overtime'))
  }

  kill(record: ProcessRecord): void {
    this.#signal(record, 'SIGKILL')
  }

  #signal(record: ProcessRecord, signal: string): void {
    this.#brain.send({ type: 'signal', process: record.name, generation: record.generation, signal })
  }

  #delay(record: ProcessRecord): void {
    const { resets, listener } = this.#brain
    if (record.exitWell || !resets.concerns(record)) return this.#awaitDue(record)
    const obstacle = resets.obstacle(record)
    if (obstacle === null) return resets.begin(record)
    record.note = `its links cannot be reset: ${obstacle}`
    listener.warning(`"${record.name}" is not restarted: ${record.note}.`)
    this.dispatch(record, 'broke')
  }

  #awaitDue(record: ProcessRecord): void {
    const delayMs = this.#brain.drain ? 0 : Math.max(0, record.dueAtMs - this.#brain.clock.now())
    record.note = delayMs > 0 ? `restart ${record.row.count} in ${formatDelay(delayMs)}` : null
    if (delayMs > 0) this.setTimer(record, delayMs, () => this.dispatch(record, 'due'))
    else this.dispatch(record, 'due')
  }

  #renew(record: ProcessRecord): void {
    record.row = emptyRow
    record.needsMet = false
    record.started = false
    record.endedByHand = false
    record.gaveUp = false
    record.note = null
    if (!record.wanted) this.#brain.unfinished += 1
    record.wanted = true
    for (const link of this.#brain.links.of(record.name)) if (link.error !== null) this.#brain.links.remake(link)
  }

  /** What it left behind and was asked to end keeps its time. */
  #cancel(record: ProcessRecord): void {
    if (record.leftovers.length === 0) this.cancelTimer(record)
  }

  #clear(record: ProcessRecord): void {
    if (record.leftovers.length > 0) this.#terminate(record)
  }

  #finish(record: ProcessRecord): void {
    if (record.wanted) this.#brain.unfinished -= 1
    this.#brain.send({ type: 'closeLogs', process: record.name })
    this.#brain.drain?.finished(record.name)
  }

  /** A finished process runs again. */
  #rejoined(record: ProcessRecord): void {
    if (record.wanted) this.#brain.unfinished += 1
    this.#brain.drain?.rejoined(record.name)
  }

  setTimer(record: ProcessRecord, delayMs: number, act: () => void): void {
    this.cancelTimer(record)
    record.cancelTimer = this.#brain.clock.after(delayMs, () =>
      this.#brain.run(() => {
        record.cancelTimer = null
        act()
      }),
    )
  }

  cancelTimer(record: ProcessRecord): void {
    record.cancelTimer?.()
    record.cancelTimer = null
  }

  joinReset(record: ProcessRecord): void {
    record.needsMet = false
    this.dispatch(record, 'reset')
  }

  releaseReset(culprit: ProcessRecord, members: readonly ProcessRecord[]): void {
    const dueAtMs = culprit.dueAtMs
    for (const member of members) {
      member.needsMet = false
      member.started = false
      this.#brain.toReview.add(member)
    }
    for (const member of members) {
      if (member.state !== 'delayed') continue
      member.dueAtMs = dueAtMs
      this.#awaitDue(member)
    }
  }
}
