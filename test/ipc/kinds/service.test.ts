import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, lstatSync, readdirSync, rmSync, unlinkSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { buildPlan } from '../../../src/config/build-plan.js'
import type { LinkObject, Owner } from '../../../src/ipc/kind.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { startService } from '../../../src/ipc/service/server.js'
import type { Directory } from '../../../src/ipc/service/wire.js'
import {
  bindUnixSocket,
  changeOpenFilesLimit,
  createUnixSocket,
  listenAt,
  readOpenFilesLimit,
} from '../../../src/platform/index.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { createTestHost, listOpenDescriptors } from '../../support/host.js'
import { fixtures } from '../languages.js'
import { createLink, makeDirectory, refusalOf } from '../support.js'

let directory: string
let owner: Owner | null
const objects: LinkObject[] = []
const sockets: Socket[] = []
const programs: ChildProcess[] = []

beforeEach(() => {
  directory = makeDirectory()
  owner = { process: 'one', generation: 1 }
})

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const object of objects.splice(0)) object.destroy()
  for (const program of programs.splice(0)) program.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

const uses = ['one', 'two'].map(process => ({ process, side: 'serve' }))

/** Whoever connects from here is of `owner`. */
function service(more: Parameters<typeof createLink>[2] = {}, options: object = {}): LinkObject {
  const object = createLink({ kind: 'service', ...options }, directory, { uses, findOwner: () => owner, ...more })
  objects.push(object)
  return object
}

/** A process has its end from now on. */
function give(object: LinkObject, process?: string): void {
  closeSync(object.take('serve', process))
}

interface Talk {
  readonly socket: Socket
  /** Of what was told, the newest. */
  readonly told: () => Directory | undefined
  readonly complaint: () => string | undefined
  readonly isClosed: () => boolean
  say(line: object | string): void
}

function talk(object: LinkObject): Talk {
  const socket = connect(object.hint().path!)
  sockets.push(socket)
  let text = ''
  let closed = false
  socket.setEncoding('utf8').on('data', piece => {
    text += piece
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
  })
  const lines = () =>
    text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line))
  return {
    socket,
    told: () => lines().findLast(line => 'instances' in line),
    complaint: () => lines().find(line => 'error' in line)?.error.message,
    isClosed: () => closed,
    say: line => void socket.write(typeof line === 'string' ? line : `${JSON.stringify(line)}\n`),
  }
}

const registration = (process = 'one', generation = 1, more: object = {}) => ({
  register: { process, generation, methods: ['add', 'who'], ...more },
})

const namesOf = (directory: Directory | undefined) => directory?.instances.map(({ process }) => process)

const serves = (client: Talk, ...names: string[]) =>
  until(`${names} serve`, () => JSON.stringify(namesOf(client.told())) === JSON.stringify(names))

const refused = async (client: Talk): Promise<string> => {
  await until('it is told why, and hung up on', () => client.isClosed() && client.complaint() !== undefined)
  return client.complaint()!
}

/** Whoever comes after it is told what became of it. */
const leave = (client: Talk): Promise<void> => {
  client.socket.destroy()
  return until('it is closed', () => client.isClosed())
}

const meet = async (object: LinkObject): Promise<Talk> => {
  const client = talk(object)
  await until('it is told', () => client.told() !== undefined)
  return client
}

/** Of a program that serves: its end is some socket. */
const placeAt = (meeting: string, name: string) => {
  const path = join(directory, 'of-program.sock')
  const descriptor = createUnixSocket('stream', {})
  bindUnixSocket(descriptor, { path })
  listenAt(descriptor, 1)
  return { descriptor, meeting, process: name, generation: 1 }
}

const canUnshare = spawnSync('unshare', ['-pf', 'true']).status === 0

