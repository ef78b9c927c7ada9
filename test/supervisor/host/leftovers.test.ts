import { expect, test } from 'vitest'
import { selectMembers } from '../../../src/supervisor/host/leftovers.js'
import type { ProcessFacts } from '../../../src/supervisor/host/proc.js'

const facts = (pid: number, more: Partial<ProcessFacts> = {}): ProcessFacts => ({
  pid,
  state: 'S',
  parent: 1,
  group: 100,
  session: 100,
  startTime: 5,
  ...more,
})

test('§6 leftovers are the live members of the group in the session that the main process led', () => {
  const processes = [
    facts(100),
    facts(101),
    facts(102, { state: 'Z' }),
    facts(103, { state: 'X' }),
    facts(104, { group: 104 }),
    facts(105, { session: 7 }),
    facts(106, { state: 'T' }),
  ]
  expect(selectMembers(100, processes)).toEqual([101, 106])
})
