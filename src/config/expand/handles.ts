import type { ProcessConfig } from '../define.js'
import type { PlannedHandle } from '../plan.js'
import { quote } from '../problems.js'
import { variableOf } from './links.js'
import { findLink, findSide, type Scope } from './scope.js'

/** A link of a process before its descriptor has a number. */
export interface DraftHandle {
  readonly link: string
  readonly side: string
  readonly isListening: boolean
  readonly hasDescriptor: boolean
  /** What `fd:` asks for; null: the next free one. */
  readonly wantedFd: number | null
  readonly variable: string
  /** Where it stands in the config. */
  readonly path: string
}

/** `links` of a process, in declared order; what is wrong is reported and left out. */
export function draftHandles(scope: Scope, links: ProcessConfig['links'], path: string): DraftHandle[] {
  return Object.entries(links ?? {}).flatMap(([name, given]) => {
    const at = `${path}.links.${name}`
    const link = findLink(scope, name, at)
    if (link === null) return []
    const handle = typeof given === 'string' ? { side: given } : given
    const side = findSide(scope, link, handle.side, typeof given === 'string' ? at : `${at}.side`)
    if (side === null) return []
    return [
      {
        link: name,
        side: handle.side,
        isListening: side.listens,
        hasDescriptor: side.descriptor,
        wantedFd: handle.fd ?? null,
        variable: handle.env ?? variableOf(name),
        path: at,
      },
    ]
  })
}

// SD_LISTEN_FDS_START of sd_listen_fds(3), and the first after stdin, stdout and stderr.
const firstDescriptor = 3

/**
 * Gives every handle its number: listening sides first from 3, because LISTEN_FDS is a range, then the others, each in
 * declared order; what `fd:` asks for is taken out of the sequence.
 *
 * @returns in the order of the numbers; last those that have none
 */
export function numberHandles(scope: Scope, handles: readonly DraftHandle[]): PlannedHandle[] {
  const given = handles.filter(handle => handle.hasDescriptor)
  const listening = given.filter(handle => handle.isListening)
  const others = given.filter(handle => !handle.isListening)
  const endOfRange = firstDescriptor + listening.length
  reportClashes(scope, handles, endOfRange)
  reportSecondOnes(scope, handles)
  const wanted = new Set(handles.map(handle => handle.wantedFd))
  let next = firstDescriptor
  const take = () => {
    while (wanted.has(next)) next++
    return next++
  }
  const numbered = [...listening, ...others]
    .map(({ link, side, variable, wantedFd }) => ({ link, side, fd: wantedFd ?? take(), variable }))
    .toSorted((a, b) => a.fd - b.fd)
  const unnumbered = handles.filter(handle => !handle.hasDescriptor)
  return [...numbered, ...unnumbered.map(({ link, side, variable }) => ({ link, side, fd: null, variable }))]
}

/** Of some kinds a program finds only one, at a variable with one name. */
function reportSecondOnes(scope: Scope, handles: readonly DraftHandle[]): void {
  const first = new Map<string, string>()
  for (const { link, path } of handles) {
    const { kind } = scope.links.get(link)!
    const other = first.get(kind.name)
    if (kind.onePerProcess === true && other !== undefined)
      scope.findings.report(
        path,
        `a process can have one link of kind ${kind.name}, and this one has "${other}" already.`,
      )
    first.set(kind.name, link)
  }
}

function reportClashes(scope: Scope, handles: readonly DraftHandle[], endOfRange: number): void {
  const takers = new Map<number | string, string>()
  for (const { link, side, path, isListening, hasDescriptor, wantedFd, variable } of handles) {
    const sameVariable = takers.get(variable)
    if (sameVariable !== undefined)
      scope.findings.report(`${path}.env`, `${quote(variable)} is the variable of link "${sameVariable}" already.`)
    takers.set(variable, link)
    if (wantedFd === null) continue
    if (!hasDescriptor) {
      scope.findings.report(`${path}.fd`, `side "${side}" of link "${link}" has no descriptor. Leave it out.`)
      continue
    }
    const same = takers.get(wantedFd)
    if (same !== undefined)
      scope.findings.report(`${path}.fd`, `descriptor ${wantedFd} is taken twice: link "${same}" has it too.`)
    takers.set(wantedFd, link)
    if (isListening !== wantedFd < endOfRange)
      scope.findings.report(`${path}.fd`, explainRange(wantedFd, isListening, endOfRange))
  }
}

function explainRange(fd: number, isListening: boolean, endOfRange: number): string {
  const range = endOfRange - 1 === firstDescriptor ? `${firstDescriptor}` : `${firstDescriptor} to ${endOfRange - 1}`
  return isListening
    ? `descriptor ${fd} is past the range of LISTEN_FDS: the listening sides of this process must be ${range}.`
    : `descriptor ${fd} is in the range of LISTEN_FDS: ${range} is for the listening sides of this process. Use ${endOfRange} or more.`
}
