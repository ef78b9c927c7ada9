import { loadPlan } from '../config.js'
import { formatGraph, type GraphFormat, graphFormats } from '../show/graph.js'
import { makePaint } from '../show/text.js'
import { readValue, sharedOptions, type Verb } from '../verb.js'

export const graph: Verb = {
  options: [
    sharedOptions.config,
    { flags: '--format <format>', about: 'how it is drawn (default: text)', choices: graphFormats },
  ],
  examples: [
    ['ipcsup graph', 'prints every link with who writes and who reads it'],
    ['ipcsup graph --format dot | dot -Tsvg > graph.svg', 'draws it with Graphviz'],
    ['ipcsup graph --format mermaid', 'prints it for a Markdown page'],
  ],
  async run(call) {
    const { plan } = await loadPlan(call)
    const format = (readValue(call, 'format') ?? 'text') as GraphFormat
    call.out.write(formatGraph(plan, format, makePaint(call.out.color)))
    return 0
  },
}
