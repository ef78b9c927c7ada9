/** A program changes its transport in the config, not in its code. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Config, createSupervisor } from '../../../src/index.js'
import { bundleProgram } from '../../support/bundle.js'

const program = bundleProgram(join(import.meta.dirname, '../drivers/same-program.ts'))

test.each<[{ kind: string; [option: string]: string }, string, string]>([
  [{ kind: 'pipe', frame: 'checked', codec: 'json' }, 'write', 'read'],
  [{ kind: 'fifo', frame: 'plain', codec: 'msgpack' }, 'write', 'read'],
  [{ kind: 'socketpair', frame: 'checked', codec: 'json' }, 'a', 'b'],
  [{ kind: 'ring', codec: 'json' }, 'write', 'read'],
  [{ kind: 'ring', codec: 'msgpack' }, 'write', 'read'],
])('the same two programs talk over %j', async (link, from, to) => {
  const directory = mkdtempSync(join(tmpdir(), 'ipcsup-same-'))
  const supervisor = createSupervisor(
    {
      links: { data: link },
      processes: {
        sender: { command: [process.execPath, program, 'send', '20000'], links: { data: from } },
        receiver: { command: [process.execPath, program, 'receive'], links: { data: to }, stdout: { file: 'out' } },
      },
      logs: { directory: join(directory, 'logs') },
    } as unknown as Config,
    { directory },
  )
  try {
    await supervisor.start()
    const { ok } = await supervisor.finished
    expect(readFileSync(join(directory, 'out'), 'utf8')).toBe('20000 messages, 0 wrong, 0 missed\n')
    expect(ok).toBe(true)
  } finally {
    await supervisor.stop({ kill: true })
    rmSync(directory, { recursive: true, force: true })
  }
})
