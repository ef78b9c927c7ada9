import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { createTestHost, type TestHost } from '../../support/host.js'

const read = (host: TestHost, name: string): string => readFileSync(join(host.directory, name), 'utf8')

test('§10 a file is truncated once per run, at the first spawn, and appended to from then on', async () => {
  await using host = createTestHost({ processes: { one: { command: ['echo', 'line'], stdout: { file: 'out' } } } })
  writeFileSync(join(host.directory, 'out'), 'of an earlier run\n')
  await host.run('one', 1)
  expect(read(host, 'out')).toBe('line\n')
  await host.run('one', 2)
  expect(read(host, 'out')).toBe('line\nline\n')
})

test('§10 append never truncates', async () => {
  await using host = createTestHost({
    processes: { one: { command: ['echo', 'line'], stdout: { file: 'out', append: true } } },
  })
  writeFileSync(join(host.directory, 'out'), 'before\n')
  await host.run('one')
  expect(read(host, 'out')).toBe('before\nline\n')
})

test('§10 stdin of a file starts at its beginning at each spawn', async () => {
  await using host = createTestHost({ processes: { one: { command: ['cat'], stdin: { file: 'in' } } } })
  writeFileSync(join(host.directory, 'in'), 'x\n')
  await host.run('one', 1)
  await host.run('one', 2)
  expect(await host.text('one')).toBe('x\nx\n')
})

test('§10 stderr: "stdout" is the same description: order is kept and nothing is overwritten', async () => {
  await using host = createTestHost({
    processes: {
      one: { command: ['sh', '-c', 'echo 1; echo 2 >&2; echo 3'], stdout: { file: 'out' }, stderr: 'stdout' },
    },
  })
  await host.run('one')
  expect(read(host, 'out')).toBe('1\n2\n3\n')
})

test('§10 redirections apply left to right: all files are made, the last of a descriptor wins', async () => {
  await using host = createTestHost({ pipelines: { p: 'sh -c "echo out; echo err >&2" > a 2>&1 > b 2> c 2>> d' } })
  const [name] = Object.keys(host.plan.processes)
  writeFileSync(join(host.directory, 'a'), 'old')
  await host.run(name!)
  expect(['a', 'b', 'c', 'd'].map(file => read(host, file))).toEqual(['', 'out\n', '', 'err\n'])
})

test('§10 after a redirection that cannot be opened the later ones are not, as in a shell', async () => {
  await using host = createTestHost({ pipelines: { p: 'echo x > first < /no/such/file > second' } })
  const [name] = Object.keys(host.plan.processes)
  expect((await host.refuse(name!)).code).toBe(1)
  expect(existsSync(join(host.directory, 'first'))).toBe(true)
  expect(existsSync(join(host.directory, 'second'))).toBe(false)
})

test('a new file gets the mode that a shell with that umask gives it, an old one keeps its own', async () => {
  await using host = createTestHost({
    processes: {
      plain: { command: ['true'], stdout: { file: 'plain' } },
      strict: { command: ['true'], stdout: { file: 'strict' }, umask: 0o077 },
      open: { command: ['true'], stdout: { file: 'open' }, stderr: { file: 'old' }, umask: 0 },
    },
  })
  writeFileSync(join(host.directory, 'old'), '', { mode: 0o600 })
  const former = process.umask(0o022)
  try {
    for (const name of ['plain', 'strict', 'open']) await host.run(name)
  } finally {
    process.umask(former)
  }
  const mode = (name: string): number => statSync(join(host.directory, name)).mode & 0o777
  expect(['plain', 'strict', 'open', 'old'].map(mode)).toEqual([0o644, 0o600, 0o666, 0o600])
})

test('a FIFO as a file never holds up the supervisor', async () => {
  await using host = createTestHost({
    processes: {
      reader: { command: ['true'], stdin: { file: 'fifo' } },
      writer: { command: ['true'], stdout: { file: 'fifo' } },
    },
  })
  execFileSync('mkfifo', [join(host.directory, 'fifo')])
  // A reader without a writer has its end at once; a writer without a reader is refused.
  expect((await host.run('reader')).exit).toEqual({ code: 0 })
  expect((await host.refuse('writer')).error.message).toMatch(/FIFO that nobody reads/)
})

