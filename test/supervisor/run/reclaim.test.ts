import { expect, test, vi } from 'vitest'
import type { LedgerContent } from '../../../src/supervisor/run/ledger.js'
import { readBootId } from '../../../src/supervisor/run/processes.js'
import { describeReclaimed, reclaimRun } from '../../../src/supervisor/run/reclaim.js'

// A process that cannot be ended needs another user, or a kernel that hangs: neither is at hand in every test run.
const endSurvivors = vi.hoisted(() => vi.fn())
vi.mock('../../../src/supervisor/run/end.js', () => ({ endSurvivors }))

const ledger = (bootId: string): LedgerContent => ({
  header: { id: 'dead', pid: 10, startTime: 1, bootId, configPath: null, name: 'orders', version: '0' },
  objects: [],
  processes: [{ process: 'parse', pid: 20, startTime: 200 }],
})
const options = { keepPaths: new Set<string>(), stopTimeoutMs: 1 }

test('§16 survivors that cannot be ended are named, and nothing is started beside them', async () => {
  endSurvivors.mockResolvedValue({ ended: [], left: [{ pid: 20, startTime: 200, group: 20, name: 'parse' }] })
  await expect(reclaimRun(ledger(readBootId()), options)).rejects.toMatchObject({
    code: 'IPCSUP_ERR_SURVIVORS',
    status: 4,
    message: expect.stringContaining('parse (20)'),
  })
})

test('§16 after a reboot no process is looked for: every pid is somebody else by now', async () => {
  endSurvivors.mockClear()
  expect(await reclaimRun(ledger('another boot'), options)).toMatchObject({ ended: [] })
  expect(endSurvivors).not.toHaveBeenCalled()
})

test('of thousands a dozen are named, and how many more there are', () => {
  const ended = Array.from({ length: 500 }, (_, index) => ({
    pid: index + 1,
    startTime: 1,
    group: 1,
    name: `p${index}`,
  }))
  const removed = Array.from({ length: 13 }, (_, index) => `/run/${index}`)
  const said = describeReclaimed({ name: 'orders', pid: 10, ended, removed, kept: [] })
  expect(said).toMatch(
    /; ended 500 of its processes: p0 \(1\), .*, p11 \(12\) and 488 more; removed \/run\/0, .*\/run\/11 and 1 more\.$/,
  )
  expect(said.length).toBeLessThan(500)
})
