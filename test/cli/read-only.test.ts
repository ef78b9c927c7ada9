import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createSandbox, program } from '../support/command-line.js'

const canMount = process.getuid!() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0

// In a namespace of its own: a mount on top that is read-only, so that what is open for writing below does not refuse it.
const script = `
cd "$1"
ipcsup start --detach 2> started.txt || cat started.txt
mount --bind "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR" && mount -o remount,bind,ro "$XDG_RUNTIME_DIR"
for verb in "stop --now" clean; do ipcsup $verb 2>&1; echo "$verb: $?"; done
mount -o remount,bind,rw "$XDG_RUNTIME_DIR"
ipcsup clean 2>&1; echo "clean: $?"
`

test.runIf(canMount)(
  'a run directory that became read-only: stop says what is left and ends badly, clean says why, and later cleans it (needs unshare)',
  async () => {
    await using sandbox = createSandbox()
    const { directory, environment } = sandbox
    const config = {
      name: 'stuck',
      links: { lines: { kind: 'fifo' } },
      processes: {
        one: { command: 'sleep 1000', links: { lines: 'write' } },
        two: { command: 'sleep 1000', links: { lines: 'read' } },
      },
    }
    writeFileSync(join(directory, 'ipcsup.config.json'), JSON.stringify(config))
    const path = `${join(program, '..')}:${environment['PATH']}`
    const said = execFileSync('unshare', ['-m', 'sh', '-c', script, 'sh', directory], {
      env: { ...environment, PATH: path },
      encoding: 'utf8',
    })
    expect(said.split('\n')).toEqual([
      expect.stringMatching(/^stuck ended well/),
      expect.stringMatching(
        /^ipcsup: The supervisor of "stuck" .* left what cannot be removed: .*lines\.fifo, .*clean/,
      ),
      'stop --now: 4',
      expect.stringMatching(/^ipcsup: The run directory .* cannot be used: EROFS/),
      'clean: 4',
      expect.stringMatching(/^A supervisor of "stuck" .* removed .*lines\.fifo\.$/),
      'clean: 0',
      '',
    ])
  },
)
