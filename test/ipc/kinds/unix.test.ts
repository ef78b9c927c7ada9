import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { buildPlan } from '../../../src/config/build-plan.js'
import type { LinkObject, NamedObject } from '../../../src/ipc/kind.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { identify } from '../../../src/ipc/named-objects.js'
import type { DatagramReceiver, PacketServer } from '../../../src/ipc/packet-server.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { createTestHost, listOpenDescriptors } from '../../support/host.js'
import { createLink, makeDirectory, refusalOf } from '../support.js'

const isRoot = process.getuid!() === 0
const types = ['stream', 'seqpacket', 'dgram'] as const
const sideOf = (type: string) => (type === 'dgram' ? 'bind' : 'listen')
let directory: string
const objects: LinkObject[] = []
const programs: ChildProcess[] = []

beforeEach(() => {
  directory = makeDirectory()
})

afterEach(() => {
  for (const object of objects.splice(0)) object.destroy()
  for (const program of programs.splice(0)) program.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

const at = (name: string): string => join(directory, name)
const unix = (more: object = {}, where: Parameters<typeof createLink>[2] = {}): LinkObject => {
  const object = createLink({ kind: 'unix', ...more }, directory, where)
  objects.push(object)
  return object
}

/** A server that ipcsup did not start, of which `program` is what it does with its socket `s`. */
async function startServer(program: string, type = 'stream'): Promise<number> {
  const words = `import socket,time
s=socket.socket(socket.AF_UNIX,socket.SOCK_${type.toUpperCase()});${program};print("up",flush=True);time.sleep(1000)`
  const child = spawn('/usr/bin/python3', ['-c', words], { stdio: ['ignore', 'pipe', 'inherit'] })
  programs.push(child)
  await once(child.stdout, 'readable')
  return child.pid!
}

/** Leaves a socket file behind, as a server that was killed does. */
function leaveStale(path: string, type = 'stream'): void {
  const words = `import socket;s=socket.socket(socket.AF_UNIX,socket.SOCK_${type.toUpperCase()});s.bind("${path}")`
  execFileSync('/usr/bin/python3', ['-c', words])
  expect(lstatSync(path).isSocket()).toBe(true)
}

/** The code of the error of a client; null: it was let in. */
async function tryConnect(path: string): Promise<string | null> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return null
  } catch (error) {
    return (error as NodeJS.ErrnoException).code!
  } finally {
    socket.destroy()
  }
}

function makeAsNobody(link: object): string {
  const program = bundleProgram(join(import.meta.dirname, '../drivers/make-link.ts'))
  const asNobody = ['--reuid=65534', '--clear-groups', '--bounding-set', '-all', process.execPath, program]
  return execFileSync('setpriv', [...asNobody, JSON.stringify(link), '1'], { encoding: 'utf8' })
}

