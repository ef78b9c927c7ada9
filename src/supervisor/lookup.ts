/** Finds what is named, or says what there is; refuses what cannot be done now, with a side, or sent. */
import { constants } from 'node:os'
import { IpcsupError } from '../errors.js'
import { nearest } from '../nearest.js'
import type { Phase } from './brain/brain.js'
import type { LinkRecord, ProcessRecord } from './brain/records.js'
import { listGroups, membersOf } from './names.js'

/** Throws IPCSUP_ERR_UNKNOWN_PROCESS. */
export function findProcess(processes: ReadonlyMap<string, ProcessRecord>, name: string): ProcessRecord {
  const record = processes.get(name)
  if (record) return record
  throw refuseUnknownProcess(name, [...processes.keys()])
}

/**
 * The names of all processes that are meant, each once: of those named and of the members of groups; none named: all.
 *
 * @throws IPCSUP_ERR_UNKNOWN_PROCESS
 */
export function chooseNames(names: readonly string[], known: readonly string[]): readonly string[] {
  if (names.length === 0) return known
  const exact = new Set(known)
  const chosen = names.flatMap(name => {
    const members = exact.has(name) ? [name] : membersOf(name, known)
    if (members.length === 0) throw refuseUnknownProcess(name, known)
    return members
  })
  return [...new Set(chosen)]
}

function refuseUnknownProcess(name: string, known: readonly string[]): IpcsupError {
  const near = nearest(name, [...known, ...listGroups(known)])
  return new IpcsupError('IPCSUP_ERR_UNKNOWN_PROCESS', { name, nearest: near ?? '', known: known.join(', ') })
}

/** Throws IPCSUP_ERR_UNKNOWN_LINK, also when the link has no such side. */
export function findLink(links: ReadonlyMap<string, LinkRecord>, name: string, side: string): LinkRecord {
  const record = findLinkByName(links, name)
  const known = Object.keys(record.plan.sides)
  if (known.includes(side)) return record
  throw refuseUnknown(`side "${side}" of link "${name}"`, side, known)
}

/** Throws IPCSUP_ERR_UNKNOWN_LINK. */
export function findLinkByName(links: ReadonlyMap<string, LinkRecord>, name: string): LinkRecord {
  const record = links.get(name)
  if (record) return record
  throw refuseUnknown(`link "${name}"`, name, [...links.keys()])
}

/** The error of a link or side that there is none of. */
export function refuseUnknown(what: string, name: string, known: readonly string[]): IpcsupError {
  const detail = { what, nearest: nearest(name, known) ?? '', known: known.join(', ') || 'none' }
  return new IpcsupError('IPCSUP_ERR_UNKNOWN_LINK', detail)
}

/** A side that nobody uses, not even the app, would be an end of file or a broken pipe for the other from the start. */
export function refuseUnusedSides(links: Iterable<LinkRecord>): void {
  for (const { plan, appUses } of links) {
    if (plan.traits.named) continue
    for (const [side, { optional }] of Object.entries(plan.sides)) {
      if (optional === true) continue
      const isUsed = plan.uses.some(use => use.side === side) || appUses.has(side)
      if (!isUsed) throw new IpcsupError('IPCSUP_ERR_SIDE_UNUSED', { side, link: plan.name })
    }
  }
}

/** Throws IPCSUP_ERR_UNKNOWN_SIGNAL. */
export function refuseUnknownSignal(signal: string): void {
  if (Object.hasOwn(constants.signals, signal)) return
  const detail = { signal, nearest: nearest(signal, Object.keys(constants.signals)) ?? '' }
  throw new IpcsupError('IPCSUP_ERR_UNKNOWN_SIGNAL', detail)
}

/** @param areMade - the links have been made, so one that is not open will not be again */
export function refuseClosedSide(record: LinkRecord, side: string, areMade: boolean, advice?: string): void {
  const isGone = areMade && record.phase !== 'open'
  if (!isGone && !record.closed.has(side)) return
  const detail = { side, link: record.plan.name, ...(advice === undefined ? {} : { advice }) }
  throw new IpcsupError('IPCSUP_ERR_SIDE_CLOSED', detail)
}

/** Throws IPCSUP_ERR_STARTED_TWICE. */
export function refuseSecondStart(name: string, isStarted: boolean, phase: Phase): void {
  if (!isStarted && phase === 'new') return
  throw new IpcsupError('IPCSUP_ERR_STARTED_TWICE', { name, done: isStarted ? 'started' : 'stopped' })
}
