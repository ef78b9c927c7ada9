import { expect, test } from 'vitest'
import type { ProcessRecord } from '../../src/supervisor/brain/records.js'
import { isUnderWay } from '../../src/supervisor/standing.js'

const wanted = { wanted: true, started: false, exit: null } as ProcessRecord

test('the start does not wait for a process that was stopped by hand before it was spawned', () => {
  expect(isUnderWay({ ...wanted, state: 'parked' })).toBe(true)
  expect(isUnderWay({ ...wanted, state: 'starting' })).toBe(false)
})
