import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createSandbox } from '../support/command-line.js'

// A socket cannot be opened anew, so the writing blocks: as a file system that hangs would have it.
const onUnreadSocket = `
import json, socket, subprocess, sys
ours, theirs = socket.socketpair()
ended = subprocess.run(sys.argv[1:], stdout=theirs, stderr=subprocess.PIPE, text=True)
print(json.dumps([ended.returncode, ended.stderr]))
`

test('§14 a display that holds the log worker for ever costs log lines: they are counted, and the status is 1', async () => {
  await using sandbox = createSandbox()
  sandbox.writeConfig({
    name: 'loud',
    drainTimeout: '100ms',
    logs: { directory: 'logs' },
    processes: { talk: { command: ['sh', '-c', 'yes "" | head -c 120000'] } },
  })
  const { directory: cwd, environment: env } = sandbox
  const answer = execFileSync('python3', ['-c', onUnreadSocket, 'ipcsup', 'start'], { cwd, env, encoding: 'utf8' })
  const [status, told] = JSON.parse(answer)
  const lost = 120_000 - readFileSync(join(cwd, 'logs/talk.stdout.log')).length
  expect(lost).toBeGreaterThan(0)
  expect(told).toContain('The log worker hangs in a write')
  expect(told).toContain(
    `${lost.toLocaleString('en-US')} bytes of the log talk.stdout could not be written and are lost.`,
  )
  expect(status).toBe(1)
})
