import { describe, expect, test } from 'vitest'
import { createNotices, describeReport } from '../../src/cli/notices.js'
import type { ProcessReport } from '../../src/supervisor/controls.js'
import type { StateChange, Supervisor } from '../../src/supervisor/supervisor.js'

const sentence = 'Process "web" cannot start: command "wbe" was not found.'

/** What is said of these changes of one process. */
function listen(changes: readonly Partial<StateChange>[]): string[] {
  const said: string[] = []
  const notices = createNotices(
    lines => said.push(...lines.split('\n').filter(line => line !== '')),
    () => true,
  )
  let tell: (change: StateChange) => void = () => {}
  const on = (event: string, listener: typeof tell) => {
    if (event === 'state') tell = listener
  }
  notices.listen({ on } as unknown as Pick<Supervisor, 'on'>)
  notices.open()
  const base = { process: 'web', generation: 2, from: 'starting', to: 'starting', pid: null, note: null, exit: null }
  for (const change of changes) tell({ ...base, ...change } as StateChange)
  return said
}

const failed = { exit: { code: 127, error: sentence } } as const

describe('what is said of a process that cannot be started', () => {
  test('its sentence comes once, and not again while it is tried in vain', () => {
    const tried = [
      { to: 'starting', ...failed, note: null },
      { to: 'delayed', ...failed, note: sentence },
    ] as const
    expect(listen([...tried, ...tried, { to: 'failed', ...failed, note: 'gave up: 2 restarts within 1 min' }])).toEqual(
      [
        `ipcsup: ${sentence}`,
        'ipcsup: web cannot start, for the same reason',
        'ipcsup: web failed: gave up: 2 restarts within 1 min',
      ],
    )
  })

  test('the sentence comes again once it had run in between', () => {
    const said = listen([
      { to: 'delayed', ...failed },
      { to: 'running', pid: 7 },
      { to: 'failed', ...failed },
    ])
    expect(said).toEqual([`ipcsup: ${sentence}`, 'ipcsup: web restarted (pid 7)', `ipcsup: ${sentence}`])
  })

  test('the last line counts those that were started', () => {
    const row = (startedAt: string | null) =>
      ({ restarts: 0, inputLost: [], startedAt, exit: null }) as unknown as ProcessReport
    const report = (...rows: ProcessReport[]) => describeReport('shop', { ok: true, processes: rows })
    expect(report(row('2026-01-01T00:00:00.000Z'), row(null))).toBe('shop ended well: 1 of 2 processes')
    expect(report(row('2026-01-01T00:00:00.000Z'))).toBe('shop ended well: 1 process')
  })

  test('the last line has what failed by itself before what was merely stopped', () => {
    const row = (name: string, exit: object) => ({ name, restarts: 0, inputLost: [], exit }) as unknown as ProcessReport
    const stopped = Array.from({ length: 20 }, (_, index) => row(`p${index}`, { signal: 'SIGTERM' }))
    const said = describeReport('shop', { ok: false, processes: [...stopped, row('web', { code: 3 })] })
    expect(said).toMatch(/^shop ended badly: 21 processes; web \(exit 3\), p0 \(killed by SIGTERM\), .* and 9 more$/)
  })

  test('the last line does not have its sentence again', () => {
    const row = { name: 'web', restarts: 0, inputLost: [], ...failed } as unknown as ProcessReport
    expect(describeReport('shop', { ok: false, processes: [row] })).toBe(
      'shop ended badly: 1 process; web (could not be started)',
    )
  })
})
