/** From drafts to the processes and links of the Plan: replicas, needs, uses, and what concerns them all. */

import { mostLinks, mostProcesses } from '../limits.js'
import type { PlannedLink, PlannedProcess, PlannedUse } from '../plan.js'
import { checkClaims } from './check-claims.js'
import { checkLink } from './check-links.js'
import { findCycles } from './graph.js'
import { checkCompletedNeeds, checkNeedCycles, type Groups, resolveNeeds } from './needs.js'
import type { Draft, DraftLink, Scope } from './scope.js'
import { collectUses, dataEdges, stopEdges } from './uses.js'

export interface Assembled {
  readonly links: Readonly<Record<string, PlannedLink>>
  readonly processes: Readonly<Record<string, PlannedProcess>>
}

/**
 * @param pipelines - name of a pipeline → its stages
 * @param mayBeUnused - a side without a process is no problem
 */
export function assemble(
  scope: Scope,
  drafts: readonly Draft[],
  pipelines: Groups,
  options: { readonly mayBeUnused: boolean },
): Assembled {
  if (!checkLimits(scope, drafts)) return { links: {}, processes: {} }
  const groups: Groups = new Map([...drafts.map(draft => [draft.name, nameReplicas(draft)] as const), ...pipelines])
  const byName = new Map(drafts.flatMap(draft => nameReplicas(draft).map(name => [name, draft] as const)))
  const needsOf = new Map(drafts.map(draft => [draft, resolveNeeds(scope, draft, groups, byName)]))
  const processes = [...byName].map(([name, draft]) => ({ name, ...draft.plan, needs: needsOf.get(draft)! }))
  const uses = collectUses(processes)
  const links = [...scope.links.values()]
  for (const link of links) checkLink(scope, { link, uses: uses.get(link.name) ?? [], drafts: byName }, options)
  checkClaims(scope)
  checkInherited(scope, processes, byName)
  checkNeedCycles(scope, drafts)
  checkCompletedNeeds(scope, byName, new Map(processes.map(({ name, needs }) => [name, needs])), dataEdges(links, uses))
  warnOfStopCycles(scope, processes, uses)
  return {
    links: Object.fromEntries(links.map(link => [link.name, planLink(link, uses.get(link.name) ?? [])])),
    processes: Object.fromEntries(processes.map(process => [process.name, process])),
  }
}

function planLink(
  { name, kind, sides, traits, options, lifetime }: DraftLink,
  uses: readonly PlannedUse[],
): PlannedLink {
  const [form, route] = [kind.form(options), kind.route?.(options) ?? null]
  const tracksUses = kind.tracksUses ?? false
  return { name, kind: kind.name, form, sides, traits, route, options, lifetime, uses, tracksUses }
}

function nameReplicas({ name, replicas }: Draft): string[] {
  return replicas === null ? [name] : Array.from({ length: replicas }, (_, number) => `${name}.${number}`)
}

function checkLimits(scope: Scope, drafts: readonly Draft[]): boolean {
  const processes = drafts.reduce((count, draft) => count + (draft.replicas ?? 1), 0)
  if (processes > mostProcesses)
    scope.findings.report(
      'processes',
      `are ${processes} with their replicas; at most ${mostProcesses} can be in one config.`,
    )
  if (scope.links.size > mostLinks)
    scope.findings.report(
      'links',
      `are ${scope.links.size}, those of pipelines included; at most ${mostLinks} can be in one config.`,
    )
  return processes <= mostProcesses && scope.links.size <= mostLinks
}

function checkInherited(scope: Scope, processes: readonly PlannedProcess[], drafts: ReadonlyMap<string, Draft>): void {
  const [first, second] = processes.filter(({ redirections }) =>
    redirections.some(({ fd, to }) => fd === 0 && to.type === 'inherit'),
  )
  if (second !== undefined)
    scope.findings.report(
      `${drafts.get(second.name)!.path}.stdin`,
      `is "inherit" for "${second.name}" and for "${first!.name}": only one process can read the input of ipcsup.`,
    )
}

/** Components of the stop order are stopped together, without a drain: worth knowing. */
function warnOfStopCycles(
  scope: Scope,
  processes: readonly PlannedProcess[],
  uses: ReturnType<typeof collectUses>,
): void {
  for (const cycle of findCycles(stopEdges(scope.links.values(), uses, processes))) {
    // Nodes of links have a blank. A cycle that begins at one ends there too.
    const names = cycle.filter(node => !node.includes(' '))
    const closed = names[0] === names.at(-1) ? names : [...names, names[0]]
    scope.findings.warn(
      '',
      `${closed.join(' → ')} go in a circle of links or needs: at the stop they are ended together, not one after the other.`,
    )
  }
}
