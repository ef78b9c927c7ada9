import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { CommandFacts } from '../../../src/supervisor/host/command.js'
import { explainSpawn, findFault } from '../../../src/supervisor/host/spawn-fault.js'
import { createTestHost, listOpenDescriptors } from '../../support/host.js'

// A path after #! ends at its first space, which the temporary directory of a user may have.
const directory = mkdtempSync('/tmp/ipcsup-faults-')
const at = (name: string): string => join(directory, name)

mkdirSync(at('folder'))
mkdirSync(at('bin'))
writeFileSync(at('plain'), '#!/bin/sh\n')
writeFileSync(at('bin/hidden'), '#!/bin/sh\n')
writeFileSync(at('no-line'), 'echo ran by a shell > /dev/stderr\n', { mode: 0o755 })
writeFileSync(at('empty'), '', { mode: 0o755 })
writeFileSync(at('lost'), '#!/no/such/interpreter -x\n', { mode: 0o755 })
writeFileSync(at('lost-env'), '#!/usr/bin/env\n', { mode: 0o755 })
writeFileSync(at('by-data'), `#!${at('plain')}\n`, { mode: 0o755 })
makeWithoutLoader(at('no-loader'))

/** /bin/true with another name of the same length for its loader. */
function makeWithoutLoader(path: string): void {
  copyFileSync('/usr/bin/true', path)
  const text = readFileSync(path)
  text.write('/lib65', text.indexOf('/lib64/ld-linux'))
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}

interface Row {
  readonly title: string
  readonly process: Record<string, unknown>
  readonly code: number
  readonly error: string
  readonly says: RegExp
}

