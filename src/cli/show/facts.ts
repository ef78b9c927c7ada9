/** Live facts of a link, in words: only what there is. */

import type { Hint, LinkFacts, ServiceFacts } from '../../ipc/facts.js'
import { formatAddress } from '../../ipc/handoff.js'
import type { LinkStatus } from '../../supervisor/controls.js'
import { formatBytes } from './text.js'

type Facts = Omit<LinkFacts, 'name'>

/** Where programs find it: path, name, address, number; empty for what has none. */
export function describePlace(hint: Hint): string {
  const { path, name, host, id } = hint
  return [path, name, host === undefined ? undefined : formatAddress(hint), id === undefined ? undefined : `id ${id}`]
    .filter(part => part !== undefined)
    .join(' ')
}

/** The same of a link as the status has it. */
export function placeOf({ name: _link, objectName, ...others }: LinkStatus): string {
  return describePlace(objectName === undefined ? others : { ...others, name: objectName })
}

/** `3 KiB of 64 KiB queued`, `2 messages`, `1 waiting`, `value 3`, `held by web (4120)`, `last used by web (4120)`, `2 of 3 serve`. */
export function describeFacts(facts: Facts): string[] {
  const { messages, waiting } = facts
  const holders = describeHolders(facts)
  const lastUsers = describeLastUsers(facts)
  const value = describeValue(facts)
  return [
    describeBytes(facts),
    typeof messages === 'number' ? countOf(messages, 'message') : '',
    typeof waiting === 'number' ? `${waiting} waiting` : '',
    value === '' ? '' : `value ${value}`,
    holders === '' ? '' : `held by ${holders}`,
    lastUsers === '' ? '' : `last used by ${lastUsers}`,
    ...describeState(facts),
  ].filter(part => part !== '')
}

/** Of a ring who lags behind and what was lost; of a service who serves. */
export function describeState(facts: Facts): string[] {
  return [...describeRing(facts), ...(facts.service ? [describeService(facts.service)] : [])]
}

/** `slow is 3 messages behind`, `2 dropped`, `5 missed`, `4 stalls`; empty where all keep up. */
function describeRing({ ring }: Facts): string[] {
  if (ring === undefined) return []
  const { lag, dropped, missed, stalls, damage } = ring
  return [
    damage === null ? '' : `given up as corrupt: ${damage}`,
    ...Object.entries(lag).map(([reader, { bytes, messages }]) =>
      bytes === 0 ? '' : `${reader} is ${messages === null ? formatBytes(bytes) : countOf(messages, 'message')} behind`,
    ),
    dropped === 0 ? '' : `${dropped} dropped`,
    missed === 0 ? '' : `${missed} missed`,
    stalls === 0 ? '' : countOf(stalls, 'stall'),
  ].filter(part => part !== '')
}

const countOf = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`

/** `2 of 3 serve`, and what they do. */
function describeService({ servers, instances, outstanding }: ServiceFacts): string {
  const outsiders = instances.filter(({ process }) => !servers.includes(process)).length
  const serve = `${instances.length} of ${servers.length + outsiders} serve`
  return outstanding === 0 ? serve : `${serve}, ${outstanding} outstanding`
}

/** One number, or that of each member. */
export function describeValue({ value }: Facts): string {
  return typeof value === 'number' ? String(value) : (value?.join(' ') ?? '')
}

/** `web (4120), 4121`: the pids, of the processes of the graph with their names; empty: nobody, or it is unknown. */
export function describeHolders({ holders, holderNames }: Facts): string {
  return listPids(holders ?? [], holderNames)
}

/** The same of who used it last: each once, whichever members they used. */
export function describeLastUsers({ lastUsers, holderNames }: Facts): string {
  return listPids(new Set(lastUsers?.filter(pid => pid !== null)), holderNames)
}

function listPids(pids: Iterable<number>, names: Facts['holderNames']): string {
  const describe = (pid: number): string => (names?.[pid] === undefined ? String(pid) : `${names[pid]} (${pid})`)
  return [...pids].map(describe).join(', ')
}

function describeBytes({ queuedBytes, capacityBytes }: Facts): string {
  if (queuedBytes === null) return capacityBytes === null ? '' : formatBytes(capacityBytes)
  const room = capacityBytes === null ? '' : ` of ${formatBytes(capacityBytes)}`
  return `${formatBytes(queuedBytes)}${room} queued`
}
