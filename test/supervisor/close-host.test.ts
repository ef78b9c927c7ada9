import { expect, test } from 'vitest'
import { buildPlan } from '../../src/config/build-plan.js'
import { kinds } from '../../src/ipc/kinds/index.js'
import type { NearHost } from '../../src/supervisor/app-ends.js'
import { closeHost } from '../../src/supervisor/close-host.js'

const { plan } = buildPlan(
  { processes: { web: { command: 'true' } } },
  { kinds, directory: '/', configPath: null, isEmbedded: true },
)

const closeWith = (droppedLogBytes: Readonly<Record<string, number>>) =>
  closeHost(plan, Promise.resolve({ close: async () => ({ leftovers: {}, droppedLogBytes }) } as unknown as NearHost))

test.each([
  [{}, true, []],
  [{ 'web.stdout': 1_234 }, false, ['1,234 bytes of the log web.stdout could not be written and are lost.']],
  [{ 'web.stdout': 0 }, false, ['The end of the log web.stdout may be lost; how much of it is not known.']],
])('§14 logs of which %o was dropped are whole: %s', async (dropped, areLogsComplete, warnings) => {
  expect(await closeWith(dropped)).toEqual({ areLogsComplete, warnings })
})
