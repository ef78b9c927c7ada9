/** `ipcsup services` and `ipcsup call` of functions, as a shell has them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readArgument, showValue } from '../../src/cli/service/values.js'
import type { ListedService } from '../../src/cli/show/services.js'
import { findLanguages } from '../ipc/languages.js'
import { createSandbox, type Sandbox } from '../support/command-line.js'
import { until } from '../support/conditions.js'

const programs = findLanguages('service')
const python = (...words: string[]) => [...programs.Python!('serve'), ...words]
const link = { data: 'serve' }

async function start(sandbox: Sandbox, processes: object, service: object = {}): Promise<void> {
  sandbox.writeConfig({
    links: { data: { kind: 'service', ...service }, reload: { kind: 'signal' }, lines: { kind: 'fifo' } },
    processes: { ...processes, ear: { command: 'sleep 1000', links: { reload: 'to' } } },
  })
  const { status, err } = await sandbox.ipcsup('start', '--detach')
  expect(status, err).toBe(0)
}

const list = async (sandbox: Sandbox): Promise<ListedService> =>
  (JSON.parse((await sandbox.ipcsup('services', '--json')).out) as ListedService[])[0]!

const serves = (sandbox: Sandbox, count: number) =>
  until(`${count} serve`, async () => (await list(sandbox)).instances.filter(row => row.serving).length === count)

test('services shows who serves what, who does not yet, and how busy they are', async () => {
  await using sandbox = createSandbox()
  await start(sandbox, {
    eager: { command: python(), links: link },
    late: { command: python('wait:go'), links: link },
  })
  await serves(sandbox, 1)
  const held = sandbox.start('call', 'data.hold', 'done')
  await until('it is held', async () => (await list(sandbox)).outstanding === 1)
  const listed = await list(sandbox)
  expect(listed).toMatchObject({
    name: 'data',
    guarantee: 'at-most-once',
    calls: 1,
    outstanding: 1,
    path: expect.stringContaining('data.service'),
    instances: [
      { process: 'eager', generation: 1, state: 'running', serving: true, calls: 1, outstanding: 1 },
      { process: 'late', generation: null, state: 'running', serving: false, methods: [], outstanding: null },
    ],
  })
  expect(listed.instances[0]!.methods).toContainEqual({ name: 'add', arity: 2 })
  const [eager, late] = listed.instances.map(({ pid }) => String(pid))
  const table = (await sandbox.ipcsup('services')).out
  expect(table.split('\n')[0]).toMatch(/^SERVICE +GUARANTEE +PROCESS +STATE +PID +OUTSTANDING +FUNCTIONS$/)
  expect(table).toMatch(
    new RegExp(`^data +at-most-once +eager +serving +${eager} +1 +add\\(2\\), who\\(0\\), .*$`, 'm'),
  )
  expect(table).toMatch(new RegExp(`^data +at-most-once +late +running +${late}$`, 'm'))
  expect((await sandbox.ipcsup('status')).out).toMatch(/^data +service .* 1 of 2 serve, 1 outstanding /m)
  expect((await sandbox.ipcsup('graph')).out).toMatch(/^data +service +\(strangers\) -> eager, late +1 of 2 serve/m)
  writeFileSync(join(sandbox.directory, 'done'), '')
  expect(await held.ended).toMatchObject({ status: 0, out: 'held by eager\n' })
  writeFileSync(join(sandbox.directory, 'go'), '')
  await serves(sandbox, 2)
  await sandbox.ipcsup('stop', '--now')
})

test('call prints what a function answers: text, JSON, bytes, nothing, or a line for each item', async () => {
  await using sandbox = createSandbox()
  await start(sandbox, { server: { command: programs.Node!('serve'), links: link } })
  // While nobody serves, who waits for long is told so.
  await serves(sandbox, 1)
  const call = async (...words: string[]) => {
    const { status, out, err } = await sandbox.ipcsup('call', ...words)
    expect([status, err]).toEqual([0, ''])
    return out
  }
  expect(await call('data.add', '10', '20')).toBe('30\n')
  expect(await call('data.add', '--', '-1', '20')).toBe('19\n')
  expect(await call('data.add', 'ten', '20')).toBe('ten20\n')
  expect(await call('data.echo', '{"a":[1,null]}')).toBe('{"a":[1,null]}\n')
  expect(await call('data.nothing')).toBe('')
  expect(await call('data.bytes')).toBe('raw')
  expect(await call('data.rich')).toBe(
    '{"large":"1180591620717411303424","when":"1970-01-01T00:00:00.000Z","all":[["a",[1]]]}\n',
  )
  expect(await call('data.lines', '3')).toBe('line 1\nline 2\nline 3\n')
  // A stream without end, of which somebody wants the beginning.
  const headed = sandbox.openTerminal('ipcsup call data.lines 1000000000 | head -n 2; echo over')
  await headed.shows('over')
  expect(headed.out()).toContain('line 1\r\nline 2\r\nover')
  await sandbox.ipcsup('stop', '--now')
})

test('call says what is wrong, with a status', async () => {
  await using sandbox = createSandbox()
  await start(sandbox, { server: { command: programs.Node!('serve'), links: link } })
  await serves(sandbox, 1)
  const fail = async (...words: string[]) => {
    const { status, out, err } = await sandbox.ipcsup('call', ...words)
    expect(out).toBe('')
    return `${status}: ${err}`
  }
  expect(await fail('data.fail')).toBe('1: ipcsup: data.fail failed: RangeError (E_DAY): no such\\x0aday\n')
  expect(await fail('data.ad', '1')).toMatch(
    /^2: ipcsup: "data" has no method "ad"\. Did you mean "add"\? It has: add,/,
  )
  expect(await fail('dat.add')).toMatch(/^2: ipcsup: There is no link "dat"\. Did you mean "data"\?/)
  expect(await fail('data')).toMatch(/^2: ipcsup: Link "data" is a service: .* data\.add, data\.echo/)
  expect(await fail('data', '1')).toMatch(/^2: ipcsup: Link "data" is a service/)
  expect(await fail('data.')).toMatch(/^2: ipcsup: Say which function of "data", such as data\.add\./)
  expect(await fail('reload.x')).toMatch(/^2: ipcsup: Link "reload" is a signal and has no functions/)
  expect(await fail('reload', 'x')).toMatch(/^2: ipcsup: The call of a signal takes nothing more, got "x"\./)
  expect(await fail('reload', '--timeout', '1s')).toMatch(/^2: .* got "--timeout"/)
  expect(await fail('lines')).toMatch(/^2: ipcsup: There is no link "lines" that can be called\. Known: reload\./)
  expect(await fail('data.add', '--timeout', 'soon')).toMatch(/^2: ipcsup: --timeout must be .* got "soon"/)
  await sandbox.ipcsup('stop', '--now')
  expect(await fail('data.add')).toMatch(/^3: ipcsup: /)
})

test('call waits while nobody serves, and says so; for no longer than --timeout', async () => {
  await using sandbox = createSandbox()
  await start(sandbox, { server: { command: python('wait:go'), links: link } })
  const early = sandbox.start('call', 'data.add', '1', '2')
  await until('it says so', () => early.err() === 'ipcsup: nobody serves "data" now; waiting until somebody does\n')
  const short = await sandbox.ipcsup('call', '--timeout', '50ms', 'data.add', '1', '2')
  expect([short.status, short.err]).toEqual([1, expect.stringContaining('"data.add" was not answered within 50 ms')])
  writeFileSync(join(sandbox.directory, 'go'), '')
  expect(await early.ended).toMatchObject({ status: 0, out: '3\n' })
  await sandbox.ipcsup('stop', '--now')
})

test('a call whose fate is unknown says so, and is not repeated', async () => {
  await using sandbox = createSandbox()
  await start(sandbox, { server: { command: python(), links: link, restart: { policy: 'always', initial: '1ms' } } })
  const { status, err } = await sandbox.ipcsup('call', 'data.die')
  expect([status, err]).toEqual([1, expect.stringContaining('Whether "data.die" was done is not known')])
  expect((await sandbox.ipcsup('call', 'data.who')).out).toBe('["server",2]\n')
  await sandbox.ipcsup('stop', '--now')
})

describe('what the shell gives and gets', () => {
  test.each([
    ['10', 10],
    ['-1.5', -1.5],
    ['true', true],
    ['null', null],
    ['"10"', '10'],
    ['[1]', [1]],
    ['ten', 'ten'],
    ['', ''],
    ['{a}', '{a}'],
    ['007', '007'],
  ])('%j is %j', (word, value) => expect(readArgument(word)).toEqual(value))

  test.each([
    ['text', 'text\n'],
    [null, 'null\n'],
    [0, '0\n'],
    [undefined, ''],
    [{ nested: new Uint8Array([1, 2]) }, '{"nested":"AQI="}\n'],
  ])('%j is shown as %j', (value, shown) => expect(showValue(value)).toBe(shown))
})
