import { closeSync, writeSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createLogPipes } from '../../../src/supervisor/host/log-pipes.js'
import { listOpenDescriptors } from '../../support/host.js'

test('§14 what was logged to a reader that cannot be made is counted as lost', async () => {
  const failures: unknown[] = []
  const failing = new Error('no such module')
  const pipes = createLogPipes(
    () => Promise.reject(failing),
    async () => {},
    error => void failures.push(error),
  )
  const before = listOpenDescriptors().filter(row => row.includes('pipe:'))
  const ends = [pipes.take('web', 'stdout'), pipes.take('db', 'stderr')]
  writeSync(ends[0]!, 'abc')
  for (const end of ends) closeSync(end)
  expect([await pipes.close(60_000), failures]).toEqual([{ 'web.stdout': 3 }, [failing]])
  expect(listOpenDescriptors().filter(row => row.includes('pipe:'))).toEqual(before)
})
