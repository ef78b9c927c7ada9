/** Needs: names that must exist, no cycles, and no waiting for a process that itself waits to be read. */
import { suggest } from '../../nearest.js'
import type { Need } from '../plan.js'
import { quote } from '../problems.js'
import { type Edges, findCycles, reachFrom } from './graph.js'
import type { Draft, Scope } from './scope.js'

/** A name in `needs` → the processes it stands for: the replicas of a process, the stages of a pipeline. */
export type Groups = ReadonlyMap<string, readonly string[]>

/** Of two needs of one process the later one holds. */
const order = ['started', 'ready', 'completed'] as const satisfies readonly Need[]

/**
 * Needs of a process by the names in the Plan. What is wrong is reported once for each draft.
 *
 * @param drafts - by the names in the Plan
 */
export function resolveNeeds(
  scope: Scope,
  draft: Draft,
  groups: Groups,
  drafts: ReadonlyMap<string, Draft>,
): Readonly<Record<string, Need>> {
  const resolved: Record<string, Need> = {}
  for (const [name, need] of Object.entries(draft.needs)) {
    const members = groups.get(name)
    if (members === undefined) reportUnknown(scope, draft, name, groups)
    for (const member of members ?? []) {
      const other = resolved[member]
      if (other === undefined || order.indexOf(need) > order.indexOf(other)) resolved[member] = need
    }
    if (need === 'ready' && members?.some(member => drafts.get(member)!.plan.ready === null))
      reportSilent(scope, draft, name, drafts.get(members[0]!)!)
  }
  return resolved
}

/** Nothing would ever tell that it is ready. */
function reportSilent(scope: Scope, { path }: Draft, name: string, needed: Draft): void {
  const isProcess = needed.path === `processes.${name}`
  const advice = isProcess
    ? `If it sends READY=1 to $NOTIFY_SOCKET, give it ready: "notify"; else use "started".`
    : 'Stages of a pipeline say nothing: use "started".'
  scope.findings.report(`${path}.needs.${name}`, `"${name}" does not tell when it is ready. ${advice}`)
}

function reportUnknown(scope: Scope, draft: Draft, name: string, groups: Groups): void {
  if (scope.lost.processes.has(name)) return
  const names = [...groups.keys()]
  const hint = suggest(name, names) || ` Known: ${names.slice(0, 20).join(', ')}.`
  scope.findings.report(`${draft.path}.needs`, `there is no process ${quote(name)}.${hint}`)
}

/** Names of the config, not of replicas and stages: a cycle is shown as it was written. */
export function checkNeedCycles(scope: Scope, drafts: readonly Draft[]): void {
  const owners = new Map(drafts.map(draft => [draft.name, ownerOf(draft)]))
  const paths = new Map(drafts.map(draft => [ownerOf(draft), draft.path]))
  const edges: Edges = new Map(
    drafts.map(draft => [ownerOf(draft), Object.keys(draft.needs).map(name => owners.get(name) ?? name)]),
  )
  for (const cycle of findCycles(edges))
    scope.findings.report(
      `${paths.get(cycle[0]!)!}.needs`,
      `go in a circle, so that none can start: ${cycle.join(' → ')}.`,
    )
}

/** All stages of a pipeline have the same needs: they are one node. */
function ownerOf(draft: Draft): string {
  return draft.path.slice(draft.path.indexOf('.') + 1)
}

/**
 * A process that must complete before its reader starts stops for ever once the pipe is full.
 *
 * @param needs - of every process, by the names in the Plan
 * @param data - writer → reader; links may be nodes too
 */
export function checkCompletedNeeds(
  scope: Scope,
  drafts: ReadonlyMap<string, Draft>,
  needs: ReadonlyMap<string, Readonly<Record<string, Need>>>,
  data: Edges,
): void {
  const reached = new Map<string, Set<string>>()
  for (const [name, ownNeeds] of needs)
    for (const [need, state] of Object.entries(ownNeeds)) {
      if (state !== 'completed' || !data.has(need)) continue
      if (!reached.has(need)) reached.set(need, reachFrom(need, data))
      if (reached.get(need)!.has(name))
        scope.findings.report(
          `${drafts.get(name)!.path}.needs`,
          `"${need}" must be completed before "${name}" starts, and "${name}" reads what "${need}" writes: once the link is full both wait for ever. Use "started".`,
        )
    }
}
