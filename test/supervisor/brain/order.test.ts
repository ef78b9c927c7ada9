import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { components, resetSet, stopEdges, withNeeds } from '../../../src/supervisor/brain/order.js'
import { planOf, type Shape } from './model.js'

const chain: Shape = {
  policies: ['always', 'always', 'always'],
  links: [
    { lifetime: 'auto', writers: [0], readers: [1] },
    { lifetime: 'reset', writers: [1], readers: [2] },
  ],
  needs: [],
}

describe('§7 the order of a stop', () => {
  it('goes from writer to reader and from dependant to need', () => {
    const edges = stopEdges(planOf({ ...chain, needs: [{ of: 2, on: 0, need: 'started' }] }))
    expect(Object.fromEntries([...edges].map(([from, to]) => [from, [...to]]))).toEqual({
      p0: ['p1'],
      p1: ['p2'],
      p2: ['p0'],
    })
  })

  it('stops components of mutual reach together', () => {
    expect(components(stopEdges(planOf(chain)))).toEqual([['p0'], ['p1'], ['p2']])
    const cycle = { ...chain, links: [...chain.links, { lifetime: 'auto' as const, writers: [1], readers: [0] }] }
    expect(components(stopEdges(planOf(cycle))).map(members => [...members].sort())).toEqual([['p0', 'p1'], ['p2']])
  })

  it('puts no component before one that reaches it, in any graph', () => {
    const pairs = fc.array(fc.tuple(fc.nat({ max: 9 }), fc.nat({ max: 9 })), { maxLength: 30 })
    fc.assert(
      fc.property(pairs, list => {
        const edges = new Map(Array.from({ length: 10 }, (_, n) => [`n${n}`, new Set<string>()]))
        for (const [from, to] of list) edges.get(`n${from}`)!.add(`n${to}`)
        const position = new Map(
          components(edges).flatMap((members, index) => members.map(name => [name, index] as const)),
        )
        expect(position.size).toBe(10)
        for (const [from, followers] of edges)
          for (const to of followers) expect(position.get(from)).toBeLessThanOrEqual(position.get(to)!)
      }),
    )
  })

  it('takes a chain of 10,000', () => {
    const edges = new Map(Array.from({ length: 10_000 }, (_, n) => [`n${n}`, new Set(n < 9999 ? [`n${n + 1}`] : [])]))
    expect(components(edges)).toHaveLength(10_000)
  })
})

describe('sets of processes', () => {
  it('starts the needs of what is started, transitively', () => {
    const plan = planOf({
      ...chain,
      links: [],
      needs: [
        { of: 2, on: 1, need: 'started' },
        { of: 1, on: 0, need: 'started' },
      ],
    })
    expect(withNeeds(plan, ['p2'])).toEqual(['p0', 'p1', 'p2'])
    expect(withNeeds(plan, ['p0'])).toEqual(['p0'])
  })

  it('§5 a reset reaches everyone connected through reset links, and nobody else', () => {
    expect(resetSet(planOf(chain), 'p2').members.toSorted()).toEqual(['p1', 'p2'])
    expect(resetSet(planOf(chain), 'p0').members).toEqual(['p0'])
  })
})
