import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { program } from '../support/command-line.js'

// As in a container that is run by a number: /etc/passwd knows nothing of it.
const user = 61_358
const asUser = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups']
const canSwitch =
  process.getuid!() === 0 && spawnSync(asUser[0]!, [...asUser.slice(1), program, '--version']).status === 0

let directory: string

beforeEach(() => {
  directory = mkdtempSync('/tmp/ipcsup-homeless-')
  mkdirSync(join(directory, 'runtime'), { mode: 0o700 })
  for (const path of [directory, join(directory, 'runtime')]) chownSync(path, user, user)
})

afterEach(() => rmSync(directory, { recursive: true }))

function ipcsup(...argv: string[]) {
  const { HOME, XDG_STATE_HOME, XDG_CACHE_HOME, ...env } = process.env
  return spawnSync(asUser[0]!, [...asUser.slice(1), program, ...argv], {
    cwd: directory,
    env: { ...env, XDG_RUNTIME_DIR: join(directory, 'runtime') },
    encoding: 'utf8',
  })
}

test.skipIf(!canSwitch)('a user without a home runs a line', () => {
  expect(ipcsup('run', 'echo hi')).toMatchObject({ status: 0, stdout: 'hi\n', stderr: '' })
})

test.skipIf(!canSwitch)('a user without a home starts a TypeScript config, whose logs are in the run directory', () => {
  const ask = `{ ${program} logs --json; until ${program} logs | grep hi; do sleep 0.1; done; }`
  const config = { processes: { web: { command: ['sh', '-c', `echo hi; ${ask} > seen`] } } }
  writeFileSync(join(directory, 'ipcsup.config.ts'), `export default ${JSON.stringify(config)}`)
  const { status, stdout } = ipcsup('start')
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'web | hi\n' })
  const seen = spawnSync('cat', [join(directory, 'seen')], { encoding: 'utf8' }).stdout
  expect(seen).toMatch(/"path": "\/.*\/runtime\/ipcsup\/.*\/logs\/web\.stdout\.log"/)
  expect(seen).toContain('web | hi\n')
  expect(readdirSync(join(directory, 'runtime', 'ipcsup'))).toEqual([])
})

test.skipIf(!canSwitch).each(['ipcsup.config.json', 'ipcsup.config.yaml', 'ipcsup.config.ts'])(
  'a config %s that may not be read is named once, with what is wrong',
  name => {
    const path = join(directory, name)
    writeFileSync(path, '{}', { mode: 0 })
    const { status, stderr } = ipcsup('check')
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: `ipcsup: The config ${path} cannot be loaded: there is no permission to read it.\n`,
    })
  },
)

test.skipIf(!canSwitch)('a user without a home is told what a start in the background lacks', () => {
  writeFileSync(join(directory, 'ipcsup.config.json'), JSON.stringify({ processes: { web: { command: 'true' } } }))
  const { status, stderr } = ipcsup('start', '--detach')
  expect(stderr).toBe(
    'ipcsup: Finding a directory for messages (set XDG_STATE_HOME to one, or HOME) failed: getpwuid: ENOENT.\n',
  )
  expect(status).toBe(4)
})