describe('its name', () => {
  test('is a path in the directory of the run, or the `path` of the config, relative to it, or `abstract`', () => {
    expect(unix().hint()).toEqual({ path: at('data.socket') })
    expect(unix({ path: 'here.sock' }).hint()).toEqual({ path: at('here.sock') })
    const name = `ipcsup-test-${process.pid}`
    expect(unix({ abstract: name }).hint()).toEqual({ name: `@${name}` })
  })

  test('is told to servers and clients: path, variables, placeholders', async () => {
    const name = `ipcsup-told-${process.pid}`
    await using host = createTestHost({
      links: { data: { kind: 'unix', path: 'x.sock' }, hidden: { kind: 'unix', abstract: name } },
      processes: {
        server: {
          command: [
            '/bin/sh',
            '-c',
            'echo $IPCSUP_PATH_DATA $IPCSUP_FD_DATA $IPCSUP_NAME_HIDDEN $LISTEN_FDS $LISTEN_FDNAMES',
          ],
          links: { data: 'listen', hidden: 'listen' },
        },
        client: { command: ['echo', '{data}', '{data.path}', '{hidden}', '{hidden.name}'] },
      },
    })
    await host.openAll()
    await host.run('server')
    await host.run('client')
    const path = join(host.directory, 'x.sock')
    expect(await host.text('server')).toBe(`${path} 3 @${name} 2 data:hidden\n`)
    expect(await host.text('client')).toBe(`${path} ${path} @${name} @${name}\n`)
  })

  test('is what the socket itself says: a server that asks it finds the path of its config', () => {
    const object = unix({ path: 'x.sock' })
    const descriptor = object.take('listen')
    const ask = 'import socket;print(socket.socket(fileno=3).getsockname())'
    const said = spawnSync('/usr/bin/python3', ['-c', ask], { stdio: ['ignore', 'pipe', 'inherit', descriptor] })
    closeSync(descriptor)
    expect(String(said.stdout)).toBe(`${at('x.sock')}\n`)
  })

  test('of up to 107 bytes is taken whole, and one of 108 is an error with the number of bytes, never cut', async () => {
    const longest = at('x'.repeat(106 - Buffer.byteLength(directory)))
    unix({ path: longest })
    expect([Buffer.byteLength(longest), await tryConnect(longest)]).toEqual([107, null])
    expect(() => unix({ path: `${longest}y` })).toThrow(/links\.data\.path.*has 108 bytes.*can have 107/)
    // Characters are not bytes.
    expect(() => unix({ path: longest.replace(/xxx$/, 'éé') })).toThrow(/has 108 bytes/)
    expect(() => unix({ abstract: 'x'.repeat(108) })).toThrow(/links\.data\.abstract.*has 108 bytes.*can have 107/)
    unix({ abstract: `${process.pid}`.padEnd(107, 'x') })
    expect(readdirSync(directory)).toEqual(['data.kept', longest.slice(directory.length + 1)])
  })

  test('in the directory of the run is short where that of the link would be too long', async () => {
    const [one, two] = [63, 62].map(length => unix({}, { link: 'n'.repeat(length), runDirectory: deepDirectory(90) }))
    expect(Buffer.byteLength(one!.hint().path!)).toBeLessThanOrEqual(107)
    expect(one!.hint().path).not.toBe(two!.hint().path)
    expect(await tryConnect(one!.hint().path!)).toBeNull()
  })

  test('in a directory of the run that is itself too long is an error with the number of bytes', () => {
    const runDirectory = deepDirectory(105)
    expect(refusalOf(() => unix({}, { runDirectory }))).toMatch(
      /IPCSUP_ERR_LINK_CREATE: .* has 117 bytes.*can have 107.*`path`/,
    )
    expect(readdirSync(runDirectory)).toEqual([])
  })

  /** One whose path has that many bytes. */
  function deepDirectory(bytes: number): string {
    const path = at('d'.repeat(bytes - Buffer.byteLength(directory) - 1))
    mkdirSync(path, { recursive: true })
    return path
  }
})

test.each([
  [{ path: 'a', abstract: 'b' }, /links\.data\.abstract.*stands in place of `path`/],
  [{ existing: true }, /links\.data\.existing.*needs the `path` or the `abstract` name/],
  [{ abstract: '' }, /links\.data\.abstract.*at least one character/],
  [{ abstract: 'a', mode: '0600' }, /links\.data\.mode.*everybody on this machine can connect to an abstract name/],
  [{ abstract: 'a', owner: 'root' }, /links\.data\.owner.*abstract name/],
  [{ abstract: 'a', group: 0 }, /links\.data\.group.*abstract name/],
  [{ path: 'a', existing: true, mode: '0600' }, /links\.data\.mode.*cannot be changed of what exists/],
  [{ path: 'a', existing: true, nonBlocking: true }, /links\.data\.nonBlocking.*cannot be changed of what exists/],
  [{ type: 'packet' }, /links\.data\.type.*"stream".*"seqpacket".*"dgram"/],
  [{ backlog: 0 }, /links\.data\.backlog/],
])('a config is refused that has %j', (link, message) => {
  const config = { links: { data: { kind: 'unix', ...link } } }
  expect(() => buildPlan(config, { kinds, directory, configPath: null, isEmbedded: true })).toThrow(message)
})

