import { describe, expect, test } from 'vitest'
import type { LedgerContent } from '../../../src/supervisor/run/ledger.js'
import { findSurvivors, type ProcessEntry } from '../../../src/supervisor/run/survivors.js'

const ledger: LedgerContent = {
  header: { id: 'dead', pid: 10, startTime: 1, bootId: 'b', configPath: null, name: 'orders', version: '0' },
  objects: [],
  processes: [{ process: 'parse', pid: 20, startTime: 200 }],
}

const entry = (pid: number, more: Partial<ProcessEntry> = {}): ProcessEntry => ({
  pid,
  state: 'S',
  parent: 1,
  group: pid,
  session: pid,
  startTime: pid * 10,
  owner: { run: null, process: null },
  ...more,
})

const find = (processes: ProcessEntry[], self = 1) => findSurvivors(ledger, processes, self).map(({ pid }) => pid)

describe('§16 survivors of a dead run', () => {
  test('are those of the ledger, by pid and start time, with their name', () => {
    expect(findSurvivors(ledger, [entry(20), entry(21)], 1)).toEqual([
      { pid: 20, startTime: 200, group: 20, name: 'parse' },
    ])
    expect(find([entry(20, { startTime: 999 })])).toEqual([])
  })

  test('are those that carry the id of the run, wherever they are', () => {
    expect(
      find([
        entry(30, { owner: { run: 'dead', process: 'fold' } }),
        entry(31, { owner: { run: 'other', process: 'fold' } }),
      ]),
    ).toEqual([30])
  })

  test('are also those without environment in the session of one, or descended from one', () => {
    expect(find([entry(22, { parent: 21 }), entry(21, { parent: 20 }), entry(20), entry(23, { session: 20 })])).toEqual(
      [22, 21, 20, 23],
    )
  })

  test('are not the processes of a supervisor that ran inside the dead one', () => {
    expect(find([entry(20), entry(24, { parent: 20, owner: { run: 'inner', process: 'fold' } })])).toEqual([20])
  })

  test('are never this process or its ancestors', () => {
    const processes = [
      entry(40, { owner: { run: 'dead', process: 'fold' } }),
      entry(41, { owner: { run: 'dead', process: 'fold' }, parent: 40 }),
      entry(42, { owner: { run: 'dead', process: 'fold' } }),
    ]
    expect(find(processes, 41)).toEqual([42])
  })
})