test('a redirected file is a blocking one, as from a shell', async () => {
  const command = ['python3', '-c', 'import os; [os.write(2, b"%d" % os.get_blocking(fd)) for fd in (0, 1)]']
  await using host = createTestHost({ processes: { one: { command, stdin: { file: 'in' }, stdout: { file: 'out' } } } })
  writeFileSync(join(host.directory, 'in'), '')
  await host.run('one')
  expect(await host.text('one', 'stderr')).toBe('11')
})

test('an inherited file shares its offset with the supervisor', async () => {
  await using host = createTestHost({
    processes: { one: { command: ['cat', '/proc/self/fdinfo/2'], stderr: 'inherit' } },
  })
  await host.run('one')
  const flags = (text: string): string => /^flags:\s+(\d+)/m.exec(text)![1]!
  const own = readFileSync('/proc/self/fdinfo/2', 'utf8')
  // Close-on-exec is of the descriptor, the rest of the description.
  const withoutCloseOnExec = (octal: string): number => Number.parseInt(octal, 8) & ~0o2000000 & ~0o4000
  expect(withoutCloseOnExec(flags(await host.text('one')))).toBe(withoutCloseOnExec(flags(own)))
})

test('null is empty to read and takes everything', async () => {
  await using host = createTestHost({
    processes: { one: { command: ['sh', '-c', 'cat; echo gone; echo kept >&2'], stdout: 'null' } },
  })
  expect((await host.run('one')).exit).toEqual({ code: 0 })
  expect(await host.text('one', 'stderr')).toBe('kept\n')
})

test('one log pipe serves all incarnations, and each has a description of its own', async () => {
  await using host = createTestHost({
    processes: {
      one: {
        command: ['python3', '-c', 'import os; print(os.get_blocking(1), flush=True); os.set_blocking(1, False)'],
      },
    },
  })
  for (const generation of [1, 2, 3]) await host.run('one', generation)
  expect(await host.text('one')).toBe('True\nTrue\nTrue\n')
})

test('a log stream ends with its last writer, not with the process', async () => {
  await using host = createTestHost({
    processes: { one: { command: ['sh', '-c', '(while ! test -e go; do sleep 0.01; done; echo late) & echo early'] } },
  })
  await host.run('one')
  host.host.send({ type: 'closeLogs', id: 900, process: 'one' })
  await until('the first line', () => host.output('one').toString() === 'early\n')
  writeFileSync(join(host.directory, 'go'), '')
  expect(await host.text('one')).toBe('early\nlate\n')
})

const driver = bundleProgram(join(import.meta.dirname, 'drivers/run-processes.ts'))
// Runs argv in a session with a pseudo-terminal: in the foreground, or (first argument "background") in a group that has not got it.
const onTerminal = `
import os, pty, sys
pid, master = pty.fork()
if pid == 0:
    job = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ, **({"setpgroup": 0} if sys.argv[1] == "background" else {}))
    os.waitpid(job, 0)
    os._exit(0)
os.write(master, b"typed\\n\\x04")
said = b""
try:
    while chunk := os.read(master, 4096): said += chunk
except OSError:
    pass
print(said.decode())
`
const config = { processes: { one: { command: ['cat'], stdin: 'inherit' } } }

test.each([
  ['background', '', /terminal is another job's/],
  ['foreground', 'typed', /"warnings":\[\]/],
])('§12 stdin that is inherited by an ipcsup in the %s', (where, read, says) => {
  const argv = ['-c', onTerminal, where, process.execPath, driver, JSON.stringify(config)]
  const said = execFileSync('/usr/bin/python3', argv, { encoding: 'utf8', timeout: 120_000 })
  expect(said).toMatch(says)
  // The terminal shows what was typed once by itself.
  expect(said.split('typed').length - 2).toBe(read === '' ? 0 : 1)
})