describe('its options', () => {
  const problemsOf = (link: object): string => {
    try {
      buildPlan({ links: { data: link } }, { kinds, directory, configPath: null, isEmbedded: true })
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }

  test('exactly once needs a store, and nothing else has one', () => {
    expect(problemsOf({ kind: 'service', guarantee: 'exactly-once' })).toContain(
      'links.data.store: is needed for guarantee "exactly-once"',
    )
    expect(problemsOf({ kind: 'service', store: 'done' })).toContain('is for guarantee "exactly-once"')
    expect(problemsOf({ kind: 'service', guarantee: 'exactly-once', store: 'done' })).toBe('')
  })

  test('two services cannot have one store', () => {
    const link = { kind: 'service', guarantee: 'exactly-once', store: 'done' }
    expect(() =>
      buildPlan({ links: { a: link, b: link } }, { kinds, directory, configPath: null, isEmbedded: true }),
    ).toThrow(/the store .*done/)
  })

  test('everybody is told the guarantee and the store', async () => {
    const client = talk(service({}, { guarantee: 'exactly-once', store: 'done' }))
    await until('it is told', () => client.told() !== undefined)
    expect(client.told()).toMatchObject({ guarantee: 'exactly-once', store: join(directory, 'done') })
  })
})

describe('the sockets of the processes', () => {
  test('are made when they are first asked for, one for each, and stay the same', () => {
    const object = service()
    expect(readdirSync(directory)).toEqual(['data.service'])
    give(object, 'one')
    const path = join(directory, 'data.one.sock')
    const { ino, mode } = lstatSync(path)
    expect(mode & 0o777).toBe(0o600)
    give(object, 'one')
    give(object, 'two')
    expect(lstatSync(path).ino).toBe(ino)
    expect(readdirSync(directory).sort()).toEqual(['data.one.sock', 'data.service', 'data.two.sock'])
  })

  test('are made again where a server removed the path', () => {
    const object = service()
    give(object, 'one')
    unlinkSync(join(directory, 'data.one.sock'))
    give(object, 'one')
    expect(existsSync(join(directory, 'data.one.sock'))).toBe(true)
  })

  test('block again for the next incarnation', async () => {
    const object = service()
    const { isNonBlocking, makeNonBlocking } = await import('../../../src/platform/index.js')
    const first = object.take('serve', 'one')
    makeNonBlocking(first)
    const second = object.take('serve', 'one')
    expect(isNonBlocking(second)).toBe(false)
    closeSync(first)
    closeSync(second)
  })

  test('have short names where the path would be too long, unlike each other', async () => {
    // The meeting socket of that name just fits.
    const link = 'l'.repeat(107 - Buffer.byteLength(join(directory, '.service')))
    const object = service({ link })
    const [a, b] = ['a', 'b'].map(letter => letter.repeat(63))
    give(object, a)
    give(object, b)
    const names = readdirSync(directory)
    expect(new Set(names).size).toBe(3)
    for (const name of names) expect(Buffer.byteLength(join(directory, name))).toBeLessThanOrEqual(107)
    expect(basename(object.hint().path!)).toBe(`${link}.service`)
  })

  test('a directory too long for any is said', () => {
    expect(refusalOf(() => service({ runDirectory: `/tmp/${'d'.repeat(100)}` }))).toMatch(
      /^IPCSUP_ERR_LINK_CREATE: Link "data" cannot be created: .* bytes.*Set XDG_RUNTIME_DIR to a shorter one/,
    )
  })

  test('one that cannot be made now is a refusal that leaves nothing, and can be made later', () => {
    const object = service()
    const before = listOpenDescriptors()
    const limit = readOpenFilesLimit()
    changeOpenFilesLimit({ soft: lowestFree(before), hard: limit.hard })
    try {
      expect(() => object.take('serve', 'one')).toThrow(/EMFILE/)
    } finally {
      changeOpenFilesLimit(limit)
    }
    expect([listOpenDescriptors(), readdirSync(directory)]).toEqual([before, ['data.service']])
    give(object, 'one')
  })
})

describe('the meeting', () => {
  test('everybody is told who serves, at once and after each change', async () => {
    const object = service()
    give(object, 'one')
    give(object, 'two')
    const client = talk(object)
    await serves(client)
    const one = talk(object)
    one.say(registration('one', 1, { arity: { add: 2 }, took: true, ring: true }))
    await serves(client, 'one')
    expect(client.told()).toEqual({
      service: 'data',
      servers: ['one', 'two'],
      guarantee: 'at-most-once',
      store: '',
      instances: [
        {
          process: 'one',
          generation: 1,
          path: join(directory, 'data.one.sock'),
          methods: ['add', 'who'],
          took: true,
          ring: true,
        },
      ],
      finished: [],
      over: false,
    })
    owner = { process: 'two', generation: 4 }
    const two = talk(object)
    two.say(registration('two', 4))
    await serves(client, 'one', 'two')
    one.say({ unregister: true })
    await serves(client, 'two')
    two.socket.destroy()
    await serves(client)
    client.say({ find: true })
    expect(one.isClosed()).toBe(false)
  })

  test('who has left is finished until it comes again, and at the end all are', async () => {
    const object = service()
    give(object, 'one')
    give(object, 'two')
    const one = talk(object)
    one.say(registration())
    await serves(one, 'one')
    object.leave!('serve', 'one')
    await until('it is finished', () => one.told()?.finished.join() === 'one')
    expect([namesOf(one.told()), readdirSync(directory).sort()]).toEqual([[], ['data.service', 'data.two.sock']])
    expect(object.facts().service!.servers).toEqual(['two'])
    give(object, 'one')
    await until('it is no more finished', () => one.told()?.finished.length === 0)
    one.say(registration())
    await serves(one, 'one')
    object.release('serve', 'over')
    await until('it is over', () => one.told()?.over === true)
    expect(one.told()).toMatchObject({ instances: [], finished: ['one', 'two'] })
    const late = talk(object)
    await until('the late one is told too', () => late.told()?.over === true)
    late.say(registration())
    expect(await refused(late)).toContain('"one" has no end of it to serve at')
  })

  test('the end of an instance is the end of its registration, whoever keeps the connection, and not that of the next', async () => {
    const object = service()
    give(object, 'one')
    const first = talk(object)
    first.say(registration())
    await serves(first, 'one')
    // What it left behind holds the connection; the instance itself is gone.
    owner = null
    object.mend!('serve', 'one')
    await serves(first)
    owner = { process: 'one', generation: 2 }
    const second = talk(object)
    second.say(registration('one', 2))
    await serves(first, 'one')
    // Nothing of the first is left now, either.
    object.mend!('serve', 'one')
    await leave(first)
    const late = await meet(object)
    expect(late.told()!.instances).toMatchObject([{ process: 'one', generation: 2 }])
  })

  test('a later incarnation takes the place of an earlier one, whose end then changes nothing', async () => {
    const object = service()
    give(object, 'one')
    const first = talk(object)
    first.say(registration())
    await serves(first, 'one')
    owner = { process: 'one', generation: 2 }
    const second = talk(object)
    second.say(registration('one', 2))
    await until('it is the second', () => first.told()?.instances[0]?.generation === 2)
    await leave(first)
    const late = await meet(object)
    expect(namesOf(late.told())).toEqual(['one'])
  })

  test('its facts count the calls of those that have ended, too', async () => {
    const object = service()
    give(object, 'one')
    const one = talk(object)
    one.say(registration('one', 1, { arity: { add: 2 } }))
    one.say({ load: { calls: 7, outstanding: 2 } })
    await until('it is counted', () => object.facts().service!.calls === 7)
    expect(object.facts().service).toEqual({
      guarantee: 'at-most-once',
      servers: ['one', 'two'],
      calls: 7,
      outstanding: 2,
      instances: [
        { process: 'one', generation: 1, pid: process.pid, methods: { add: 2, who: null }, calls: 7, outstanding: 2 },
      ],
    })
    one.socket.destroy()
    await until('it has ended', () => object.facts().service!.instances.length === 0)
    expect(object.facts().service).toMatchObject({ calls: 7, outstanding: 0 })
  })
})

describe('who may register', () => {
  test('a program registers for itself only', async () => {
    const object = service()
    give(object, 'one')
    give(object, 'two')
    const wrong = talk(object)
    wrong.say(registration('two'))
    expect(await refused(wrong)).toContain(`pid ${process.pid} says that it is "two" 1, and is of "one" 1`)
    const old = talk(object)
    owner = { process: 'one', generation: 2 }
    old.say(registration('one', 1))
    expect(await refused(old)).toContain('is of "one" 2')
    owner = null
    const foreign = talk(object)
    foreign.say(registration('one', 1))
    expect(await refused(foreign)).toContain('is none of its programs')
    expect(object.facts().service!.instances).toEqual([])
  })

  test('once for each instance', async () => {
    const object = service()
    give(object, 'one')
    const first = talk(object)
    first.say(registration())
    await serves(first, 'one')
    const second = talk(object)
    second.say(registration())
    expect(await refused(second)).toContain(`"one" serves already, as pid ${process.pid}`)
    // The same connection may say more.
    first.say(registration('one', 1, { methods: ['more'] }))
    await until('it has more', () => first.told()?.instances[0]?.methods.join() === 'more')
  })

  test('who is refused is told so by the code, whoever it is', async () => {
    const object = service()
    give(object, 'two')
    await expect(startService(placeAt(object.hint().path!, 'two'), { add: () => 1 })).rejects.toMatchObject({
      code: 'IPCSUP_ERR_REGISTRATION',
      message: expect.stringContaining('says that it is "two" 1, and is of "one" 1'),
    })
  })

  test.skipIf(!canUnshare)(
    'who cannot be seen, in another pid namespace, is told what to do (needs unshare)',
    async () => {
      const driver = bundleProgram(join(import.meta.dirname, '../drivers/hold-service.ts'))
      const holder = spawn('unshare', ['-pf', process.execPath, driver, directory], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      programs.push(holder)
      const [pid] = await once(holder.stdout, 'data')
      expect(String(pid)).toBe('1\n')
      const refusal = startService(placeAt(join(directory, 'data.service'), 'one'), { add: () => 1 })
      await expect(refusal).rejects.toMatchObject({
        code: 'IPCSUP_ERR_REGISTRATION',
        message:
          'Nobody can serve "data" so: whether a program is "one" cannot be seen from here: it runs in another pid namespace. Have ipcsup start it, or run ipcsup in the pid namespace of that program, or in one above.',
      })
      holder.stdin.end()
      await once(holder, 'exit')
    },
  )

  test('not for a process without an end', async () => {
    owner = { process: 'caller', generation: 1 }
    const caller = talk(service())
    caller.say(registration('caller'))
    expect(await refused(caller)).toContain('"caller" has no end of it to serve at')
  })

  test('a program outside, or the app, as itself, when it was given an end', async () => {
    const object = service()
    owner = null
    const early = talk(object)
    early.say(registration('anybody'))
    expect(await refused(early)).toContain('a program outside has no end')
    give(object)
    const app = talk(object)
    app.say(registration('anybody', 0))
    await serves(app, '')
    expect(app.told()!.instances[0]!.path).toBe(join(directory, 'data..sock'))
  })
})

describe('bad clients', () => {
  test.each([
    ['no JSON', 'register me\n', 'a line is no JSON'],
    ['no object', '[1]\n', 'no JSON object'],
    ['an unknown word', '{"hello":1}\n', 'it must have `register`'],
    ['a bigint', '{"hello":{"$bigint":"5"}}\n', 'it must have `register`'],
    ['lists in lists', `{"hello":${'['.repeat(50_000)}${']'.repeat(50_000)}}\n`, 'it must have `register`'],
    ['a registration without methods', '{"register":{"process":"one","generation":1}}\n', '`methods` must be a list'],
    ['one without a name', '{"register":{}}\n', '`process` must be a string'],
    ['one with a wrong generation', '{"register":{"process":"one","generation":"1"}}\n', '`generation` must be'],
    [
      'one with a wrong arity',
      '{"register":{"process":"one","generation":1,"methods":[],"arity":{"a":"b"}}}\n',
      '`arity` must have',
    ],
    ['nothing', '{"register":null}\n', '`process` must be a string'],
    ['a line without end', 'x'.repeat(300 * 1024), 'a line has more than'],
  ])('are told what is wrong and hung up on: %s', async (_, text, why) => {
    const object = service()
    give(object, 'one')
    const client = talk(object)
    client.say(text)
    expect(await refused(client)).toContain(why)
    expect(object.facts().service!.instances).toEqual([])
  })

  test('wrong counts end a registration', async () => {
    const object = service()
    give(object, 'one')
    const client = talk(object)
    client.say(registration())
    client.say({ load: { calls: -1, outstanding: 'x' } })
    expect(await refused(client)).toContain('must be whole numbers')
    expect(object.facts().service!.instances).toEqual([])
  })

  test('who does not read keeps nobody waiting, and is told the newest once it does', async () => {
    const object = service()
    give(object, 'one')
    const deaf = talk(object)
    await serves(deaf)
    deaf.socket.pause()
    const one = talk(object)
    const methods = Array.from({ length: 2_000 }, (_, index) => `a-method-with-a-long-name-${index}`)
    for (let count = 0; count < 40; count++) {
      one.say(registration('one', 1, { methods: [...methods, `version${count}`] }))
      await until('it is told', () => one.told()?.instances[0]?.methods.at(-1) === `version${count}`)
    }
    let bytes = 0
    deaf.socket.on('data', piece => {
      bytes += piece.length
    })
    deaf.socket.resume()
    await until('it is told too', () => deaf.told()?.instances[0]?.methods.at(-1) === 'version39')
    // 40 directories of more than 60 KB each were news: it was spared most of them.
    expect(bytes).toBeLessThan(1_500_000)
  })

  test('who asks without end is not answered faster than it makes sense', async () => {
    const object = service()
    const flood = talk(object)
    await serves(flood)
    let answers = 0
    flood.socket.on('data', piece => {
      answers += piece.toString().split('\n').length - 1
    })
    const question = `${JSON.stringify({ find: true })}\n`.repeat(100)
    const endMs = performance.now() + 500
    while (performance.now() < endMs) {
      flood.socket.write(question)
      await delay(1)
    }
    const other = talk(object)
    await serves(other)
    // Tens of thousands were asked.
    expect(answers).toBeLessThan(10_000)
    expect(flood.isClosed()).toBe(false)
  })

  test('of too many the eldest goes, but nobody who serves', async () => {
    const object = service()
    give(object, 'one')
    const one = talk(object)
    one.say(registration())
    await serves(one, 'one')
    const limit = readOpenFilesLimit()
    changeOpenFilesLimit({ soft: 1024, hard: limit.hard })
    try {
      const clients = Array.from({ length: 300 }, () => talk(object))
      await until('all were let in', () => clients.every(client => client.told() !== undefined))
      await until('some had to go', () => clients.filter(client => client.isClosed()).length === 45)
      expect([clients[0]!.isClosed(), clients[299]!.isClosed(), one.isClosed()]).toEqual([true, false, false])
    } finally {
      changeOpenFilesLimit(limit)
    }
  })

  test('when there are no descriptors left, who waits is let in once there are', async () => {
    const object = service()
    const limit = readOpenFilesLimit()
    const client = talk(object)
    await serves(client)
    const program = `import socket,sys
s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1]);print("in",flush=True);print(s.makefile().readline(),flush=True)`
    const open = listOpenDescriptors()
    const waiting = spawn('/usr/bin/python3', ['-c', program, object.hint().path!], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    programs.push(waiting)
    let said = ''
    waiting.stdout.setEncoding('utf8').on('data', text => {
      said += text
    })
    changeOpenFilesLimit({ soft: lowestFree(open), hard: limit.hard })
    try {
      await until('it is connected', () => said === 'in\n')
      await delay(150)
      expect(said).toBe('in\n')
    } finally {
      changeOpenFilesLimit(limit)
    }
    await until('it is told', () => said.includes('"service":"data"'))
  })
})

test('nothing is left when it is destroyed, whoever is connected', async () => {
  const before = listOpenDescriptors()
  const object = service()
  give(object, 'one')
  const [one, client] = [talk(object), talk(object)]
  one.say(registration())
  await serves(client, 'one')
  object.destroy()
  object.destroy()
  await until('they are told', () => one.isClosed() && client.isClosed())
  expect(readdirSync(directory)).toEqual([])
  await until('all is closed', () => listOpenDescriptors().every(row => before.includes(row)))
})

describe('under a supervisor', () => {
  const serve = (...words: string[]) => ['/usr/bin/python3', join(fixtures, 'service/serve.py'), ...words]
  const config = (processes: object) => ({ links: { data: { kind: 'service' } }, processes })

  test('what a process started registers for it, also when it left its session; others do not', async () => {
    const link = { data: 'serve' }
    await using host = createTestHost(
      config({
        direct: { command: serve(), links: link },
        child: { command: ['sh', '-c', '"$@"; :', 'sh', ...serve()], links: link },
        away: { command: ['sh', '-c', 'setsid "$@"; :', 'sh', ...serve()], links: link },
        liar: { command: serve('as:direct'), links: link },
      }),
    )
    await host.openAll()
    for (const name of ['direct', 'child', 'away']) await host.spawn(name)
    const instances = async () => (await host.host.inspectLinks()).data!.service!.instances
    await until('three serve', async () => (await instances()).length === 3)
    await host.spawn('liar')
    await until('it is refused', () => host.output('liar').toString().includes('says that it is "direct"'))
    expect((await instances()).map(({ process }) => process).sort()).toEqual(['away', 'child', 'direct'])
  })

  test('the death of an instance is seen at once, and its next life serves at the same path', async () => {
    await using host = createTestHost(config({ one: { command: serve(), links: { data: 'serve' } } }))
    await host.openAll()
    const instances = async () => (await host.host.inspectLinks()).data!.service!.instances
    for (const generation of [1, 2, 3]) {
      await host.spawn('one', generation)
      await until('it serves', async () => (await instances())[0]?.generation === generation)
      await host.call({ type: 'signal', process: 'one', generation, signal: 'SIGKILL' }, 'signalled')
      await host.exited('one', generation)
      expect(await instances()).toEqual([])
    }
    expect(
      readdirSync(host.directory)
        .filter(name => name.startsWith('data.'))
        .sort(),
    ).toEqual(['data.one.sock', 'data.service'])
  })
})

/** The limit under which nothing more can be opened. */
function lowestFree(open: readonly string[]): number {
  const used = new Set(open.map(row => Number.parseInt(row, 10)))
  let number = 0
  while (used.has(number)) number++
  return number
}
