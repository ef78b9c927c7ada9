/** Who may be at the sides of a link, how many, and what is doubtful about it. */
import type { PlannedUse } from '../plan.js'
import { listChoices } from '../problems.js'
import type { Draft, DraftLink, Scope } from './scope.js'

export interface LinkUses {
  readonly link: DraftLink
  readonly uses: readonly PlannedUse[]
  /** Name in the Plan → what it was declared as; replicas share one. */
  readonly drafts: ReadonlyMap<string, Draft>
}

/** @param mayBeUnused - sides without a process are allowed: an app, or a process with problems, may be there */
export function checkLink(scope: Scope, given: LinkUses, { mayBeUnused }: { readonly mayBeUnused: boolean }): void {
  if (!mayBeUnused) {
    checkUnused(scope, given)
    checkServer(scope, given)
  }
  checkWords(scope, given.link)
  checkRoute(scope, given)
  if (checkUses(scope, given)) return
  checkReaders(scope, given)
  checkWriters(scope, given)
}

/** Sides of a link without a name that no process has: nobody else can come there. */
function findUnusedSides(link: DraftLink, uses: readonly PlannedUse[]): string[] {
  if (link.traits.named) return []
  return Object.entries(link.sides)
    .filter(([side, { optional }]) => optional !== true && !uses.some(use => use.side === side))
    .map(([side]) => side)
}

function checkUnused(scope: Scope, { link, uses }: LinkUses): void {
  const unused = findUnusedSides(link, uses)
  if (unused.length === 0) return
  const users = [...new Set(uses.map(use => `"${use.process}"`))].slice(0, 5).join(', ')
  scope.findings.report(
    link.path,
    uses.length === 0
      ? `no process uses this link. Give it to processes, at ${listChoices(Object.keys(link.sides))}, or leave it out.`
      : `no process has side ${listChoices(unused)} of this link; only ${users} uses it. Give the other side to a process, or leave the link out.`,
  )
}

/** The supervisor listens, so that clients are let in, and wait. */
function checkServer(scope: Scope, { link, uses }: LinkUses): void {
  const listening = Object.keys(link.sides).find(side => link.sides[side]!.listens)
  const [client] = uses
  if (listening === undefined || client === undefined || uses.some(use => use.side === listening)) return
  scope.findings.warn(
    link.path,
    `no process has side "${listening}": "${client.process}" will wait for an answer that nobody gives. Add links: { ${link.name}: "${listening}" } to its server.`,
  )
}

/** `readers` and `writers` of links where nothing depends on them. */
function checkWords(scope: Scope, link: DraftLink): void {
  const sides = Object.values(link.sides)
  const { manyReaders, manyWriters, keepsBoundaries } = link.traits
  const canMix = !makesConnections(link)
  const canShare = canMix && manyReaders && sides.some(side => side.reads)
  const canTear = canMix && manyWriters && !keepsBoundaries && sides.some(side => side.writes)
  if (link.isShared && !canShare)
    scope.findings.report(
      `${link.path}.readers`,
      `"shared" changes nothing: no two readers of this ${link.kind.name} could take bytes from each other. Leave it out.`,
    )
  if (link.isLineWise && !canTear)
    scope.findings.report(
      `${link.path}.writers`,
      `"lines" changes nothing: no two writers of this ${link.kind.name} could tear lines apart. Leave it out.`,
    )
}

/** Who never tells that it is ready would never cause anything. */
function checkRoute(scope: Scope, { link, uses, drafts }: LinkUses): void {
  const route = link.kind.route?.(link.options)
  if (route?.on !== 'ready') return
  const causes = uses.filter(use => use.side === route.from).map(use => drafts.get(use.process)!)
  for (const { name, plan } of new Set(causes))
    if (plan.ready === null)
      scope.findings.report(link.path, `waits for "${name}" to be ready, which does not tell. Give it ready: "notify".`)
}

/** What the kind itself finds wrong; then all else that could be said of its users would be said twice. */
function checkUses(scope: Scope, { link, uses }: LinkUses): boolean {
  const problems = link.kind.checkUses?.(link.options, uses) ?? []
  for (const { option, message } of problems) {
    const path = option === null ? link.path : `${link.path}.${option}`
    // A value that is wrong was taken out, so here it looks as if it were missing.
    if (!scope.findings.has(path)) scope.findings.report(path, message)
  }
  return problems.length > 0
}

const bothWays = (link: DraftLink, side: string) => link.sides[side]!.reads && link.sides[side]!.writes

/** Each client has a connection of its own there, so no bytes of two are mixed. */
function makesConnections(link: DraftLink): boolean {
  return Object.values(link.sides).some(side => side.listens)
}

function checkReaders(scope: Scope, { link, uses, drafts }: LinkUses): void {
  for (const [side, { reads }] of Object.entries(link.sides)) {
    const readers = uses.filter(use => use.side === side)
    if (!reads || readers.length < 2) continue
    if (!link.traits.manyReaders) {
      const what = bothWays(link, side) ? `one process at side "${side}"` : 'one reading process'
      scope.findings.report(
        link.path,
        `a ${link.kind.name} can have only ${what}, and has ${nameAll(readers)}. Give each a link of its own.`,
      )
      continue
    }
    const declared = new Set(readers.map(use => drafts.get(use.process)!.name))
    if (declared.size > 1 && !link.isShared && !makesConnections(link))
      scope.findings.report(
        link.path,
        `is read by ${nameAll(readers)}: each byte would go to only one of them. Give each a link of its own, or say readers: "shared" if that is meant.`,
      )
  }
}

function checkWriters(scope: Scope, { link, uses }: LinkUses): void {
  for (const [side, { writes }] of Object.entries(link.sides)) {
    const writers = uses.filter(use => use.side === side)
    if (!writes || writers.length < 2) continue
    if (!link.traits.manyWriters) {
      // Said by the readers' check already.
      if (bothWays(link, side) && !link.traits.manyReaders) continue
      scope.findings.report(
        link.path,
        `a ${link.kind.name} can have only one writing process, and has ${nameAll(writers)}. Give each a link of its own.`,
      )
      continue
    }
    if (!link.traits.keepsBoundaries && !link.isLineWise && !makesConnections(link))
      scope.findings.warn(
        link.path,
        `is written by ${nameAll(writers)}, and their lines can be torn apart. If each write is whole lines of at most 4096 bytes (stdbuf -oL, --line-buffered), say writers: "lines".`,
      )
  }
}

function nameAll(uses: readonly PlannedUse[]): string {
  const names = uses.slice(0, 4).map(use => `"${use.process}"`)
  if (uses.length > 4) names.push(`${uses.length - 4} more`)
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
