import { describe, expect, it } from 'vitest'
import { delayBoundMs, emptyRow, nextRestart, type RestartRow } from '../../../src/supervisor/brain/restart.js'
import { plannedProcess } from './model.js'

const restart = plannedProcess('p', 'on-failure').restart

function rowAfter(times: readonly number[], upMs = 0): { row: RestartRow; delays: number[]; gaveUpAt: number | null } {
  let row = emptyRow
  const delays: number[] = []
  for (const time of times) {
    const decision = nextRestart(row, restart, upMs, time, 0.999999)
    if (decision === 'give-up') return { row, delays, gaveUpAt: time }
    row = decision.row
    delays.push(Math.round(decision.delayMs))
  }
  return { row, delays, gaveUpAt: null }
}

describe('§4 restart', () => {
  it('restarts at once the first time, then after a bound that grows by the factor up to max', () => {
    expect([1, 2, 3, 4, 5].map(k => delayBoundMs(restart, k))).toEqual([0, 100, 200, 400, 800])
    expect(delayBoundMs(restart, 50)).toBe(30_000)
    expect(rowAfter([0, 1, 2, 3]).delays).toEqual([0, 100, 200, 400])
  })

  it('draws the delay uniformly from nothing to the bound, or takes the bound without jitter', () => {
    const row = { count: 2, times: [] }
    expect(nextRestart(row, restart, 0, 0, 0)).toMatchObject({ delayMs: 0 })
    expect(nextRestart(row, restart, 0, 0, 0.5)).toMatchObject({ delayMs: 100 })
    expect(nextRestart(row, { ...restart, jitter: false }, 0, 0, 0)).toMatchObject({ delayMs: 200 })
  })

  it('begins the row anew after stableAfter of uptime', () => {
    const row = { count: 5, times: [] }
    expect(nextRestart(row, restart, restart.stableAfterMs - 1, 0, 0.5)).toMatchObject({ row: { count: 6 } })
    expect(nextRestart(row, restart, restart.stableAfterMs, 0, 0.5)).toMatchObject({ delayMs: 0, row: { count: 1 } })
  })

  it('gives up when a restart would be the (limit + 1)-th within the window, the boundary counted in', () => {
    const eight = Array.from({ length: 8 }, (_, index) => index)
    expect(rowAfter(eight).gaveUpAt).toBeNull()
    expect(rowAfter([...eight, 60_000]).gaveUpAt, 'the first is exactly at the boundary').toBe(60_000)
    expect(rowAfter([...eight, 60_001]).gaveUpAt, 'the first is out of the window').toBeNull()
  })

  it('never restarts with a limit of 0', () => {
    expect(nextRestart(emptyRow, { ...restart, limit: 0 }, 0, 0, 0)).toBe('give-up')
  })
})
