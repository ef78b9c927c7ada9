/** Live facts of a link, in words: only what there is. */
import { formatAddress } from '../../ipc/handoff.js'
import type { Hint, LinkFacts } from '../../ipc/kind.js'
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

/** `3 KiB of 64 KiB queued`, `2 messages`, `1 waiting`, `value 3`, `held by 4120`. */
export function describeFacts(facts: Facts): string[] {
  const { messages, waiting, holders } = facts
  const value = describeValue(facts)
  return [
    describeBytes(facts),
    typeof messages === 'number' ? `${messages} ${messages === 1 ? 'message' : 'messages'}` : '',
    typeof waiting === 'number' ? `${waiting} waiting` : '',
    value === '' ? '' : `value ${value}`,
    holders && holders.length > 0 ? `held by ${holders.join(', ')}` : '',
  ].filter(part => part !== '')
}

/** One number, or that of each member. */
export function describeValue({ value }: Facts): string {
  return typeof value === 'number' ? String(value) : (value?.join(' ') ?? '')
}

function describeBytes({ queuedBytes, capacityBytes }: Facts): string {
  if (queuedBytes === null) return capacityBytes === null ? '' : formatBytes(capacityBytes)
  const room = capacityBytes === null ? '' : ` of ${formatBytes(capacityBytes)}`
  return `${formatBytes(queuedBytes)}${room} queued`
}
