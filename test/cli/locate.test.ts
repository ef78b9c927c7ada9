import { describe, expect, test } from 'vitest'
import { chooseRun } from '../../src/cli/locate.js'
import type { RunEntry } from '../../src/supervisor/run/list.js'

const run = (name: string, more: Partial<RunEntry> = {}): RunEntry => ({
  id: '0123456789abcdef01234567',
  name,
  pid: name.length,
  alive: true,
  configPath: `/srv/${name}.json`,
  directory: `/run/${name}`,
  ...more,
})

const runs = [run('a'), run('bb', { configPath: null }), run('ccc', { alive: false })]

describe('which supervisor is meant', () => {
  test('the one with the pid, or that of the config', () => {
    expect(chooseRun({ pid: '2' }, runs).run.name).toBe('bb')
    expect(chooseRun({ configPath: '/srv/a.json' }, runs).run.name).toBe('a')
  })

  test('without a config here, the only one that lives', () => {
    expect(chooseRun({ configPath: null }, [run('a'), run('ccc', { alive: false })]).run.name).toBe('a')
  })

  test('without a config here, several are an error that lists them', () => {
    expect(() => chooseRun({ configPath: null }, runs)).toThrow(
      /several supervisors run: a \(pid 1, \/srv\/a\.json\), bb \(pid 2\)\. Say which with --config FILE or --pid PID/,
    )
  })

  test.each([[{ pid: '9' }], [{ configPath: '/srv/b.json' }], [{ configPath: '/srv/ccc.json' }], [{ pid: '3' }]])(
    'none for %j is an error with status 3: one that was killed is none',
    wish => {
      expect(() => chooseRun(wish, runs)).toThrow(
        expect.objectContaining({ code: 'IPCSUP_ERR_NO_SUPERVISOR', status: 3 }),
      )
    },
  )
})
