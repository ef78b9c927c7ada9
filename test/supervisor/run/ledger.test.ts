import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bundleProgram } from '../../support/bundle.js'

const mounted = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0

/** Runs a driver on a small file system of its own; answers what it prints. */
function runOnSmallDisk(driver: string): unknown {
  const program = bundleProgram(join(import.meta.dirname, 'drivers', driver))
  const script = 'mount -t tmpfs -o size=16k,mode=700 none /mnt && exec "$0" "$1" /mnt'
  const done = spawnSync('unshare', ['-m', 'sh', '-c', script, process.execPath, program], { encoding: 'utf8' })
  expect(done.stderr).toBe('')
  return JSON.parse(done.stdout)
}

describe.skipIf(!mounted)('§16 a run directory on a full disk', () => {
  test('a row that was cut takes no later row with it', () => {
    expect(runOnSmallDisk('fill-ledger.ts')).toMatchObject({
      refusal: expect.stringMatching(/^ENOSPC The run directory \/mnt cannot be used: ENOSPC: no space left on device/),
      last: { process: 'after', pid: 2 },
    })
  })

  test('a run that cannot be opened is an error that names the directory, and leaves none', () => {
    expect(runOnSmallDisk('open-full.ts')).toEqual({ code: 'IPCSUP_ERR_RUN_DIRECTORY', left: [] })
  })
})
