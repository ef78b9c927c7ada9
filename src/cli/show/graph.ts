/**
 * The graph of a Plan as text, Graphviz dot or Mermaid.
 */
import type { Plan, PlannedLink } from '../../config/plan.js'
import { formatTable, type Paint } from './text.js'

export const graphFormats = ['text', 'dot', 'mermaid'] as const
export type GraphFormat = (typeof graphFormats)[number]

export function formatGraph(plan: Plan, format: GraphFormat, paint: Paint): string {
  return formats[format](plan, paint)
}

const formats = {
  text: formatText,
  dot: plan => formatDot(plan),
  mermaid: plan => formatMermaid(plan),
} satisfies Record<GraphFormat, (plan: Plan, paint: Paint) => string>

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
function listEdges(plan: Plan): { edges: readonly Edge[]; nodes: readonly PlannedLink[] } {
  const links = Object.values(plan.links)
  const nodes = links.filter(link => !isArrow(link))
  const edges = links.flatMap(link => (isArrow(link) ? [makeArrow(link)] : link.uses.map(use => makeEdge(link, use))))
  return { edges, nodes }
}

function listEnds(link: PlannedLink) {
  const only = (direction: 'reads' | 'writes') =>
    link.uses.filter(({ side }) => {
      const { reads, writes } = link.sides[side]!
      return direction === 'reads' ? reads && !writes : writes && !reads
    })
  return { writers: only('writes'), readers: only('reads') }
}

function isArrow(link: PlannedLink): boolean {
  const { writers, readers } = listEnds(link)
  return link.uses.length === 2 && writers.length === 1 && readers.length === 1
}

function makeArrow(link: PlannedLink): Edge {
  const { writers, readers } = listEnds(link)
  return {
    from: { type: 'process', name: writers[0]!.process },
    to: { type: 'process', name: readers[0]!.process },
    label: `${link.name} (${link.kind})`,
    both: false,
  }
}

function makeEdge(link: PlannedLink, { process, side }: { process: string; side: string }): Edge {
  const { reads, writes } = link.sides[side]!
  const ends = [
    { type: 'process', name: process },
    { type: 'link', name: link.name },
  ] as const
  const [from, to] = reads && !writes ? [ends[1], ends[0]] : ends
  return { from, to, label: side, both: reads === writes }
}

function formatText(plan: Plan, paint: Paint): string {
  const links = Object.values(plan.links).map(link => [
    { text: link.name, style: 'cyan' as const },
    { text: link.kind, style: 'dim' as const },
    { text: describeFlow(link) },
  ])
  const alone = Object.keys(plan.processes).filter(
    name => !Object.values(plan.links).some(link => link.uses.some(use => use.process === name)),
  )
  const needs = listNeeds(plan).map(({ process, need, on }) => `${process} needs ${on} (${need})\n`)
  return [
    links.length > 0 ? formatTable(['link', 'kind', 'flow'], links, paint) : '',
    needs.length > 0 ? `\n${needs.join('')}` : '',
    alone.length > 0 ? `\nwithout links: ${alone.join(', ')}\n` : '',
  ]
    .join('')
    .replace(/^\n/, '')
}

/** `tail, head -> sort`; for links without direction, who is at which side. */
function describeFlow(link: PlannedLink): string {
  const { writers, readers } = listEnds(link)
  if (writers.length + readers.length < link.uses.length) {
    return link.uses.map(({ process, side }) => `${process} (${side})`).join(' <-> ')
  }
  const list = (uses: typeof writers) => uses.map(use => use.process).join(', ') || '(strangers)'
  return `${list(writers)} -> ${list(readers)}`
}

function formatDot(plan: Plan): string {
  const { edges, nodes } = listEdges(plan)
  const quote = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
  const id = ({ type, name }: Node) => quote(`${type} ${name}`)
  const lines = [
    `digraph ${quote(plan.name)} {`,
    '  rankdir=LR',
    ...Object.keys(plan.processes).map(name => `  ${id({ type: 'process', name })} [shape=box, label=${quote(name)}]`),
    ...nodes.map(
      ({ name, kind }) => `  ${id({ type: 'link', name })} [shape=ellipse, label=${quote(`${name} (${kind})`)}]`,
    ),
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

function formatMermaid(plan: Plan): string {
  const { edges, nodes } = listEdges(plan)
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
    ...nodes.map(({ name, kind }) => `  ${id({ type: 'link', name })}([${quote(`${name} (${kind})`)}])`),
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
