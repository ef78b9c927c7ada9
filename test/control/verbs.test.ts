import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Plan } from '../../src/config/plan.js'
import { connectControls } from '../../src/control/client.js'
import { controlSocket, maxRequestBytes, routes, type Verb } from '../../src/control/routes.js'
import { type ControlServer, serveControls } from '../../src/control/server.js'
import { IpcsupError } from '../../src/errors.js'
import { isAllowed } from '../../src/ipc/allowed-peer.js'
import type { Controls, Report, Status } from '../../src/supervisor/controls.js'

const report: Report = { ok: false, processes: [] }
const status: Status = { name: 'orders', pid: 1, phase: 'running', ok: true, processes: [], links: [] }
const unknown = () =>
  new IpcsupError('IPCSUP_ERR_UNKNOWN_PROCESS', { name: 'pars', nearest: 'parse', known: 'parse, tail' })

/** Answers with what it was asked; processes named `pars` are unknown. */
function makeFakeControls(): { controls: Controls; calls: unknown[][] } {
  const calls: unknown[][] = []
  const take =
    <R>(verb: Verb, answer: R) =>
    async (...args: unknown[]): Promise<R> => {
      calls.push([verb, ...args])
      if (Array.isArray(args[0]) && args[0].includes('pars')) throw unknown()
      return answer
    }
  return {
    calls,
    controls: {
      status: take('status', status),
      plan: take('plan', { name: 'orders', links: {}, processes: {} } as unknown as Plan),
      logFiles: take('logFiles', [{ process: 'parse', stream: 'stdout', path: '/l' }] as const),
      startProcesses: take('startProcesses', undefined),
      stopProcesses: take('stopProcesses', undefined),
      restartProcesses: take('restartProcesses', undefined),
      signalProcesses: take('signalProcesses', undefined),
      callLink: take('callLink', ['web']),
      stop: take('stop', report),
    },
  }
}

/** Every verb with every shape of arguments it has. The type makes forgetting one impossible. */
const examples: { readonly [V in Verb]: readonly Parameters<Controls[V]>[] } = {
  status: [[]],
  plan: [[]],
  logFiles: [[]],
  startProcesses: [[[]], [['parse', 'tail']], [['pars']]],
  stopProcesses: [
    [[], { end: false }],
    [['parse'], { end: true }],
    [['pars'], { end: true }],
  ],
  restartProcesses: [[['parse']], [['pars']]],
  signalProcesses: [
    [['parse'], 'SIGHUP'],
    [['pars'], 'SIGHUP'],
  ],
  callLink: [['reload']],
  stop: [[{ now: true, kill: false }], [{ now: false, kill: true }]],
}
const cases = Object.entries(examples).flatMap(([verb, list]) => list.map(args => [verb as Verb, args] as const))

let directory: string
let server: ControlServer | null
let fake: ReturnType<typeof makeFakeControls>
const sockets: Socket[] = []

beforeEach(async () => {
  directory = mkdtempSync('/tmp/ipcsup-control-')
  fake = makeFakeControls()
  server = await serveControls(fake.controls, directory)
})

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await server?.close()
  rmSync(directory, { recursive: true, force: true })
})

const call = (controls: Controls, verb: Verb, args: readonly unknown[]) =>
  (controls[verb] as (...args: unknown[]) => Promise<unknown>)(...args).then(
    value => ({ value }),
    (error: IpcsupError) => ({ code: error.code, message: error.message, status: error.status }),
  )

/** Sends bytes as they are, and gives what comes back until the connection ends. */
async function sendRaw(text: string): Promise<string> {
  const socket = createConnection(controlSocket(directory))
  sockets.push(socket)
  let answer = ''
  socket.on('data', chunk => {
    answer += chunk
  })
  // A server that hangs up while we still write is one of the things that are tested.
  socket.on('error', () => {})
  socket.write(text)
  await once(socket, 'close')
  return answer
}

describe('every verb', () => {
  test.each(cases)('%s %j gives the same answer directly and over the socket', async (verb, args) => {
    const direct = await call(fake.controls, verb, args)
    const remote = await call(connectControls(directory, 'here'), verb, args)
    expect(remote).toEqual(direct)
    expect(fake.calls[1]).toEqual(fake.calls[0])
  })
})

