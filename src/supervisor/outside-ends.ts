/**
 * Ends of links for programs that the config does not know: `ipcsup link` in a shell, say. They are no use of a side,
 * so nothing waits for them, and a side is closed whether they have it or not.
 */
import { IpcsupError } from '../errors.js'
import type { Hint, Side } from '../ipc/kind.js'
import type { LinkOptions } from '../ipc/options.js'
import type { LinkRecord } from './brain/records.js'
import { findLink, findLinkByName, refuseClosedSide } from './lookup.js'

export interface DescribedLink {
  readonly kind: string
  readonly sides: Readonly<Record<string, Side>>
  readonly options: LinkOptions
  readonly hint: Hint
}

export interface GivenEnd {
  readonly kind: string
  readonly side: string
  readonly options: LinkOptions
  readonly hint: Hint
  /** For the caller to close; null: that side has none. */
  readonly descriptor: number | null
}

export interface OutsideEnds {
  /** Throws IPCSUP_ERR_UNKNOWN_LINK, IPCSUP_ERR_SIDE_CLOSED. */
  describe(link: string): DescribedLink
  /** Throws IPCSUP_ERR_UNKNOWN_LINK, IPCSUP_ERR_SIDE_CLOSED, IPCSUP_ERR_SIDE_TAKEN. */
  give(link: string, side: string): GivenEnd
}

/** -1: that side has none. */
type TakeEnd = (link: string, side: string) => { readonly descriptor: number; readonly hint: Hint }

export interface HandsForOutside {
  readonly takeEnd: TakeEnd
  readonly hintOf: (link: string) => Hint
}

export function createOutsideEnds(
  records: ReadonlyMap<string, LinkRecord>,
  findHands: () => HandsForOutside | null,
): OutsideEnds {
  const handsFor = (record: LinkRecord): HandsForOutside => {
    const hands = findHands()
    if (hands === null || record.phase !== 'open') throw refuseLink(record)
    return hands
  }
  return {
    describe: name => {
      const record = findLinkByName(records, name)
      const { kind, sides, options } = record.plan
      return { kind, sides, options, hint: handsFor(record).hintOf(name) }
    },
    give: (name, side) => {
      const record = findLink(records, name, side)
      const hands = handsFor(record)
      // Where there is no descriptor the name is all, and that is there as long as the link.
      if (record.plan.sides[side]!.descriptor) refuseClosedSide(record, side, true, adviseRestart(record))
      refuseTakenSide(record, side)
      const { descriptor, hint } = hands.takeEnd(name, side)
      const { kind, options } = record.plan
      return { kind, side, options, hint, descriptor: descriptor < 0 ? null : descriptor }
    },
  }
}

/** All its sides are as good as closed: the run is about to end, or it is being made anew. */
function refuseLink({ plan }: LinkRecord): IpcsupError {
  const advice = 'See `ipcsup status`, and try again.'
  return new IpcsupError('IPCSUP_ERR_SIDE_CLOSED', { side: Object.keys(plan.sides)[0]!, link: plan.name, advice })
}

function adviseRestart({ plan }: LinkRecord): string {
  const names = [...new Set(plan.uses.map(({ process }) => process))].join(' ')
  return `Once its processes have ended, \`ipcsup start ${names}\` makes it anew.`
}

/** Two processes at one end of a pair of sockets would share its O_NONBLOCK, and take each other's bytes. */
function refuseTakenSide({ plan, appUses }: LinkRecord, side: string): void {
  const { reads, writes } = plan.sides[side]!
  const { manyReaders, manyWriters } = plan.traits
  if ((!reads || manyReaders) && (!writes || manyWriters)) return
  const process = plan.uses.find(use => use.side === side)?.process
  if (process === undefined && !appUses.has(side)) return
  throw new IpcsupError('IPCSUP_ERR_SIDE_TAKEN', { side, link: plan.name, holder: process ?? 'the program itself' })
}
