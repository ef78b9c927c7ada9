/** One variant of a kind, and what its conformance tests need of it. */
import { tmpdir } from 'node:os'
import { buildPlan } from '../../src/config/build-plan.js'
import type { PlannedLink } from '../../src/config/plan.js'
import type { Kind } from '../../src/ipc/kind.js'
import { kinds } from '../../src/ipc/kinds/index.js'
import { createTestHost, type TestHost } from '../support/host.js'

type Processes = Readonly<Record<string, { readonly side: string; readonly command: readonly string[] }>>

export interface Subject extends Pick<PlannedLink, 'form' | 'sides' | 'traits' | 'options'> {
  readonly kind: Kind
  /** As a config has it. */
  readonly link: object
  /** A host with the link `data`, opened, and processes with one side each. */
  withLink(processes: Processes, more?: object): Promise<TestHost>
  /** Every use of that side is over. */
  end(host: TestHost, side: string): Promise<unknown>
}

/** @param given - options besides those of the variant */
export function makeSubject(kind: Kind, variant: string, given: object = {}): Subject {
  const link = { kind: kind.name, ...kind.variants[variant], ...given }
  const { plan } = buildPlan(
    { links: { data: link } },
    { kinds, directory: tmpdir(), configPath: null, isEmbedded: true },
  )
  return {
    ...plan.links['data']!,
    kind,
    link,
    withLink: async (processes, more = {}) => {
      const host = createTestHost({
        links: { data: { ...link, ...more } },
        processes: Object.fromEntries(
          Object.entries(processes).map(([name, { side, command }]) => [name, { command, links: { data: side } }]),
        ),
      })
      await host.openAll()
      return host
    },
    end: (host, side) => host.call({ type: 'release', link: 'data', generation: 1, side, reason: 'over' }, 'released'),
  }
}
