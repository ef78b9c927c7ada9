/** How long an end looks again and again before it sleeps. */
import { availableParallelism } from 'node:os'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { noteRung, Spin } from '../../../src/ipc/spin.js'
import { yieldProcessor } from '../../../src/platform/index.js'

vi.mock('../../../src/platform/index.js', () => ({ yieldProcessor: vi.fn() }))

let nowMs = 1000
beforeEach(() => {
  // Each look at the clock takes 1 µs.
  vi.spyOn(performance, 'now').mockImplementation(() => {
    nowMs += 0.001
    return nowMs
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  nowMs += 1000
})

function countLooks(spin: Spin): number {
  let looks = 0
  spin.until(() => {
    looks++
    return false
  })
  return looks
}

describe.runIf(availableParallelism() > 1)('an end that waits', () => {
  test('looks again and again, and the less the longer it sleeps afterwards', () => {
    const spin = new Spin()
    let last = countLooks(spin)
    expect(last).toBeGreaterThan(1000)
    for (let round = 0; round < 4; round++) {
      nowMs += 1
      spin.slept()
      const looks = countLooks(spin)
      expect(looks).toBeLessThan(last)
      last = looks
    }
    for (let round = 0; round < 4; round++) {
      nowMs += 1
      spin.slept()
    }
    expect(countLooks(spin)).toBe(1)
  })

  test('looks as long as ever again after a short sleep', () => {
    const spin = new Spin()
    const longest = countLooks(spin)
    for (let round = 0; round < 9; round++) {
      nowMs += 1
      spin.slept()
      countLooks(spin)
    }
    spin.slept()
    expect(countLooks(spin)).toBe(longest)
  })

  test('looks once only after it has rung somebody, who needs a processor first', () => {
    const spin = new Spin()
    noteRung()
    expect(countLooks(spin)).toBe(1)
    expect(countLooks(spin)).toBeGreaterThan(1000)
  })

  test('looks again and again while it rings again and again: both could do without', () => {
    const spin = new Spin()
    noteRung()
    nowMs += 0.1
    noteRung()
    expect(countLooks(spin)).toBeGreaterThan(1000)
  })

  test('does not look at the clock when it finds something soon', () => {
    const spin = new Spin()
    const before = vi.mocked(performance.now).mock.calls.length
    let looks = 0
    expect(spin.until(() => ++looks === 20)).toBe(true)
    expect(vi.mocked(performance.now).mock.calls.length).toBe(before)
  })

  test('lets others have the processor after a moment: its answer may wait for that one', () => {
    const spin = new Spin()
    vi.mocked(yieldProcessor).mockClear()
    let looks = 0
    expect(spin.until(() => ++looks === 320)).toBe(true)
    expect(yieldProcessor).not.toHaveBeenCalled()
    // As it is where both have come to the same processor: the other one runs in the yield only.
    let hasCome = false
    vi.mocked(yieldProcessor).mockImplementationOnce(() => {
      hasCome = true
    })
    expect(spin.until(() => hasCome)).toBe(true)
    expect(yieldProcessor).toHaveBeenCalledTimes(1)
    // Which it does at once the next time, for as long as that helps.
    looks = 0
    expect(spin.until(() => ++looks === 33)).toBe(true)
    expect(yieldProcessor).toHaveBeenCalledTimes(2)
    countLooks(spin)
    vi.mocked(yieldProcessor).mockClear()
    looks = 0
    expect(spin.until(() => ++looks === 320)).toBe(true)
    expect(yieldProcessor).not.toHaveBeenCalled()
  })
})
