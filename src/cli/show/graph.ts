/**
 * The graph of a Plan as text, Graphviz dot or Mermaid.
 */
import type { Plan, PlannedLink } from '../../config/plan.js'
import { escapeControls, formatTable, type Paint } from './text.js'

export const graphFormats = ['text', 'dot', 'mermaid'] as const
export type GraphFormat = (typeof graphFormats)[number]

/** How the links of a running supervisor stand, by name; empty: there is none. */
export type LiveFacts = ReadonlyMap<string, string>

export function formatGraph(plan: Plan, format: GraphFormat, paint: Paint, live: LiveFacts): string {
  return formats[format](plan, live, paint)
}

const formats = {
  text: formatText,
  dot: formatDot,
  mermaid: formatMermaid,
} satisfies Record<GraphFormat, (plan: Plan, live: LiveFacts, paint: Paint) => string>

/** One arrow; towards both ends where a side neither only reads nor only writes. */
interface Edge {
  readonly from: Node
  readonly to: Node
  readonly label: string
  readonly both: boolean
}

interface Node {
  readonly type: 'process' | 'link'
  readonly name: string
}

/**
 * A link with one writer and one reader is an arrow between them; any other is a node of its own, with an arrow for each
 * use.
 */
function listEdges(plan: Plan, describe: Describe): { edges: readonly Edge[]; nodes: readonly PlannedLink[] } {
  const links = Object.values(plan.links)
  const nodes = links.filter(link => !isArrow(link))
  const edges = links.flatMap(link =>
    isArrow(link) ? [makeArrow(link, describe)] : link.uses.map(use => makeEdge(link, use)),
  )
  return { edges, nodes }
}

type Describe = (link: PlannedLink) => string

/** Its name, kind, and how it stands, parted by what a new line is in that format. */
function describeWith(live: LiveFacts, newLine: string): Describe {
  return ({ name, kind }) =>
    [`${name} (${kind})`, escapeControls(live.get(name) ?? '')].filter(text => text !== '').join(newLine)
}

function listEnds(link: PlannedLink) {
  const only = (direction: 'reads' | 'writes') =>
    link.uses.filter(({ side }) => {
      const { reads, writes } = directionOf(link, side)
      return direction === 'reads' ? reads && !writes : writes && !reads
    })
  return { writers: only('writes'), readers: only('reads') }
}

/** Of a route what happens goes in, and the signal comes out; clients go to their server; a counter is raised, and waited for. */
function directionOf(
  { sides, route, form }: PlannedLink,
  side: string,
): { readonly reads: boolean; readonly writes: boolean } {
  if (route !== null) return { reads: side === route.to, writes: side === route.from }
  const names = Object.keys(sides)
  const receives = form === 'counter' ? names.indexOf(side) > 0 : sides[side]!.listens
  if (form === 'counter' || names.some(name => sides[name]!.listens)) return { reads: receives, writes: !receives }
  return sides[side]!
}

function isArrow(link: PlannedLink): boolean {
  const { writers, readers } = listEnds(link)
  return link.uses.length === 2 && writers.length === 1 && readers.length === 1
}

function makeArrow(link: PlannedLink, describe: Describe): Edge {
  const { writers, readers } = listEnds(link)
  return {
    from: { type: 'process', name: writers[0]!.process },
    to: { type: 'process', name: readers[0]!.process },
    label: describe(link),
    both: false,
  }
}

function makeEdge(link: PlannedLink, { process, side }: { process: string; side: string }): Edge {
  const { reads, writes } = directionOf(link, side)
  const ends = [
    { type: 'process', name: process },
    { type: 'link', name: link.name },
  ] as const
  const [from, to] = reads && !writes ? [ends[1], ends[0]] : ends
  return { from, to, label: side, both: reads === writes }
}

