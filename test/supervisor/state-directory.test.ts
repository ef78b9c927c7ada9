import { afterEach, expect, test, vi } from 'vitest'
import { findStateDirectory } from '../../src/supervisor/state-directory.js'

afterEach(() => vi.unstubAllEnvs())

test('logs are kept in XDG_STATE_HOME or the home, neither of which counts when it is not absolute', () => {
  vi.stubEnv('HOME', '/home/ada')
  vi.stubEnv('XDG_STATE_HOME', '/state')
  expect(findStateDirectory()).toBe('/state/ipcsup')
  for (const state of ['', 'state', './state']) {
    vi.stubEnv('XDG_STATE_HOME', state)
    expect(findStateDirectory()).toBe('/home/ada/.local/state/ipcsup')
  }
  vi.stubEnv('HOME', 'home')
  expect(findStateDirectory()).toMatch(/^\/.+\/\.local\/state\/ipcsup$/)
})