test('a side that it does not have is an error that names those it has', () => {
  const plan = (link: object, side: string) =>
    buildPlan(
      { links: { data: { kind: 'unix', ...link } }, processes: { one: { command: 'true', links: { data: side } } } },
      { kinds, directory, configPath: null },
    )
  expect(() => plan({}, 'bind')).toThrow(/"listen".*"connect"/)
  expect(() => plan({ type: 'dgram' }, 'listen')).toThrow(/"bind".*"connect"/)
  expect(() => plan({ path: 'x', existing: true }, 'listen')).toThrow(/"connect"/)
})

describe('its file', () => {
  test.each(types)('of a %s has exactly the mode of the config, whatever the umask, and 0600 without one', type => {
    const former = process.umask(0o077)
    try {
      const modes = [undefined, '0666', 0o640].map((mode, index) => {
        unix({ type, path: `f${index}`, mode })
        return statSync(at(`f${index}`)).mode & 0o7777
      })
      expect(modes).toEqual([0o600, 0o666, 0o640])
    } finally {
      process.umask(former)
    }
  })

  test.each(types)('of a %s lets nobody else in before it has the mode of the config, not even under umask 0', type => {
    const former = process.umask(0)
    try {
      const modes: number[] = []
      const record = ({ name, identity }: NamedObject): void => {
        if (identity !== null && name === at('f')) modes.push(statSync(name).mode & 0o7777)
      }
      unix({ type, path: 'f', mode: '0660' }, { record })
      expect(modes).toEqual([0o600])
    } finally {
      process.umask(former)
    }
  })

  test.runIf(isRoot)('has the owner and group of the config, by name or number (needs root)', () => {
    unix({ path: 'f', owner: 'daemon', group: 12 })
    const daemon = Number(/^daemon:[^:]*:(\d+)/m.exec(readFileSync('/etc/passwd', 'utf8'))![1])
    const { uid, gid } = statSync(at('f'))
    expect([uid, gid]).toEqual([daemon, 12])
  })

  test('is gone again when its owner does not exist', () => {
    const refused = refusalOf(() => unix({ path: 'f', owner: 'nobody-of-that-name' }))
    expect(refused).toMatch(/IPCSUP_ERR_LINK_CREATE: Link "data".*cannot be given to nobody-of-that-name.*passwd/)
    expect(readdirSync(directory)).toEqual([])
  })

  test('is in the ledger before it is made and before it is used, as is its second name', () => {
    const recorded: (NamedObject & { there: boolean })[] = []
    unix({ path: 'f' }, { record: made => void recorded.push({ ...made, there: existsSync(made.name) }) })
    const [first, second] = [identify('file', at('f'))!, identify('file', at('data.kept'))!]
    expect(recorded).toEqual([
      { ...first, identity: null, there: false },
      { ...first, there: true },
      { ...second, identity: null, there: false },
      { ...second, there: true },
    ])
    expect(first.identity).toBe(second.identity)
  })

  test('is removed with its second name only while it is the one that was made', () => {
    const object = unix({ path: 'f' })
    unlinkSync(at('f'))
    writeFileSync(at('f'), 'of somebody else')
    object.destroy()
    expect(readdirSync(directory)).toEqual(['f'])
  })

  test.each([
    ['a regular file', (path: string) => writeFileSync(path, '')],
    ['a directory', (path: string) => mkdirSync(path)],
    ['a symbolic link', (path: string) => symlinkSync('/nowhere', path)],
    ['a FIFO', (path: string) => void execFileSync('mkfifo', [path])],
  ])('is refused in the place of %s, which stays', (what, make) => {
    make(at('f'))
    const { ino } = lstatSync(at('f'))
    const before = listOpenDescriptors()
    expect(refusalOf(() => unix({ path: 'f' }))).toMatch(
      new RegExp(`IPCSUP_ERR_LINK_CREATE: .*${at('f')} exists already and is ${what}`),
    )
    expect([lstatSync(at('f')).ino, listOpenDescriptors()]).toEqual([ino, before])
  })

  test.each([
    ['missing/f', /there is no directory .*missing/],
    ['file/f', /file is no directory/],
    ['/proc/f', /\/proc takes no sockets/],
  ])('at %s is an error that says what is wrong with the directory', (path, message) => {
    writeFileSync(at('file'), '')
    expect(refusalOf(() => unix({ path }))).toMatch(message)
  })

  test.runIf(isRoot)('where this user may not write is an error that says so (needs root to become a user)', () => {
    expect(makeAsNobody({ kind: 'unix', path: at('f') })).toMatch(/no permission|Give write permission/)
  })
})

