import type { LinkRecord } from './brain/records.js'
import { refuseUnknown } from './lookup.js'

/** A route that is raised by calls. Throws IPCSUP_ERR_UNKNOWN_LINK, also when the link is none. */
export function findCallable(links: ReadonlyMap<string, LinkRecord>, name: string): LinkRecord {
  const isCallable = ({ plan }: LinkRecord) => plan.route?.on === 'call'
  const record = links.get(name)
  if (record && isCallable(record)) return record
  const known = [...links.values()].filter(isCallable).map(({ plan }) => plan.name)
  throw refuseUnknown(`link "${name}" that can be called`, name, known)
}
