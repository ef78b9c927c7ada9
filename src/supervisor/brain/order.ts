import type { Plan } from '../../config/plan.js'

/** `from` must be finished before `to` is stopped. */
export type Edges = ReadonlyMap<string, ReadonlySet<string>>

/**
 * Who stops before whom: a writer before its readers, a client before its listener, a dependant before its need.
 * Every process is a key.
 */
export function stopEdges(plan: Plan): Edges {
  const edges = new Map<string, Set<string>>(Object.keys(plan.processes).map(name => [name, new Set()]))
  const add = (from: string, to: string) => {
    if (from !== to) edges.get(from)?.add(to)
  }
  for (const link of Object.values(plan.links))
    for (const from of link.uses)
      for (const to of link.uses) {
        if (from.side === to.side) continue
        const [source, target] = [link.sides[from.side]!, link.sides[to.side]!]
        if ((source.writes && target.reads) || target.listens) add(from.process, to.process)
      }
  for (const process of Object.values(plan.processes))
    for (const need of Object.keys(process.needs)) add(process.name, need)
  return edges
}

/**
 * Components of mutual reach, in an order in which no edge points backwards (Tarjan's algorithm, without recursion: a
 * chain of 10,000 processes is a legal config).
 */
export function components(edges: Edges): readonly (readonly string[])[] {
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const onStack = new Set<string>()
  const stack: string[] = []
  const found: string[][] = []
  for (const root of edges.keys()) {
    if (index.has(root)) continue
    const work: { node: string; next: Iterator<string> }[] = []
    const enter = (node: string) => {
      index.set(node, index.size)
      low.set(node, index.get(node)!)
      stack.push(node)
      onStack.add(node)
      work.push({ node, next: edges.get(node)![Symbol.iterator]() })
    }
    const leave = (node: string) => {
      work.pop()
      const parent = work.at(-1)?.node
      if (parent !== undefined) low.set(parent, Math.min(low.get(parent)!, low.get(node)!))
      if (low.get(node) !== index.get(node)) return
      const members = stack.splice(stack.lastIndexOf(node))
      for (const member of members) onStack.delete(member)
      found.push(members)
    }
    enter(root)
    while (work.length > 0) {
      const { node, next } = work.at(-1)!
      const step = next.next()
      if (step.done) leave(node)
      else if (!index.has(step.value)) enter(step.value)
      else if (onStack.has(step.value)) low.set(node, Math.min(low.get(node)!, index.get(step.value)!))
    }
  }
  return found.reverse()
}

/** The named processes and all that they need, transitively, in declared order. */
export function withNeeds(plan: Plan, names: readonly string[]): readonly string[] {
  const wanted = new Set<string>()
  const visit = [...names]
  for (let name = visit.pop(); name !== undefined; name = visit.pop()) {
    if (wanted.has(name)) continue
    wanted.add(name)
    visit.push(...Object.keys(plan.processes[name]!.needs))
  }
  return Object.keys(plan.processes).filter(name => wanted.has(name))
}

/** All processes connected to `name` through links of lifetime `reset`, itself included. */
export function resetSet(
  plan: Plan,
  name: string,
): { readonly members: readonly string[]; readonly links: readonly string[] } {
  const members = new Set([name])
  const links = new Set<string>()
  for (let before = -1; before !== members.size; ) {
    before = members.size
    for (const link of Object.values(plan.links)) {
      if (link.lifetime !== 'reset' || !link.uses.some(use => members.has(use.process))) continue
      links.add(link.name)
      for (const use of link.uses) members.add(use.process)
    }
  }
  return { members: [...members], links: [...links] }
}