const rows: Row[] = [
  {
    title: 'a command that is not in PATH',
    process: { command: ['no-such-command'], env: { PATH: '/usr/bin:/bin' } },
    code: 127,
    error: 'IPCSUP_ERR_COMMAND_NOT_FOUND',
    says: /"one".*"no-such-command" was not found.*PATH.*\/usr\/bin:\/bin/,
  },
  {
    title: 'a command that only shells have',
    process: { command: ['cd', '/tmp'], env: { PATH: at('bin') } },
    code: 127,
    error: 'IPCSUP_ERR_COMMAND_NOT_FOUND',
    says: /"cd" was not found: it is a part of shells, no program\. .*sh -c '…'.*`cwd`/,
  },
  {
    title: 'a path where there is nothing',
    process: { command: ['./nothing'] },
    code: 127,
    error: 'IPCSUP_ERR_COMMAND_NOT_FOUND',
    says: /no file .*\/nothing/,
  },
  {
    title: 'a file without execute permission',
    process: { command: [at('plain')] },
    code: 126,
    error: 'IPCSUP_ERR_COMMAND_NOT_EXECUTABLE',
    says: /no execute permission.*chmod \+x .*plain/,
  },
  {
    title: 'a command that PATH has without execute permission only',
    process: { command: ['hidden'], env: { PATH: at('bin') } },
    code: 126,
    error: 'IPCSUP_ERR_COMMAND_NOT_EXECUTABLE',
    says: /bin\/hidden.*no execute permission/,
  },
  {
    title: 'a directory',
    process: { command: [at('folder')] },
    code: 126,
    error: 'IPCSUP_ERR_COMMAND_NOT_EXECUTABLE',
    says: /it is a directory/,
  },
  {
    title: 'a missing cwd, although the command exists',
    process: { command: ['true'], cwd: '/no/such/place' },
    code: 1,
    error: 'IPCSUP_ERR_WORKING_DIRECTORY',
    says: /directory \/no\/such\/place cannot be used: it does not exist/,
  },
  {
    title: 'a missing cwd before a missing command',
    process: { command: ['no-such-command'], cwd: '/no/such/place' },
    code: 1,
    error: 'IPCSUP_ERR_WORKING_DIRECTORY',
    says: /does not exist/,
  },
  {
    title: 'a cwd that is a file',
    process: { command: ['true'], cwd: at('plain') },
    code: 1,
    error: 'IPCSUP_ERR_WORKING_DIRECTORY',
    says: /not a directory/,
  },
  {
    title: 'a cwd below a file',
    process: { command: ['true'], cwd: at('plain/below') },
    code: 1,
    error: 'IPCSUP_ERR_WORKING_DIRECTORY',
    says: /part of its path is not a directory/,
  },
  {
    title: 'a missing interpreter',
    process: { command: [at('lost')] },
    code: 127,
    error: 'IPCSUP_ERR_COMMAND_NOT_FOUND',
    says: /interpreter \/no\/such\/interpreter of .*lost does not exist/,
  },
  {
    title: 'an interpreter that cannot be executed',
    process: { command: [at('by-data')] },
    code: 126,
    error: 'IPCSUP_ERR_COMMAND_NOT_EXECUTABLE',
    says: /interpreter .*plain cannot be executed/,
  },
  {
    title: 'a binary whose loader is missing',
    process: { command: [at('no-loader')] },
    code: 127,
    error: 'IPCSUP_ERR_COMMAND_NOT_FOUND',
    says: /loader \/lib65\S+ of .*no-loader does not exist/,
  },
  {
    title: 'a command without #! line, which is never given to a shell',
    process: { command: [at('no-line')] },
    code: 126,
    error: 'IPCSUP_ERR_COMMAND_NOT_EXECUTABLE',
    says: /neither a binary nor a script with a #! line/,
  },
  {
    title: 'an empty file',
    process: { command: [at('empty')] },
    code: 126,
    error: 'IPCSUP_ERR_COMMAND_NOT_EXECUTABLE',
    says: /neither a binary nor a script with a #! line/,
  },
  {
    title: 'an argument that is too long',
    process: { command: ['true', 'short', 'x'.repeat(131_072)] },
    code: 126,
    error: 'IPCSUP_ERR_ARGUMENTS_TOO_LONG',
    says: /argument 2 is longer than the 131071 bytes/,
  },
  {
    title: 'a variable that is too long, named but not shown',
    process: { command: ['true'], env: { SECRET: 'hunter2'.repeat(20_000) } },
    code: 126,
    error: 'IPCSUP_ERR_ARGUMENTS_TOO_LONG',
    says: /^(?!.*hunter2).*the variable SECRET is longer/,
  },
  {
    title: 'arguments that are too long together',
    process: { command: ['true', ...Array.from({ length: 70 }, (_, index) => String(index % 10).repeat(100_000))] },
    code: 126,
    error: 'IPCSUP_ERR_ARGUMENTS_TOO_LONG',
    says: /70\d{5} bytes together.*the largest is argument 1/,
  },
  {
    title: 'a missing file to read',
    process: { command: ['cat'], stdin: { file: '/no/such/file' } },
    code: 1,
    error: 'IPCSUP_ERR_REDIRECTION',
    says: /stdin cannot be read from \/no\/such\/file: no such file or directory/,
  },
  {
    title: 'a directory to write to',
    process: { command: ['echo'], stdout: { file: at('folder') } },
    code: 1,
    error: 'IPCSUP_ERR_REDIRECTION',
    says: /stdout cannot be written to .*folder: it is a directory/,
  },
  {
    title: 'a missing envFile',
    process: { command: ['true'], envFile: '/no/such/file' },
    code: 1,
    error: 'IPCSUP_ERR_ENV_FILE',
    says: /envFile \/no\/such\/file cannot be used: there is no such file\./,
  },
]

describe.each([
  ['directly', {}, {}],
  ['through the gate, for a umask', { umask: 0o027 }, {}],
  ['through the gate, for LISTEN_PID', { links: { web: 'listen' } }, { web: { kind: 'tcp', listen: '127.0.0.1:0' } }],
] as const)('§9 spawn errors are told apart %s', (_, gate, links) => {
  test.each(rows)('$title', async ({ process, code, error, says }) => {
    const before = listOpenDescriptors()
    await using host = createTestHost({ links, processes: { one: { ...process, ...gate } } }, { directory })
    await host.openAll()
    const refused = await host.refuse('one')
    expect(refused.error.message).toMatch(says)
    expect(refused).toMatchObject({ code, error: { code: error } })
    await host.close()
    expect(listOpenDescriptors()).toEqual(before)
  })
})

test('§9 more links than their variable can name are said to be too many', async () => {
  const deep = join(directory, ...Array.from({ length: 14 }, () => 'd'.repeat(250)))
  mkdirSync(deep, { recursive: true })
  const names = Array.from({ length: 20 }, (_, index) => `f${index}`)
  const links = Object.fromEntries(names.map(name => [name, { kind: 'fifo', path: join(deep, name) }]))
  const one = { command: ['true'], links: Object.fromEntries(names.map(name => [name, 'read'])) }
  await using host = createTestHost({ links, processes: { one } }, { directory })
  await host.openAll()
  const { error } = await host.refuse('one')
  expect(error.message).toMatch(/the variable IPCSUP_LINKS is longer than .* takes\. Give it fewer links\.$/)
})

