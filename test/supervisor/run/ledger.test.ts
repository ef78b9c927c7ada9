import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bundleProgram } from '../../support/bundle.js'

const mounted = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0

test.skipIf(!mounted)('§16 a row that a full disk has cut takes no later row with it', () => {
  const program = bundleProgram(join(import.meta.dirname, 'drivers/fill-ledger.ts'))
  const script = 'mount -t tmpfs -o size=16k none /mnt && exec "$0" "$1" /mnt'
  const done = spawnSync('unshare', ['-m', 'sh', '-c', script, process.execPath, program], { encoding: 'utf8' })
  expect(done.stderr).toBe('')
  expect(JSON.parse(done.stdout)).toMatchObject({ refusal: 'ENOSPC', last: { process: 'after', pid: 2 } })
})