function formatText(plan: Plan, live: LiveFacts, paint: Paint): string {
  const links = Object.values(plan.links).map(link => [
    { text: link.name, style: 'cyan' as const },
    { text: link.kind, style: 'dim' as const },
    { text: describeFlow(link) },
    { text: escapeControls(live.get(link.name) ?? '') },
  ])
  const alone = Object.keys(plan.processes).filter(
    name => !Object.values(plan.links).some(link => link.uses.some(use => use.process === name)),
  )
  const needs = listNeeds(plan).map(({ process, need, on }) => `${process} needs ${on} (${need})\n`)
  return [
    links.length > 0 ? formatTable(['link', 'kind', 'flow', ...(live.size > 0 ? ['now'] : [])], links, paint) : '',
    needs.length > 0 ? `\n${needs.join('')}` : '',
    alone.length > 0 ? `\nwithout links: ${alone.join(', ')}\n` : '',
  ]
    .join('')
    .replace(/^\n/, '')
}

/** `tail, head -> sort`; for links without direction, who is at which side. */
function describeFlow(link: PlannedLink): string {
  const { writers, readers } = listEnds(link)
  const list = (uses: typeof writers) => uses.map(use => use.process).join(', ') || '(strangers)'
  const sides = Object.keys(link.sides)
  const isOneWay = sides.every(side => directionOf(link, side).reads !== directionOf(link, side).writes)
  if (!isOneWay || writers.length + readers.length < link.uses.length) {
    const used = sides.map(side => ({ side, uses: link.uses.filter(use => use.side === side) }))
    const groups = used.filter(({ uses }) => uses.length > 0).map(({ side, uses }) => `${list(uses)} (${side})`)
    return groups.join(' <-> ') || '(strangers)'
  }
  return `${list(writers)} -> ${list(readers)}`
}

function formatDot(plan: Plan, live: LiveFacts): string {
  const describe = describeWith(live, '\n')
  const { edges, nodes } = listEdges(plan, describe)
  const quote = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
  const id = ({ type, name }: Node) => quote(`${type} ${name}`)
  const lines = [
    `digraph ${quote(plan.name)} {`,
    '  rankdir=LR',
    ...Object.keys(plan.processes).map(name => `  ${id({ type: 'process', name })} [shape=box, label=${quote(name)}]`),
    ...nodes.map(node => `  ${id({ type: 'link', name: node.name })} [shape=ellipse, label=${quote(describe(node))}]`),
    ...edges.map(
      ({ from, to, label, both }) => `  ${id(from)} -> ${id(to)} [label=${quote(label)}${both ? ', dir=both' : ''}]`,
    ),
    ...listNeeds(plan).map(
      ({ process, need, on }) =>
        `  ${id({ type: 'process', name: process })} -> ${id({ type: 'process', name: on })} [style=dashed, label=${quote(`needs ${need}`)}]`,
    ),
    '}',
  ]
  return `${lines.join('\n')}\n`
}

function formatMermaid(plan: Plan, live: LiveFacts): string {
  const describe = describeWith(live, '<br>')
  const { edges, nodes } = listEdges(plan, describe)
  // Names have characters that Mermaid's identifiers may not have.
  const ids = new Map<string, string>()
  const id = ({ type, name }: Node) => {
    const key = `${type} ${name}`
    if (!ids.has(key)) ids.set(key, `n${ids.size}`)
    return ids.get(key)
  }
  const quote = (text: string) => `"${text.replaceAll('"', '#quot;')}"`
  const lines = [
    'flowchart LR',
    ...Object.keys(plan.processes).map(name => `  ${id({ type: 'process', name })}[${quote(name)}]`),
    ...nodes.map(node => `  ${id({ type: 'link', name: node.name })}([${quote(describe(node))}])`),
    ...edges.map(({ from, to, label, both }) => `  ${id(from)} ${both ? '<-->' : '-->'}|${quote(label)}| ${id(to)}`),
    ...listNeeds(plan).map(
      ({ process, need, on }) =>
        `  ${id({ type: 'process', name: process })} -.->|${quote(`needs ${need}`)}| ${id({ type: 'process', name: on })}`,
    ),
  ]
  return `${lines.join('\n')}\n`
}

function listNeeds(plan: Plan) {
  return Object.values(plan.processes).flatMap(({ name, needs }) =>
    Object.entries(needs).map(([on, need]) => ({ process: name, on, need })),
  )
}
