import { describe, expect, it } from 'vitest'
import type { EndState } from '../../../src/ipc/kind.js'
import { type Ending, endedAsAsked, type Meaning, meaningOf } from '../../../src/supervisor/brain/endings.js'
import { type Policy, plannedProcess } from './model.js'

function meaning(policy: Policy, exit: Ending['exit'], around: Partial<Omit<Ending, 'exit'>> = {}): Meaning {
  return meaningOf({ exit, inputs: {}, outputs: {}, listens: false, ...around }, plannedProcess('p', policy))
}
const of = (state: EndState) => ({ lines: state })

describe('§4 policies', () => {
  const cases: [Policy, Ending['exit'], Meaning][] = [
    ['always', { code: 0 }, 'again'],
    ['always', { code: 3 }, 'again'],
    ['on-failure', { code: 0 }, 'succeeded'],
    ['on-failure', { code: 3 }, 'again'],
    ['on-failure', { signal: 'SIGTERM' }, 'again'],
    ['never', { code: 0 }, 'succeeded'],
    ['never', { code: 3 }, 'broke'],
    ['never', { signal: 'SIGKILL' }, 'broke'],
    ['on-failure', { code: 127, error: 'not found' }, 'again'],
    ['never', { code: 127, error: 'not found' }, 'broke'],
  ]
  it.each(cases)('%s after %j: %s', (policy, exit, expected) => {
    expect(meaning(policy, exit)).toBe(expected)
  })

  it('counts a listed status as clean, but never a spawn error', () => {
    const process = { ...plannedProcess('p', 'on-failure'), cleanExits: [0, 127] }
    const ending = { inputs: {}, outputs: {}, listens: false }
    expect(meaningOf({ exit: { code: 127 }, ...ending }, process)).toBe('succeeded')
    expect(meaningOf({ exit: { code: 127, error: 'not found' }, ...ending }, process)).toBe('again')
  })
})

describe('§2 input exhausted', () => {
  it('a clean end with all inputs at their end is completed work, whatever the policy', () => {
    expect(meaning('always', { code: 0 }, { inputs: of('ended') })).toBe('succeeded')
  })
  it.each<EndState>(['open', 'unread', 'unknown'])('not while an input is %s', state => {
    expect(meaning('always', { code: 0 }, { inputs: { ...of('ended'), more: state } })).toBe('again')
  })
  it('not after an unclean end, and not for a server', () => {
    expect(meaning('always', { code: 1 }, { inputs: of('ended') })).toBe('again')
    expect(meaning('always', { code: 0 }, { inputs: of('ended'), listens: true })).toBe('again')
  })
})

describe('§2 no audience', () => {
  it.each<Policy>(['always', 'on-failure', 'never'])('%s: nobody left to write to is no reason to restart', policy => {
    for (const exit of [{ code: 0 }, { signal: 'SIGPIPE' }, { code: 141 }])
      expect(meaning(policy, exit, { outputs: of('ended') })).toBe('unheard')
  })
  it('keeps its own status when it ended otherwise', () => {
    expect(meaning('always', { code: 23 }, { outputs: of('ended') })).toBe('broke')
  })
  it('restarts while one of its outputs is still heard', () => {
    expect(meaning('always', { signal: 'SIGPIPE' }, { outputs: { ...of('ended'), other: 'open' } })).toBe('again')
  })
  it('a stage of policy never, whose ends nobody holds, is believed its broken pipe', () => {
    expect(meaning('never', { signal: 'SIGPIPE' }, { outputs: of('unknown') })).toBe('unheard')
    expect(meaning('never', { code: 0 }, { outputs: of('unknown') })).toBe('succeeded')
    expect(meaning('on-failure', { signal: 'SIGPIPE' }, { outputs: of('unknown') })).toBe('again')
  })
})

describe('an end that was asked for', () => {
  const process = plannedProcess('p', 'always')
  it('goes well when clean, or by the signal that asked', () => {
    for (const exit of [{ code: 0 }, { signal: 'SIGTERM' }, { code: 143 }, { signal: 'SIGPIPE' }])
      expect(endedAsAsked(exit, process)).toBe(true)
  })
  it('goes badly otherwise, and when it had to be killed', () => {
    expect(endedAsAsked({ code: 1 }, process)).toBe(false)
    expect(endedAsAsked({ signal: 'SIGSEGV' }, process)).toBe(false)
    expect(endedAsAsked({ signal: 'SIGKILL' }, process)).toBe(false)
  })
})