describe('a stale socket file', () => {
  test.each(types)('of a dead %s server is replaced: nobody has it, and nothing can connect to it', async type => {
    leaveStale(at('f'), type)
    const { ino } = lstatSync(at('f'))
    linkSync(at('f'), at('old'))
    unix({ path: 'f' })
    expect(lstatSync(at('f')).ino).not.toBe(ino)
    expect(await tryConnect(at('f'))).toBeNull()
  })

  test.each(types)('that a live server of type %s holds is refused, and its server goes on', async type => {
    const listens = type === 'dgram' ? '' : ';s.listen()'
    const pid = await startServer(`s.bind("${at('f')}")${listens}`, type)
    const wanted = `IPCSUP_ERR_LINK_CREATE: Link "data" cannot be created: ${at('f')} is held by process ${pid} \\(/usr/bin/python3 -c import socket,time`
    const before = [lstatSync(at('f')).ino, listOpenDescriptors()]
    expect(refusalOf(() => unix({ path: 'f' }))).toMatch(new RegExp(wanted))
    expect([lstatSync(at('f')).ino, listOpenDescriptors()]).toEqual(before)
  })

  test('whose server is bound and does not listen yet is not stale, though it refuses connections', async () => {
    const pid = await startServer(`s.bind("${at('f')}")`)
    expect(await tryConnect(at('f'))).toBe('ECONNREFUSED')
    expect(refusalOf(() => unix({ path: 'f' }))).toMatch(new RegExp(`held by process ${pid} `))
  })

  test('whose server is bound by another path is not stale', async () => {
    const pid = await startServer(`import os;os.chdir("${directory}");s.bind("other");os.link("other","f");s.listen()`)
    expect(refusalOf(() => unix({ path: 'f' }))).toMatch(new RegExp(`held by process ${pid} `))
  })

  test('of another link of the same supervisor is said to be so', () => {
    unix({ path: 'f' })
    expect(refusalOf(() => unix({ path: 'f' }, { link: 'other' }))).toMatch(/held by another link of this supervisor/)
  })

  test.runIf(isRoot)('whose server is in another network namespace is not stale (needs root)', async () => {
    const words = `import socket,time;s=socket.socket(socket.AF_UNIX);s.bind("${at('f')}");s.listen();print("up",flush=True);time.sleep(1000)`
    const child = spawn('unshare', ['--net', '/usr/bin/python3', '-c', words])
    programs.push(child)
    await once(child.stdout, 'data')
    expect(refusalOf(() => unix({ path: 'f' }))).toMatch(/held by a server in another container/)
    expect(await tryConnect(at('f'))).toBeNull()
  })

  test.runIf(isRoot)('that this user may not look into is refused (needs root to become a user)', async () => {
    const inner = mkdtempSync('/tmp/ipcsup-open-')
    try {
      execFileSync('chmod', ['1777', inner])
      leaveStale(join(inner, 'f'))
      expect(makeAsNobody({ kind: 'unix', path: join(inner, 'f') })).toMatch(
        /no permission to see whether anybody listens/,
      )
      expect(existsSync(join(inner, 'f'))).toBe(true)
    } finally {
      rmSync(inner, { recursive: true })
    }
  })
})