test('§9 a wrong line of an envFile is named', async () => {
  writeFileSync(at('vars'), 'A=1\n\nhunter2\n')
  await using host = createTestHost({ processes: { one: { command: ['true'], envFile: 'vars' } } }, { directory })
  const { error } = await host.refuse('one')
  expect(error.message).toMatch(/vars cannot be used: line 3: there is no "="/)
  expect(error.message).not.toContain('hunter2')
})

test('§9 a variable with a NUL is named, and never cut there', async () => {
  writeFileSync(at('nul'), 'SECRET=hunter2\0rest\n')
  await using host = createTestHost({ processes: { one: { command: ['true'], envFile: 'nul' } } }, { directory })
  const { error, code } = await host.refuse('one')
  expect([error.code, code]).toEqual(['IPCSUP_ERR_SPAWN', 1])
  expect(error.message).toMatch(/^(?!.*hunter2).*the variable SECRET has a NUL/)
})

describe('§9 what the kernel says alone', () => {
  const fine: CommandFacts = {
    command: 'tool',
    searched: '/bin',
    directory: '/',
    directoryState: 'directory',
    path: '/bin/tool',
    pathState: 'executable',
    format: { type: 'elf', interpreter: null },
    interpreterState: 'executable',
  }
  const sizes = { argv: ['tool'], variables: [] }

  test.each([
    ['EAGAIN', /too many processes/],
    ['ENOMEM', /not enough memory/],
    ['EMFILE', /too many open files .*EMFILE/],
    ['EBADF', /descriptor numbers is above the limit/],
    ['ETXTBSY', /is being written/],
    ['ENOEXEC', /format that this system cannot execute/],
    ['EACCES', /noexec/],
    ['ESTALE', /the system says ESTALE/],
  ])('%s is explained', (errno, says) => {
    const { error, code } = explainSpawn('one', errno, fine, sizes)
    expect(error.message).toMatch(says)
    expect([error.code, code]).toEqual(['IPCSUP_ERR_SPAWN', 126])
  })

  test('a command in a directory without search permission is not executable', () => {
    const fault = findFault('one', { ...fine, pathState: 'no permission' })
    expect(fault).toMatchObject({ code: 126, error: { code: 'IPCSUP_ERR_COMMAND_NOT_EXECUTABLE' } })
  })

  test('a PATH that is a screen long does not bury what is said', () => {
    const fault = findFault('one', { ...fine, pathState: 'missing', searched: '/opt/tool/bin:'.repeat(40) })
    expect(fault?.error.message).toMatch(
      / was not found: it is not in the PATH .*…\)\. Install it, or give its path\.$/,
    )
    expect(fault?.error.message.length).toBeLessThan(250)
  })

  test('a cwd without search permission is named', () => {
    const fault = findFault('one', { ...fine, directoryState: 'no permission' })
    expect(fault?.error.message).toMatch(/no permission to enter/)
  })

  test('nothing is wrong with a command that is fine', () => {
    expect(findFault('one', fine)).toBeNull()
    expect(findFault('one', { ...fine, format: { type: 'unreadable' } })).toBeNull()
  })
})

test('a descriptor above the limit of open files is refused with the limit', async () => {
  await using host = createTestHost(
    {
      links: { lines: { kind: 'pipe' } },
      processes: { one: { command: ['true'], links: { lines: { side: 'read', fd: 1000 } } } },
    },
    { environment: { PATH: process.env['PATH'], IPCSUP_NOFILE_SOFT: '500' } },
  )
  await host.openAll()
  expect((await host.refuse('one')).error.message).toMatch(/above the limit of open files/)
})

test('§16 a ledger on a full disk is a warning, told once, and not the end of children that run already', async () => {
  let isFull = true
  const recordProcess = () => {
    if (isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  }
  await using host = createTestHost(
    {
      processes: {
        one: { command: 'true' },
        two: { command: 'true' },
        three: { command: 'true' },
        four: { command: 'true' },
      },
    },
    { recordProcess },
  )
  const warnings = () => host.events.filter(event => event.type === 'warning').length
  expect((await host.run('one')).exit).toEqual({ code: 0 })
  expect((await host.run('two')).exit).toEqual({ code: 0 })
  expect(warnings()).toBe(1)
  isFull = false
  await host.run('three')
  isFull = true
  await host.run('four')
  expect(warnings()).toBe(2)
})
