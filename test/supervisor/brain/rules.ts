/** What the rules promise of the brain's own records: at any moment between two jobs, and once the world has come to rest. */
import assert from 'node:assert/strict'
import type { Engine } from '../../../src/supervisor/brain/engine.js'
import type { LinkRecord, ProcessRecord } from '../../../src/supervisor/brain/records.js'
import type { ProcessState } from '../../../src/supervisor/controls.js'

/** What was asked of a process last. `again`: a restart, when this incarnation was the last. */
export type Wish =
  | { readonly to: 'run' | 'stay down' | 'be over' }
  | { readonly to: 'run again'; readonly after: number }

const withInstance: ReadonlySet<ProcessState> = new Set(['starting', 'running', 'ready'])
const onTheWay: ReadonlySet<ProcessState> = new Set(['starting', 'stopping', 'delayed'])
const finished: ReadonlySet<ProcessState> = new Set(['completed', 'failed'])

/** Between two jobs. */
export function checkRecord(engine: Engine, record: ProcessRecord): void {
  const { name, state, instance, leftovers, aim } = record
  const isUp = withInstance.has(state)
  if (isUp) assert(instance?.spawned === (state !== 'starting'), `${name} is ${state}`)
  else if (state === 'stopping') assert(instance !== null || leftovers.length > 0, `${name} stops nothing`)
  else assert(instance === null, `${name} is ${state} and has an instance`)
  assert((aim !== null) === (state === 'stopping'), `${name} is ${state} and its aim ${aim}`)
  const mayBeTimed = state === 'stopping' || state === 'delayed' || leftovers.length > 0 || (record.turned && isUp)
  assert(record.cancelTimer === null || mayBeTimed, `${name} is ${state} and has a timer`)
  if (engine.phase === 'running' || engine.phase === 'draining') checkNote(engine, record)
}

/** The note says why it is in this state. */
function checkNote(engine: Engine, record: ProcessRecord): void {
  const { name, state, note } = record
  if (state === 'waiting') {
    const reasons = whyWaiting(engine, record)
    assert(note !== null && reasons.includes(note), `${name} says: ${note}; but ${reasons.join(', ') || 'nothing'}`)
  } else if (state !== 'delayed' && note !== null)
    assert(!/^(waits|restart)/.test(note), `${name} is ${state} and says: ${note}`)
}

/** Everything that it waits for. */
function whyWaiting(engine: Engine, record: ProcessRecord): string[] {
  const needs = Object.entries(record.needsMet ? {} : record.plan.needs).filter(([name, need]) =>
    isOpen(engine.processes.get(name)!, need),
  )
  const links = linksOf(engine, record).filter(link => link.phase !== 'open' || isAwaited(engine, link))
  return [
    ...needs.map(([name, need]) => `waits for "${name}" to be ${need}`),
    ...(record.leftovers.length > 0 ? ['waits for the end of what its last incarnation left behind'] : []),
    ...(isInReset(engine, record) ? ['waits for the reset of its links'] : []),
    ...links.map(link => `waits for link "${link.plan.name}" to be made anew`),
  ]
}

function isOpen(need: ProcessRecord, condition: string): boolean {
  if (finished.has(need.state)) return false
  return (
    condition === 'completed' ||
    !(condition === 'started' ? need.started && need.aim !== 'again' : need.state === 'ready')
  )
}

const linksOf = (engine: Engine, { name }: ProcessRecord): LinkRecord[] =>
  [...engine.links.records.values()].filter(link => link.plan.uses.some(use => use.process === name))

/** Somebody who waits has a closed side of it. */
const isAwaited = (engine: Engine, { plan, closed }: LinkRecord): boolean =>
  plan.uses.some(({ process, side }) => {
    const { state, aim } = engine.processes.get(process)!
    return closed.has(side) && (state === 'waiting' || aim === 'again')
  })

/** Somebody of those who share `reset` links with it is not down yet, or one of the links is not there yet. */
function isInReset(engine: Engine, record: ProcessRecord): boolean {
  const seen = new Set([record])
  const links = new Set<LinkRecord>()
  for (const member of seen)
    for (const link of linksOf(engine, member))
      if (link.plan.lifetime === 'reset') {
        links.add(link)
        for (const { process } of link.plan.uses) seen.add(engine.processes.get(process)!)
      }
  const isDown = [...seen].every(({ state, leftovers }) => state !== 'stopping' && leftovers.length === 0)
  return !isDown || [...links].some(({ phase }) => phase !== 'open')
}

/** Nothing is on its way, and no timer runs. */
export function checkRest(engine: Engine, wishes: ReadonlyMap<string, Wish>, mayWaitForLinks: boolean): void {
  if (engine.phase !== 'running') return
  for (const record of engine.processes.values()) {
    const { name, state, note, generation } = record
    assert(!onTheWay.has(state), `${name} never gets on from ${state}`)
    // Who may wait for ever waits for the need of another: a link is made anew by itself.
    const isOwnFault = state === 'waiting' && !mayWaitForLinks && !/to be (started|ready|completed)$/.test(note ?? '')
    assert(!isOwnFault, `${name} ${note}, for ever`)
    const wish = wishes.get(name)
    const isDown = finished.has(state) || state === 'parked' || state === 'idle'
    if (wish?.to === 'be over') assert(finished.has(state), `${name} was ended and is ${state}`)
    else if (wish?.to === 'stay down') assert(isDown, `${name} was stopped and is ${state}`)
    else if (wish) assert(!isDown || finished.has(state), `${name} was started and is ${state}`)
    if (wish?.to === 'run again' && withInstance.has(state))
      assert(generation > wish.after, `${name} was restarted and still runs`)
  }
}
