import type { PlannedProcess, PlannedUse } from '../plan.js'
import type { Edges } from './graph.js'
import type { DraftLink } from './scope.js'

/** Every process at every side of every link, in declared order; each once. */
export function collectUses(processes: Iterable<PlannedProcess>): ReadonlyMap<string, readonly PlannedUse[]> {
  const uses = new Map<string, Map<string, PlannedUse>>()
  for (const process of processes) {
    const streams = process.redirections.flatMap(({ to }) => (to.type === 'link' ? [to] : []))
    for (const { link, side } of [...streams, ...process.handles]) {
      if (!uses.has(link)) uses.set(link, new Map())
      uses.get(link)!.set(`${process.name} ${side}`, { process: process.name, side })
    }
  }
  return new Map([...uses].map(([link, byKey]) => [link, [...byKey.values()]]))
}

/**
 * Where data can go, writer → reader. Each side of a link is a node between them (a name with a blank, which no process
 * has): so a link with many writers and readers needs no edge for each pair.
 */
export function dataEdges(
  links: Iterable<DraftLink>,
  uses: ReadonlyMap<string, readonly PlannedUse[]>,
): Map<string, Set<string>> {
  const edges = new Map<string, Set<string>>()
  const add = (from: string, to: string) => {
    if (!edges.has(from)) edges.set(from, new Set())
    edges.get(from)!.add(to)
  }
  for (const { name, sides } of links)
    for (const use of uses.get(name) ?? []) {
      if (sides[use.side]!.writes) add(use.process, `${name} ${use.side}`)
      if (!sides[use.side]!.reads) continue
      for (const other of Object.keys(sides)) if (other !== use.side) add(`${name} ${other}`, use.process)
    }
  return edges
}

/** Who stops before whom (see the drain): writer → reader, client → listener, dependant → need. Two-way links give no order. */
export function stopEdges(
  links: Iterable<DraftLink>,
  uses: ReadonlyMap<string, readonly PlannedUse[]>,
  processes: Iterable<PlannedProcess>,
): Edges {
  const list = [...links]
  const edges = dataEdges(
    list.filter(link => !link.traits.duplex),
    uses,
  )
  const add = (from: string, to: string) => edges.set(from, new Set([...(edges.get(from) ?? []), to]))
  for (const { name, sides } of list) {
    const listens = (use: PlannedUse) => sides[use.side]!.listens
    if (!Object.values(sides).some(side => side.listens)) continue
    // A process may have the same name as the link.
    const node = `${name} listener`
    for (const use of uses.get(name) ?? []) {
      if (listens(use)) add(node, use.process)
      else add(use.process, node)
    }
  }
  for (const process of processes) for (const need of Object.keys(process.needs)) add(process.name, need)
  return edges
}