describe('§19 the name that a server removed', () => {
  test('is there again after its end, the same file', () => {
    const object = unix({ path: 'f' })
    const { ino } = lstatSync(at('f'))
    unlinkSync(at('f'))
    object.mend!('connect')
    expect(existsSync(at('f'))).toBe(false)
    object.mend!('listen')
    expect(lstatSync(at('f')).ino).toBe(ino)
    // The other name can go as well.
    unlinkSync(at('data.kept'))
    object.mend!('listen')
    unlinkSync(at('f'))
    object.mend!('listen')
    expect(lstatSync(at('f')).ino).toBe(ino)
  })

  test('of each of two links is its own, also where both have the same file name', () => {
    for (const name of ['a', 'b']) mkdirSync(at(name))
    const made = ['a', 'b'].map(name => unix({ path: `${name}/f` }, { link: name }))
    const inodes = ['a', 'b'].map(name => lstatSync(at(`${name}/f`)).ino)
    for (const name of ['a', 'b']) unlinkSync(at(`${name}/f`))
    for (const object of made) object.mend!('listen')
    expect(['a', 'b'].map(name => lstatSync(at(`${name}/f`)).ino)).toEqual(inodes)
  })

  test('is left to whoever put something else there', () => {
    const object = unix({ path: 'f' })
    unlinkSync(at('f'))
    writeFileSync(at('f'), 'of somebody else')
    object.mend!('listen')
    expect(readFileSync(at('f'), 'utf8')).toBe('of somebody else')
  })

  test('is there again after each exit under a host, and clients are let in', async () => {
    const words = 'import os,socket;os.unlink(socket.socket(fileno=3).getsockname())'
    await using host = createTestHost({
      links: { data: { kind: 'unix', path: 'f' } },
      processes: { server: { command: ['/usr/bin/python3', '-c', words], links: { data: 'listen' } } },
    })
    await host.openAll()
    for (const generation of [1, 2]) {
      expect((await host.run('server', generation)).exit).toEqual({ code: 0 })
      expect(await tryConnect(join(host.directory, 'f'))).toBeNull()
    }
  })

  test('on another file system than the directory of the run is kept beside it', async () => {
    const elsewhere = realpathSync(mkdtempSync('/dev/shm/ipcsup-'))
    try {
      expect(statSync(elsewhere).dev).not.toBe(statSync(directory).dev)
      const object = unix({ path: join(elsewhere, 'f') }, { uniqueName: 'ipcsup.test.1.data' })
      expect(readdirSync(elsewhere)).toEqual(['.ipcsup.test.1.data', 'f'])
      unlinkSync(join(elsewhere, 'f'))
      object.mend!('listen')
      expect(await tryConnect(join(elsewhere, 'f'))).toBeNull()
      object.destroy()
      expect([readdirSync(elsewhere), readdirSync(directory)]).toEqual([[], []])
    } finally {
      rmSync(elsewhere, { recursive: true })
    }
  })
})

describe('an abstract name', () => {
  test('that somebody has is an error with the pid and command of who has it', async () => {
    const name = `ipcsup taken ${process.pid}`
    const pid = await startServer(`s.bind("\\0${name}");s.listen()`)
    const before = listOpenDescriptors()
    expect(refusalOf(() => unix({ abstract: name }))).toMatch(
      new RegExp(`the abstract name @${name} is taken by process ${pid} \\(/usr/bin/python3 -c`),
    )
    expect(listOpenDescriptors()).toEqual(before)
  })

  test('of another link of the same supervisor is said to be so', () => {
    const abstract = `ipcsup-twice-${process.pid}`
    unix({ abstract })
    expect(refusalOf(() => unix({ abstract }))).toMatch(/taken by another link of this supervisor/)
  })

  test('is that of the config exactly, for Node’s own sockets too, and free again at once', async () => {
    const abstract = `ipcsup-exact-${process.pid}`
    const object = unix({ abstract })
    const rows = () =>
      readFileSync('/proc/net/unix', 'utf8')
        .split('\n')
        .filter(row => row.endsWith(` @${abstract}`))
    expect(rows()).toHaveLength(1)
    const end = { descriptor: -1, side: 'connect', hint: object.hint() }
    const client = (await kinds.unix.open(end, { type: 'stream' })) as Socket
    expect(object.facts().waiting).toBe(1)
    client.destroy()
    object.destroy()
    expect(rows()).toEqual([])
  })
})

