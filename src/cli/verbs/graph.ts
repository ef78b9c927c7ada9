import type { Plan } from '../../config/plan.js'
import { IpcsupError } from '../../errors.js'
import type { LinkStatus } from '../../supervisor/controls.js'
import { loadPlan } from '../config.js'
import { findRunning, locateSupervisor } from '../locate.js'
import { describeFacts, placeOf } from '../show/facts.js'
import { formatGraph, type GraphFormat, graphFormats, type LiveFacts } from '../show/graph.js'
import { makePaint } from '../show/text.js'
import { type Call, readValue, sharedOptions, type Verb } from '../verb.js'

export const graph: Verb = {
  options: [
    sharedOptions.config,
    sharedOptions.pid,
    { flags: '--format <format>', about: 'how it is drawn (default: text)', choices: graphFormats },
  ],
  examples: [
    ['ipcsup graph', 'prints every link with who writes and who reads it, and how it stands when it runs'],
    ['ipcsup graph --format dot | dot -Tsvg > graph.svg', 'draws it with Graphviz'],
    ['ipcsup graph --pid 4120', 'draws what a running supervisor has, as that of `ipcsup run`'],
    ['ipcsup graph --format mermaid', 'prints it for a Markdown page'],
  ],
  async run(call) {
    const format = (readValue(call, 'format') ?? 'text') as GraphFormat
    const { plan, live } = await (readValue(call, 'pid') === undefined ? readGraph(call) : askGraph(call))
    call.out.write(formatGraph(plan, format, makePaint(call.out.color), live))
    return 0
  },
}

interface Drawn {
  readonly plan: Plan
  readonly live: LiveFacts
}

async function readGraph(call: Call): Promise<Drawn> {
  return { plan: (await loadPlan(call)).plan, live: await askLive(call) }
}

/** Of the supervisor of `--pid`, which may have no config. */
async function askGraph(call: Call): Promise<Drawn> {
  const { controls } = await locateSupervisor(call)
  const [plan, { links }] = await Promise.all([controls.plan(), controls.status()])
  return { plan, live: describeLinks(links) }
}

/** Of the supervisor of this config. One that has just ended, or hangs, is none: the graph is of the config. */
async function askLive(call: Call): Promise<LiveFacts> {
  try {
    const running = await findRunning(call)
    const { links } = running === null ? { links: [] } : await running.controls.status()
    return describeLinks(links)
  } catch (error) {
    if (error instanceof IpcsupError) return new Map()
    throw error
  }
}

const describeLinks = (links: readonly LinkStatus[]): LiveFacts =>
  new Map(links.map(link => [link.name, [...describeFacts(link), placeOf(link)].filter(Boolean).join(', ')]))
