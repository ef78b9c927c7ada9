import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findCycles, reachFrom } from '../../src/config/expand/graph.js'

const edges = (table: Record<string, string[]>) => new Map(Object.entries(table))

describe('cycles of a graph', () => {
  it.each([
    [{ a: ['b'], b: ['c'], c: [] }, []],
    [{ a: ['a'] }, [['a', 'a']]],
    [{ a: ['b'], b: ['a'] }, [['a', 'b', 'a']]],
    [{ x: ['a'], a: ['b'], b: ['c'], c: ['a', 'y'], y: [] }, [['a', 'b', 'c', 'a']]],
    [{ a: ['b', 'c'], b: ['c'], c: ['a'] }, [['a', 'c', 'a']]],
    [
      { a: ['b'], b: ['a'], c: ['d'], d: ['c'] },
      [
        ['a', 'b', 'a'],
        ['c', 'd', 'c'],
      ],
    ],
    [{ a: ['nowhere'] }, []],
  ])('of %j are %j', (table, cycles) => {
    expect(findCycles(edges(table as unknown as Record<string, string[]>))).toEqual(cycles)
  })

  it('are found exactly where a node reaches itself, and are walks of the graph', () => {
    const node = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
    fc.assert(
      fc.property(fc.dictionary(node, fc.array(node, { maxLength: 3 })), table => {
        const graph = edges(table)
        const cycles = findCycles(graph)
        for (const cycle of cycles)
          for (let at = 1; at < cycle.length; at++) expect(table[cycle[at - 1]!]).toContain(cycle[at])
        const loops = [...graph.keys()].filter(name => reachFrom(name, graph).has(name))
        const covered = loops.filter(name =>
          cycles.some(
            ([first]) => name === first || (reachFrom(name, graph).has(first!) && reachFrom(first!, graph).has(name)),
          ),
        )
        expect(covered).toEqual(loops)
        expect(loops.length > 0).toBe(cycles.length > 0)
      }),
    )
  })

  it('a chain of 10,000 nodes is no deeper than one', () => {
    const chain = new Map(Array.from({ length: 10_000 }, (_, n) => [`n${n}`, [`n${(n + 1) % 10_000}`]]))
    expect(findCycles(chain)[0]).toHaveLength(10_001)
  })
})
