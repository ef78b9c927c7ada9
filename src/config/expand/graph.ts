/** Questions about directed graphs whose nodes are names. Nothing here recurses: a chain may have 10,000 nodes. */

export type Edges = ReadonlyMap<string, Iterable<string>>

/** Everything that can be reached from `start` over at least one edge. */
export function reachFrom(start: string, edges: Edges): Set<string> {
  const reached = new Set<string>()
  const rest = [start]
  for (let node = rest.pop(); node !== undefined; node = rest.pop())
    for (const next of edges.get(node) ?? []) {
      if (reached.has(next)) continue
      reached.add(next)
      rest.push(next)
    }
  return reached
}

/**
 * One shortest cycle of each group of nodes that reach each other, from the node that comes first in `edges`:
 * `['a', 'b', 'a']`.
 */
export function findCycles(edges: Edges): string[][] {
  const groupOf = new Map(findComponents(edges).flatMap(group => [...group].map(node => [node, group] as const)))
  const done = new Set<ReadonlySet<string>>()
  const cycles: string[][] = []
  for (const node of edges.keys()) {
    const group = groupOf.get(node)!
    if (done.has(group)) continue
    done.add(group)
    const cycle = shortestCycle(node, group, edges)
    if (cycle !== null) cycles.push(cycle)
  }
  return cycles
}

/** Breadth first, inside the group. */
function shortestCycle(start: string, group: ReadonlySet<string>, edges: Edges): string[] | null {
  const cameFrom = new Map<string, string>()
  const rest = [start]
  for (const node of rest)
    for (const next of edges.get(node) ?? []) {
      if (next === start) return tracePath(start, node, cameFrom)
      if (!group.has(next) || cameFrom.has(next)) continue
      cameFrom.set(next, node)
      rest.push(next)
    }
  return null
}

function tracePath(start: string, last: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const path = [start]
  for (let node = last; node !== start; node = cameFrom.get(node)!) path.unshift(node)
  return [start, ...path]
}

/** Groups of nodes that all reach each other (Tarjan's algorithm, with its stack kept by hand). */
function findComponents(edges: Edges): Set<string>[] {
  const components: Set<string>[] = []
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const open: string[] = []
  const isOpen = new Set<string>()
  const visit = (node: string) => {
    order.set(node, order.size)
    lowest.set(node, order.get(node)!)
    open.push(node)
    isOpen.add(node)
    return { node, rest: (edges.get(node) ?? [])[Symbol.iterator]() }
  }
  const lower = (node: string, value: number) => lowest.set(node, Math.min(lowest.get(node)!, value))
  const close = (node: string) => {
    if (lowest.get(node) !== order.get(node)) return
    const component = new Set(open.splice(open.lastIndexOf(node)))
    for (const member of component) isOpen.delete(member)
    components.push(component)
  }
  for (const root of edges.keys()) {
    if (order.has(root)) continue
    const path = [visit(root)]
    for (let current = path.at(-1); current !== undefined; current = path.at(-1)) {
      const next = current.rest.next()
      if (next.done !== true) {
        if (!order.has(next.value)) path.push(visit(next.value))
        else if (isOpen.has(next.value)) lower(current.node, order.get(next.value)!)
        continue
      }
      path.pop()
      close(current.node)
      const parent = path.at(-1)
      if (parent !== undefined) lower(parent.node, lowest.get(current.node)!)
    }
  }
  return components
}
