import { expect, test } from 'vitest'
import { newProcessRecord } from '../../src/supervisor/brain/records.js'
import { processStatus } from '../../src/supervisor/report.js'
import { plannedProcess } from './brain/model.js'

test('§14 the status of a process says which of its logs is blocked, and why', () => {
  const record = newProcessRecord(plannedProcess('web', 'always'))
  const blocked = [
    { process: 'web', stream: 'stdout', why: 'no space' },
    { process: 'other', stream: 'stderr', why: 'no space' },
  ] as const
  expect(processStatus(record, undefined, []).note).toBeNull()
  expect(processStatus(record, undefined, blocked).note).toBe('log of stdout blocked: no space')
  record.note = 'killed by SIGTERM'
  expect(processStatus(record, undefined, blocked).note).toBe('killed by SIGTERM; log of stdout blocked: no space')
})