describe('the control socket', () => {
  test('can be used by its owner alone, and is gone when the server is closed', async () => {
    expect(statSync(controlSocket(directory)).mode & 0o777).toBe(0o600)
    await server!.close()
    server = null
    await expect(connectControls(directory, 'for /a').status()).rejects.toMatchObject({
      code: 'IPCSUP_ERR_NO_SUPERVISOR',
      status: 3,
      message: expect.stringContaining('No supervisor is running for /a'),
    })
  })

  test('is refused to other users, root excepted', () => {
    expect([isAllowed(1000, 1000), isAllowed(0, 1000), isAllowed(1001, 1000), isAllowed(1000, 0)]).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  test.each([
    ['an unknown path', 'GET /v1/nothing', '', 'there is no such verb'],
    ['a wrong method', 'POST /v1/status', '', 'there is no such verb'],
    ['no JSON', 'POST /v1/processes/start', '{"names', 'no JSON'],
    ['names that are none', 'POST /v1/processes/start', '{"names":[1]}', 'must be a list of names'],
    ['a body that is no object', 'POST /v1/processes/start', '"x"', 'must be a JSON object'],
    ['no signal', 'POST /v1/processes/signal', '{"names":[]}', 'it must be a string, got nothing'],
    ['a flag that is none', 'POST /v1/stop', '{"now":"yes"}', 'must be true or false'],
  ])('answers %s with an error that says so', async (_what, request, body, why) => {
    const answer = await sendRaw(`${request} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    const data = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
    expect(data).toMatchObject({ code: 'IPCSUP_ERR_REQUEST', status: 2, message: expect.stringContaining(why) })
    expect(fake.calls).toEqual([])
  })

  test('refuses a body over its limit', async () => {
    const body = `{}${' '.repeat(maxRequestBytes)}`
    const answer = await sendRaw(`POST /v1/stop HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    expect(answer).toContain(`over ${maxRequestBytes} bytes`)
    expect(fake.calls).toEqual([])
  })

  test('hangs up on what is no HTTP, and goes on answering others', async () => {
    expect(await sendRaw('\x00\x01nonsense\r\n\r\n')).toBe('')
    expect(await connectControls(directory, 'here').status()).toEqual(status)
  })

  test('clients that ask and never finish, or never read, hold up neither others nor the end', async () => {
    for (const text of ['GET /v1/st', 'POST /v1/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{']) {
      const socket = createConnection(controlSocket(directory))
      sockets.push(socket)
      await once(socket, 'connect')
      socket.pause()
      socket.write(text)
    }
    expect(await connectControls(directory, 'here').status()).toEqual(status)
    await server!.close()
    server = null
  })

  test('a client that leaves before its answer disturbs nobody', async () => {
    let answerStop = (_report: Report) => {}
    const asked = new Promise<void>(resolve => {
      fake.controls.stop = () => {
        resolve()
        return new Promise(settle => {
          answerStop = settle
        })
      }
    })
    const socket = createConnection(controlSocket(directory))
    socket.write('POST /v1/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}')
    await asked
    socket.destroy()
    answerStop(report)
    expect(await connectControls(directory, 'here').status()).toEqual(status)
  })

  test('an answer that is due is read although the server closes', async () => {
    let answerStop = (_report: Report) => {}
    const asked = new Promise<void>(resolve => {
      fake.controls.stop = () => {
        resolve()
        return new Promise(settle => {
          answerStop = settle
        })
      }
    })
    const answer = connectControls(directory, 'here').stop()
    await asked
    const closed = server!.close()
    server = null
    answerStop(report)
    expect(await answer).toEqual(report)
    await closed
  })

  test('an error without a code is a fault of the supervisor, and says which request met it', async () => {
    fake.controls.status = () => Promise.reject(new TypeError('x is undefined'))
    await expect(connectControls(directory, 'here').status()).rejects.toMatchObject({
      code: 'IPCSUP_ERR_CONTROL',
      message: expect.stringMatching(/GET \/v1\/status.*x is undefined/s),
    })
  })

  test('a path that is no control socket is an error of the system, not a missing supervisor', async () => {
    const other = join(directory, 'other')
    const { createServer } = await import('node:net')
    const { mkdirSync } = await import('node:fs')
    mkdirSync(other)
    const stranger = createServer(socket => socket.end('hello')).listen(controlSocket(other))
    await once(stranger, 'listening')
    await expect(connectControls(other, 'here').status()).rejects.toMatchObject({
      code: 'IPCSUP_ERR_CONTROL',
      status: 4,
    })
    stranger.close()
  })

  test('a supervisor that is stopped is said to be silent by verbs that look, and waited for by those that do', async () => {
    const other = join(directory, 'silent')
    const { createServer } = await import('node:net')
    const { mkdirSync } = await import('node:fs')
    mkdirSync(other)
    const sockets: Socket[] = []
    const silent = createServer(socket => sockets.push(socket)).listen(controlSocket(other))
    await once(silent, 'listening')
    const controls = connectControls(other, 'here', { mostMs: 50 })
    const answers: unknown[] = []
    void controls.stop().catch(() => answers.push('stop'))
    for (const verb of ['status', 'plan', 'logFiles'] as const)
      await expect(controls[verb]()).rejects.toMatchObject({
        code: 'IPCSUP_ERR_CONTROL',
        status: 4,
        message: expect.stringMatching(/did not answer .*: nothing came within 50 ms; it is stopped \(kill -CONT/),
      })
    expect(answers).toEqual([])
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
})

test('no two verbs share a route', () => {
  const keys = Object.values(routes).map(({ method, path }) => `${method} ${path}`)
  expect(new Set(keys).size).toBe(keys.length)
})
