import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createTestHost } from '../../support/host.js'

/** What a child sees when it was not started through the gate. */
async function environmentOf(config: Record<string, unknown>, environment: NodeJS.ProcessEnv): Promise<string[]> {
  await using host = createTestHost(
    { processes: { one: { command: ['/usr/bin/env', '-0'], ...config } } },
    { environment },
  )
  await host.run('one')
  const rows = (await host.text('one')).split('\0').filter(Boolean)
  return rows.filter(row => !row.startsWith('IPCSUP_RUN=')).sort()
}

test('§8 a process with a umask has it, and the supervisor keeps its own', async () => {
  const own = process.umask()
  await using host = createTestHost({
    processes: {
      strict: { command: ['sh', '-c', 'umask; touch made'], umask: 0o077 },
      open: { command: ['sh', '-c', 'umask'], umask: 0 },
    },
  })
  await host.run('strict')
  await host.run('open')
  expect(Number.parseInt(await host.text('strict'), 8)).toBe(0o077)
  expect(Number.parseInt(await host.text('open'), 8)).toBe(0)
  expect(statSync(join(host.directory, 'made')).mode & 0o777).toBe(0o600)
  expect(process.umask()).toBe(own)
})

test('§8 the gate leaves the process its pid, arguments, directory and exit status', async () => {
  await using host = createTestHost({
    processes: {
      one: { command: ['sh', '-c', 'echo "$$" "$@"; pwd; exit 7', 'name', 'a b', '', '-u', 'X=1'], umask: 0o027 },
    },
  })
  const { pid } = await host.spawn('one')
  expect((await host.exited('one')).exit).toEqual({ code: 7 })
  expect(await host.text('one')).toBe(`${pid} a b  -u X=1\n${host.directory}\n`)
})

test('§8 the gate changes nothing of the environment: odd names, names of shells, and none added', async () => {
  const environment = {
    PATH: process.env['PATH'],
    'odd.name': '1',
    'BASH_FUNC_f%%': '() { :\n}',
    IFS: 'x',
    PWD: '/elsewhere',
    PS1: '$ ',
  }
  const config = { env: { 'a-b': 'two words', OPTIND: '9', LINENO: '5', EMPTY: '' } }
  const direct = await environmentOf(config, environment)
  expect(direct).toContain('IFS=x')
  expect(await environmentOf({ ...config, umask: 0o022 }, environment)).toEqual(direct)
  const bare = { PATH: process.env['PATH'] }
  expect(await environmentOf({ umask: 0o022 }, bare)).toEqual(await environmentOf({}, bare))
})

test('a path with "=" and a umask is refused, because env would take it for a variable', async () => {
  await using host = createTestHost({ processes: { one: { command: ['./a=b'], umask: 0o022 } } })
  writeFileSync(join(host.directory, 'a=b'), '#!/bin/sh\n', { mode: 0o755 })
  const { error, code } = await host.refuse('one')
  expect([error.code, code]).toEqual(['IPCSUP_ERR_SPAWN', 126])
  expect(error.message).toContain('the shell that starts it')
})

test('the gate passes on exactly the declared descriptors', async () => {
  await using host = createTestHost({
    links: { lines: { kind: 'pipe' } },
    processes: { one: { command: ['ls', '/proc/self/fd'], umask: 0o022, links: { lines: { side: 'write', fd: 6 } } } },
  })
  await host.openAll()
  await host.run('one')
  // 3 is ls reading the directory.
  expect((await host.text('one')).split('\n').filter(Boolean)).toEqual(['0', '1', '2', '3', '6'])
})
