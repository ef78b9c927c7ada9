import { IpcsupError } from '../../errors.js'
import { loadPlan } from '../config.js'
import { findRunning } from '../locate.js'
import { describeFacts, placeOf } from '../show/facts.js'
import { formatGraph, type GraphFormat, graphFormats, type LiveFacts } from '../show/graph.js'
import { makePaint } from '../show/text.js'
import { type Call, readValue, sharedOptions, type Verb } from '../verb.js'

export const graph: Verb = {
  options: [
    sharedOptions.config,
    { flags: '--format <format>', about: 'how it is drawn (default: text)', choices: graphFormats },
  ],
  examples: [
    ['ipcsup graph', 'prints every link with who writes and who reads it, and how it stands when it runs'],
    ['ipcsup graph --format dot | dot -Tsvg > graph.svg', 'draws it with Graphviz'],
    ['ipcsup graph --format mermaid', 'prints it for a Markdown page'],
  ],
  async run(call) {
    const { plan } = await loadPlan(call)
    const format = (readValue(call, 'format') ?? 'text') as GraphFormat
    call.out.write(formatGraph(plan, format, makePaint(call.out.color), await askLive(call)))
    return 0
  },
}

/** Of the supervisor of this config. One that has just ended, or hangs, is none: the graph is of the config. */
async function askLive(call: Call): Promise<LiveFacts> {
  try {
    const running = await findRunning(call)
    const { links } = running === null ? { links: [] } : await running.controls.status()
    return new Map(links.map(link => [link.name, [...describeFacts(link), placeOf(link)].filter(Boolean).join(', ')]))
  } catch (error) {
    if (error instanceof IpcsupError) return new Map()
    throw error
  }
}