describe('`existing`', () => {
  test('attaches to the socket of a foreign server, and leaves it there', async () => {
    await startServer(`s.bind("${at('f')}");s.listen()`)
    const { ino } = lstatSync(at('f'))
    await using host = createTestHost({
      links: { data: { kind: 'unix', path: at('f'), existing: true } },
      processes: { client: { command: ['echo', '{data}'] } },
    })
    await host.openAll()
    await host.run('client')
    expect(await host.text('client')).toBe(`${at('f')}\n`)
    expect(host.recorded).toEqual([])
    await host.close()
    expect(lstatSync(at('f')).ino).toBe(ino)
    expect(await tryConnect(at('f'))).toBeNull()
  })

  test.each([
    [{ path: 'f' }, /there is no socket .*f \(ENOENT\)\. Start its server first/],
    [{ path: 'file' }, /file is a regular file, not a socket/],
    [{ path: 'link-to-file' }, /link-to-file is a regular file, not a socket/],
    [{ path: 'link-to-nothing' }, /there is no socket .*link-to-nothing \(ENOENT\)/],
    [{ abstract: 'ipcsup-nobody' }, /no socket has the abstract name @ipcsup-nobody/],
  ])('of %j that is not there is an error', (link, message) => {
    writeFileSync(at('file'), '')
    symlinkSync(at('file'), at('link-to-file'))
    symlinkSync(at('nothing'), at('link-to-nothing'))
    expect(refusalOf(() => unix({ ...link, existing: true }))).toMatch(message)
  })
})

test('`backlog` is how many connections can wait', async () => {
  const object = unix({ path: 'f', backlog: 2 })
  const count =
    'import socket,sys\nn=0\nkept=[]\nwhile True:\n c=socket.socket(socket.AF_UNIX);c.setblocking(False);kept.append(c)\n try: c.connect(sys.argv[1])\n except BlockingIOError: break\n n+=1\nprint(n)'
  // The kernel compares before it counts the new one in.
  expect(execFileSync('/usr/bin/python3', ['-c', count, at('f')], { encoding: 'utf8' })).toBe('3\n')
  expect(object.facts().waiting).toBe(3)
})

describe('the child’s half', () => {
  const end = (object: LinkObject, type: (typeof types)[number]) => ({
    descriptor: object.take(sideOf(type)),
    side: sideOf(type),
    hint: object.hint(),
  })

  test('a client of a full seqpacket server waits until there is room', async () => {
    const object = unix({ type: 'seqpacket', backlog: 1 })
    const open = () => kinds.unix.open({ descriptor: -1, side: 'connect', hint: object.hint() }, { type: 'seqpacket' })
    const waiting = Array.from({ length: 5 }, open)
    await until('the queue is full', () => object.facts().waiting === 2)
    const server = (await kinds.unix.open(end(object, 'seqpacket'), { type: 'seqpacket' })) as PacketServer
    for (const _ of waiting) (await server.accept()).close()
    for (const client of await Promise.all(waiting)) (client as { close(): void }).close()
    server.close()
  })

  test('an accept that waits ends when its server is closed, and so does an iteration', async () => {
    const object = unix({ type: 'seqpacket' })
    const server = (await kinds.unix.open(end(object, 'seqpacket'), { type: 'seqpacket' })) as PacketServer
    const accepted = server.accept()
    const iterated = (async () => {
      for await (const _ of server) throw new Error('nobody connected')
      return 'ended'
    })()
    server.close()
    await expect(accepted).rejects.toMatchObject({ code: 'IPCSUP_ERR_CLOSED' })
    expect(await iterated).toBe('ended')
  })

  test('a receiver of datagrams ends when it is closed', async () => {
    const object = unix({ type: 'dgram' })
    const receiver = (await kinds.unix.open(end(object, 'dgram'), { type: 'dgram' })) as DatagramReceiver
    const received = (async () => {
      for await (const _ of receiver.receive()) throw new Error('nobody sent')
      return 'ended'
    })()
    receiver.close()
    expect(await received).toBe('ended')
  })

  test('a client of a path where nobody listens is refused', async () => {
    leaveStale(at('f'))
    for (const type of types) {
      const opened = kinds.unix.open({ descriptor: -1, side: 'connect', hint: { path: at('f') } }, { type })
      await expect(opened).rejects.toThrow(/ECONNREFUSED/)
    }
  })
})
