import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describeObjectType } from '../../src/cli/show/objects.js'

test('a named object is called what it is', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ipcsup-objects-'))
  const at = (name: string) => join(directory, name)
  execFileSync('mkfifo', [at('fifo')])
  writeFileSync(at('file'), '')
  const server = createServer()
  await new Promise<void>(resolve => server.listen(at('socket'), resolve))
  const files = ['fifo', 'file', 'socket', 'gone'].map(at)
  const names = [...files, '/dev/shm/sem.ipcsup.a', '/dev/shm/ipcsup.a', '/dev/shm/ipcsup-0/run/a.lock']
  expect(names.map(name => describeObjectType({ type: 'file', name }))).toEqual([
    ...['FIFO', 'file', 'socket', 'file', 'semaphore', 'shared memory', 'file'],
  ])
  expect(
    (['queue', 'sysv-queue', 'sysv-semaphore'] as const).map(type => describeObjectType({ type, name: '7' })),
  ).toEqual(['queue', 'System V queue', 'System V semaphore'])
  server.close()
  rmSync(directory, { recursive: true })
})
