/** Commands that could not come about: whoever asks is told so at once, with the command that does. */
import { IpcsupError } from '../../errors.js'
import type { Brain } from './brain.js'
import type { LinkRecord, ProcessRecord } from './records.js'
import { isFinished, isUp } from './transitions.js'

/**
 * A process whose end of a link is closed runs again only together with everyone else of that link: otherwise it would
 * wait for as long as one of them runs. Throws IPCSUP_ERR_LINK_CLOSED.
 */
export function refuseClosedLinks(brain: Brain, records: readonly ProcessRecord[], event: 'start' | 'restart'): void {
  for (const record of records) {
    if (event === 'start' && !isDownByWish(record)) continue
    for (const link of brain.links.of(record.name)) {
      const side = brain.links.sides(link, record.name).find(name => link.closed.has(name))
      if (side === undefined) continue
      const others = findOthers(brain, link, records, event)
      if (others.length === 0) continue
      throw new IpcsupError('IPCSUP_ERR_LINK_CLOSED', {
        process: record.name,
        side,
        link: link.plan.name,
        others: others.map(name => `"${name}"`).join(', '),
        command: `ipcsup restart ${usersOf(link).join(' ')}`,
      })
    }
  }
}

/** Those at the link who would go on as they are. */
function findOthers(
  brain: Brain,
  link: LinkRecord,
  records: readonly ProcessRecord[],
  event: 'start' | 'restart',
): readonly string[] {
  return usersOf(link).filter(name => {
    const other = brain.record(name)
    // A start means nothing to who runs.
    if (records.includes(other)) return event === 'start' && (other.state === 'starting' || isUp(other.state))
    return !isFinished(other.state) && other.state !== 'idle'
  })
}

function usersOf(link: LinkRecord): readonly string[] {
  return [...new Set(link.plan.uses.map(use => use.process))]
}

/** Nothing of it is to run, and a start changes that. */
function isDownByWish({ state, aim }: ProcessRecord): boolean {
  return isFinished(state) || state === 'parked' || aim === 'park' || aim === 'finish'
}
