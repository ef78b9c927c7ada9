import { expect, test, vi } from 'vitest'
import type { LedgerContent } from '../../../src/supervisor/run/ledger.js'
import { readBootId } from '../../../src/supervisor/run/processes.js'
import { reclaimRun } from '../../../src/supervisor/run/reclaim.js'

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
