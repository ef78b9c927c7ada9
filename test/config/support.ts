import { buildPlan, type PlanOrigin, type PlanResult } from '../../src/config/build-plan.js'
import type { ConfigError, Problem } from '../../src/config/problems.js'
import { pipeTraits } from '../../src/ipc/held-pipe.js'
import type { Kind, Side, Traits } from '../../src/ipc/kind.js'
import fifo from '../../src/ipc/kinds/fifo.js'
import pipe from '../../src/ipc/kinds/pipe.js'
import socketpair from '../../src/ipc/kinds/socketpair.js'

function fakeKind(
  name: string,
  sides: Readonly<Record<string, Side>>,
  options: Kind['options'],
  own: Partial<Traits>,
): Kind {
  const fail = () => {
    throw new Error('a fake is not created')
  }
  return {
    name,
    summary: `A fake of ${name}.`,
    systems: ['linux'],
    form: () => 'stream',
    sides: () => sides,
    parts: () => (own.named === true ? ['natural', 'path'] : ['natural']),
    options,
    variants: {},
    traits: () => ({ ...pipeTraits(false), ...own }),
    create: fail,
    open: fail,
  }
}

const twoWay = { reads: true, writes: true, listens: false, descriptor: true }

/** Three real kinds, and fakes: a listening socket, a queue with one reader. */
export const kinds: Readonly<Record<string, Kind>> = {
  fifo,
  pipe,
  socketpair,
  unix: fakeKind(
    'unix',
    { listen: { ...twoWay, listens: true }, connect: twoWay },
    { path: { about: 'Where.', type: 'path', required: true } },
    { duplex: true, named: true },
  ),
  single: fakeKind(
    'single',
    { read: { ...twoWay, writes: false }, write: { ...twoWay, reads: false } },
    {
      slots: { about: 'How many.', type: 'integer', min: 1, max: 8, required: true },
      order: { about: 'Which first.', type: 'choice', choices: ['fifo', 'lifo'], required: false, default: 'fifo' },
      owner: { about: 'Whose.', type: 'user', required: false, default: null },
      lazy: { about: 'Later.', type: 'boolean', required: false, default: false },
      label: { about: 'Text.', type: 'string', required: false, default: '' },
    },
    { manyReaders: false, manyWriters: false, keepsBoundaries: true },
  ),
}

export const directory = '/srv/orders'

export function plan(config: unknown, origin: Partial<PlanOrigin> = {}): PlanResult {
  return buildPlan(config, { kinds, directory, configPath: null, ...origin })
}

/** What is wrong in a config, as `path: message`; empty: nothing. */
export function problemsOf(config: unknown, origin: Partial<PlanOrigin> = {}): string[] {
  return catchProblems(() => plan(config, origin)).map(show)
}

export function catchProblems(act: () => unknown): readonly Problem[] {
  try {
    act()
    return []
  } catch (error) {
    const { code, status, problems } = error as ConfigError
    if (code !== 'IPCSUP_ERR_CONFIG' || status !== 2) throw error
    return problems
  }
}

export function warningsOf(config: unknown): string[] {
  return plan(config).warnings.map(show)
}

function show({ path, message }: Problem): string {
  return path === '' ? message : `${path}: ${message}`
}
