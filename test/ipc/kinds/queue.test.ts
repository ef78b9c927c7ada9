import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, fstatSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { buildPlan } from '../../../src/config/build-plan.js'
import type { LinkObject, NamedObject } from '../../../src/ipc/kind.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import queue from '../../../src/ipc/kinds/queue.js'
import { identify, isStillThere, removeNamed } from '../../../src/ipc/named-objects.js'
import type { Queue } from '../../../src/ipc/queue-end.js'
import {
  changeOpenFilesLimit,
  createQueue,
  createSysvQueue,
  findSysvQueue,
  readOpenFilesLimit,
  readSysvQueue,
  removeQueue,
  removeSysvQueue,
} from '../../../src/platform/index.js'
import { bundleProgram } from '../../support/bundle.js'
import { listOpenDescriptors } from '../../support/host.js'
import { createLink, refusalOf } from '../support.js'

const name = `/ipcsup.test.queue.${process.pid}`
const key = 0x6970_0000 + process.pid

/** What a test made. */
const cleanups: (() => void)[] = []
afterEach(() => {
  for (const clean of cleanups.splice(0).reverse()) clean()
})

function make(options: object = {}, more = {}): LinkObject {
  const object = createLink({ kind: 'queue', ...options }, '/tmp', more)
  cleanups.push(() => object.destroy())
  return object
}

/** Both ends, as two Node programs would open them. */
async function open(options: object = {}): Promise<{ object: LinkObject; write: Queue; read: Queue }> {
  const object = make(options)
  const end = async (side: string): Promise<Queue> => {
    const descriptor = 'system' in options ? -1 : object.take(side)
    const opened = await queue.open({ side, descriptor, hint: object.hint() }, options as never)
    cleanups.push(() => opened.close())
    return opened
  }
  return { object, write: await end('write'), read: await end('read') }
}

function makeForeign(): void {
  closeSync(createQueue(name, 0o600, { maxMessages: 3, messageSize: 100 }))
  cleanups.push(() => removeQueue(name))
}

function makeForeignSysv(): number {
  const id = createSysvQueue(key, 0o600)
  cleanups.push(() => removeSysvQueue(id))
  return id
}

const text = (message: { bytes: Uint8Array }): string => Buffer.from(message.bytes).toString()

describe('the child’s half', () => {
  test('POSIX: messages of a higher priority come first, those of one in order', async () => {
    const { write, read } = await open()
    for (const [word, priority] of [
      ['low', 0],
      ['high', 32_767],
      ['first', 5],
      ['second', 5],
    ] as const) {
      await write.send(Buffer.from(word), { priority })
    }
    const came = [await read.receive(), await read.receive(), await read.receive(), await read.receive()]
    expect(came.map(message => [text(message), message.priority])).toEqual([
      ['high', 32_767],
      ['first', 5],
      ['second', 5],
      ['low', 0],
    ])
  })

  test('System V: messages are taken in order, by type, or the lowest type first', async () => {
    const { write, read } = await open({ system: 'sysv' })
    for (const [word, type] of [
      ['a3', 3],
      ['b1', 1],
      ['c2', 2],
      ['d3', 3],
      ['e9', 9],
    ] as const) {
      await write.send(Buffer.from(word), { type })
    }
    const came = [
      await read.receive({ type: 3 }),
      await read.receive({ type: -3 }),
      await read.receive(),
      await read.receive({ type: -3 }),
    ]
    expect(came.map(message => [text(message), message.type])).toEqual([
      ['a3', 3],
      ['b1', 1],
      ['c2', 2],
      ['d3', 3],
    ])
  })

  test('who waits for one type does not hold up who waits for another', async () => {
    const { write, read } = await open({ system: 'sysv' })
    const [seven, eight] = [read.receive({ type: 7 }), read.receive({ type: 8 })]
    await write.send(Buffer.from('8'), { type: 8 })
    expect(text(await eight)).toBe('8')
    await write.send(Buffer.from('7'), { type: 7 })
    expect(text(await seven)).toBe('7')
  })

  test.each([{}, { system: 'sysv' }])('%o: those who wait are served in the order of their calls', async options => {
    const { write, read } = await open(options)
    const sent = Promise.all(Array.from({ length: 40 }, (_, number) => write.send(Buffer.alloc(1000, number))))
    const came: number[] = []
    for (let count = 0; count < 40; count++) came.push((await read.receive()).bytes[0]!)
    await sent
    expect(came).toEqual([...came.keys()])
    if ('system' in options) return
    const waiting = Promise.all([read.receive(), read.receive()])
    await write.send(Buffer.from('one'))
    await write.send(Buffer.from('two'))
    expect((await waiting).map(text)).toEqual(['one', 'two'])
  })

  test.each([{}, { system: 'sysv' }])(
    '%o: waiting is given up by a signal, and nothing is taken then',
    async options => {
      const { write, read } = await open(options)
      const controllers = [new AbortController(), new AbortController()]
      const waiting = controllers.map(({ signal }) => read.receive({ signal }))
      // The first one waits for the queue by now, the second one for the first.
      await turn()
      for (const controller of controllers) controller.abort(new Error('enough'))
      for (const one of waiting) await expect(one).rejects.toThrow('enough')
      await expect(read.receive({ signal: AbortSignal.abort(new Error('at once')) })).rejects.toThrow('at once')
      await write.send(Buffer.from('later'))
      expect(text(await read.receive())).toBe('later')
    },
  )

  test.each([{}, { system: 'sysv' }])('%o: closing wakes who waits, and an iteration ends', async options => {
    const { read } = await open(options)
    const waiting = read.receive()
    const iterated = (async () => {
      for await (const _ of read);
    })()
    let told = 0
    read.once('close', () => told++)
    await turn()
    read.close()
    read.close()
    await expect(waiting).rejects.toThrow('closed')
    await iterated
    expect(told).toBe(1)
    await expect(read.receive()).rejects.toThrow('closed')
  })

  test.each([
    [{}, { priority: 32_768 }, /The priority 32768 is not possible: .* from 0 to 32767/],
    [{}, { priority: -1 }, /from 0 to 32767/],
    [{}, { priority: 1.5 }, /whole number/],
    [{}, { type: 1 }, /priorities, no types/],
    [{ system: 'sysv' }, { type: 0 }, /The type 0 is not possible: .* from 1 to 2147483647/],
    [{ system: 'sysv' }, { type: 2 ** 31 }, /from 1 to 2147483647/],
    [{ system: 'sysv' }, { priority: 1 }, /types, no priorities/],
  ])('%o: a value of %o is refused', async (options, wrong, says) => {
    const { object, write } = await open(options)
    await expect(write.send(Buffer.from('x'), wrong)).rejects.toMatchObject({
      code: 'IPCSUP_ERR_VALUE_RANGE',
      message: expect.stringMatching(says),
    })
    expect(object.facts().messages).toBe(0)
  })

  test('a message that is too large is refused with what fits', async () => {
    const posix = await open({ messageSize: 100 })
    await expect(posix.write.send(Buffer.alloc(101))).rejects.toThrow(
      /message of 101 bytes is not possible: the `messageSize` of the queue is 100/,
    )
    const sysv = await open({ system: 'sysv' })
    await expect(sysv.write.send(Buffer.alloc(8193))).rejects.toThrow(/8193 bytes .* grants 8192 .*msgmax/)
    const small = await open({ system: 'sysv', maxBytes: '1KiB' })
    await small.write.send(Buffer.alloc(1024))
    await expect(small.write.send(Buffer.alloc(1025))).rejects.toThrow(/1025 bytes .* as a whole has room for 1024/)
  })

  test.each([{}, { system: 'sysv' }])('%o: what has no bytes is refused', async options => {
    const { object, write } = await open(options)
    for (const wrong of ['text', new Uint16Array([1, 2, 3])])
      await expect(write.send(wrong as never)).rejects.toMatchObject({
        code: 'IPCSUP_ERR_VALUE_RANGE',
        message: expect.stringContaining('must be a Uint8Array'),
      })
    expect(object.facts().messages).toBe(0)
  })

  test.each([{}, { system: 'sysv' }])('%o: the wrong side is refused', async options => {
    const { write, read } = await open(options)
    const refused = (what: string, own: string, needed: string) => ({
      code: 'IPCSUP_ERR_LINK_USE',
      message: expect.stringMatching(
        `cannot be ${what}: this process has its side "${own}".*"${needed}" in the config`,
      ),
    })
    await expect(write.receive()).rejects.toMatchObject(refused('received from', 'write', 'read'))
    await expect(read.send(Buffer.from('x'))).rejects.toMatchObject(refused('sent to', 'read', 'write'))
  })

  test('a queue of System V that somebody removed is told, not waited for', async () => {
    const { object, read } = await open({ system: 'sysv' })
    const waiting = read.receive()
    removeSysvQueue(object.hint().id!)
    await expect(waiting).rejects.toThrow(/msgrcv: (EIDRM|EINVAL)/)
    expect(object.facts()).toMatchObject({ messages: null, queuedBytes: null })
  })
})

describe('names', () => {
  test('POSIX: one that is taken is refused, used with `existing`, and never removed', async () => {
    makeForeign()
    const [before, open] = [identify('queue', name), listOpenDescriptors()]
    const recorded: NamedObject[] = []
    const record = (object: NamedObject) => void recorded.push(object)
    expect(refusalOf(() => make({ name }, { record }))).toMatch(
      /IPCSUP_ERR_LINK_CREATE: .*message queue \/ipcsup.* already, which is not of this config\. Set `existing: true`/,
    )
    expect(listOpenDescriptors()).toEqual(open)
    const object = make({ name, existing: true }, { record })
    expect(object.facts()).toEqual({ name, queuedBytes: 0, capacityBytes: 300, messages: 0 })
    object.destroy()
    expect([identify('queue', name), recorded]).toEqual([before, []])
  })

  test('System V: a key that is taken is refused, used with `existing`, and never removed', () => {
    const id = makeForeignSysv()
    const recorded: NamedObject[] = []
    const record = (object: NamedObject) => void recorded.push(object)
    expect(refusalOf(() => make({ system: 'sysv', key }, { record }))).toMatch(
      new RegExp(`message queue with key ${key} already.*ipcrm -Q ${key}`),
    )
    const object = make({ system: 'sysv', key, existing: true }, { record })
    expect(object.hint()).toEqual({ id, key })
    object.destroy()
    expect([findSysvQueue(key), recorded]).toEqual([id, []])
  })

  test('`existing` says when there is none', () => {
    expect(refusalOf(() => make({ name, existing: true }))).toMatch(/there is no message queue \/ipcsup.*`existing`/)
    expect(refusalOf(() => make({ system: 'sysv', key, existing: true }))).toMatch(`no message queue with key ${key}`)
  })

  test.each([
    ['queue', { name }],
    ['sysv-queue', { system: 'sysv', key }],
  ] as const)('§13 a %s that a dead run of this config left is ours: it is made anew', (type, options) => {
    const identifier = type === 'queue' ? name : String(key)
    if (type === 'queue') closeSync(createQueue(name, 0o600, { maxMessages: 3, messageSize: 100 }))
    else createSysvQueue(key, 0o600)
    const left = identify(type, identifier)!
    const object = make(options, { wasOurs: (found: NamedObject) => found.identity === left.identity })
    expect(identify(type, identifier)!.identity).not.toBe(left.identity)
    object.destroy()
    expect(identify(type, identifier)).toBeNull()
  })

  test.each([
    ['queue', { name }],
    ['sysv-queue', { system: 'sysv', key }],
  ] as const)('a %s that took the name of ours in between is left alone', (type, options) => {
    const object = make(options)
    const identifier = type === 'queue' ? name : String(key)
    if (type === 'queue') removeQueue(name)
    else removeSysvQueue(object.hint().id!)
    if (type === 'queue') makeForeign()
    else makeForeignSysv()
    const foreign = identify(type, identifier)
    object.destroy()
    expect(identify(type, identifier)).toEqual(foreign)
  })

  test('a POSIX queue has its name with a slash, given with or without one', () => {
    expect(make({ name: name.slice(1) }).facts()).toMatchObject({ name })
    expect(make({ name: name.slice(1), existing: true }).facts()).toMatchObject({ name })
  })

  test('a POSIX queue whose name was removed is still the one that children get', () => {
    const object = make({ name })
    removeQueue(name)
    makeForeign()
    const descriptor = object.take('read')
    expect(fstatSync(descriptor).mode & 0o777).toBe(0o600)
    closeSync(descriptor)
  })

  test.each([{ name }, { system: 'sysv', key }])('%o: nothing is left of it when the ledger has no room', options => {
    const record = ({ identity }: NamedObject): void => {
      if (identity !== null) throw new Error('no space left')
    }
    const open = listOpenDescriptors()
    expect(() => make(options, { record })).toThrow('no space left')
    expect([identify('queue', name), identify('sysv-queue', String(key))]).toEqual([null, null])
    expect(listOpenDescriptors()).toEqual(open)
  })

  test('the mode is exactly that of the config, whatever the umask', () => {
    const former = process.umask(0o077)
    try {
      const descriptor = make({ mode: '0666' }).take('read')
      expect(fstatSync(descriptor).mode & 0o777).toBe(0o666)
      closeSync(descriptor)
      expect(readSysvQueue(make({ system: 'sysv', mode: '0666' }).hint().id!)!.mode).toBe(0o666)
    } finally {
      process.umask(former)
    }
  })
})

describe('§16 an object that a killed supervisor was about to make', () => {
  test.each<[NamedObject['type'], () => void, () => void]>([
    ['queue', () => closeSync(createQueue(name, 0o600, { maxMessages: 1, messageSize: 10 })), () => removeQueue(name)],
    ['sysv-queue', () => void createSysvQueue(key, 0o600), () => removeSysvQueue(findSysvQueue(key)!)],
  ])('a %s is ours if it was made after the record, not if it was there before', (type, act, remove) => {
    const intent = { type, name: type === 'queue' ? name : String(key), identity: null }
    const beforeMs = Date.now()
    expect(isStillThere(intent, beforeMs)).toBe(false)
    act()
    try {
      expect([isStillThere(intent, beforeMs), isStillThere(intent, Date.now() + 5000)]).toEqual([true, false])
      expect(removeNamed(intent, Date.now() + 5000)).toBe(false)
    } finally {
      remove()
    }
    act()
    expect([removeNamed(intent, beforeMs), removeNamed(intent, beforeMs)]).toEqual([true, false])
  })
})

describe('options', () => {
  const problemsOf = (options: object): string => {
    const link = { kind: 'queue', ...options }
    const scope = { kinds, directory: '/tmp', configPath: null, isEmbedded: true }
    try {
      buildPlan({ links: { data: link } }, scope)
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }

  test.each([
    [{ maxBytes: '8KiB' }, /links\.data\.maxBytes.*is not of a queue with system: 'posix'.*Set system: 'sysv'/s],
    [{ key: 5 }, /links\.data\.key.*is not of a queue with system: 'posix'/s],
    [{ system: 'sysv', maxMessages: 5 }, /links\.data\.maxMessages.*is not of a queue with system: 'sysv'/s],
    [{ system: 'sysv', messageSize: 5 }, /links\.data\.messageSize.*is not of/s],
    [{ system: 'sysv', name: '/x' }, /links\.data\.name.*is not of/s],
    [{ name: 'a/b' }, /links\.data\.name.*no slash but at its start, as in "\/jobs"/s],
    [{ name: '/a/b' }, /links\.data\.name/],
    [{ name: '/..' }, /links\.data\.name/],
    [{ name: `/${'x'.repeat(256)}` }, /links\.data\.name.*too long: 255 bytes/s],
    [{ messageSize: 0 }, /links\.data\.messageSize.*from 1 byte to 16MiB/s],
    [{ messageSize: '17MiB' }, /links\.data\.messageSize/],
    [{ maxMessages: 0 }, /links\.data\.maxMessages/],
    [{ maxMessages: 65_537 }, /links\.data\.maxMessages/],
    [{ mode: '0440' }, /links\.data\.mode.*owner read and write/s],
    [{ existing: true }, /links\.data\.existing.*needs `name`/s],
    [{ system: 'sysv', existing: true }, /links\.data\.existing.*needs `key`/s],
    [{ name: '/x', existing: true, maxMessages: 5 }, /links\.data\.maxMessages.*exists already/s],
  ])('%o is refused by the config', (options, says) => expect(problemsOf(options)).toMatch(says))

  test('names and keys of every allowed form are taken', () => {
    for (const slash of ['/', '']) expect(problemsOf({ name: `${slash}${'x'.repeat(255)}` })).toBe('')
    const object = make({ system: 'sysv', key: 4_294_967_295 - process.pid })
    expect(identify('sysv-queue', String(4_294_967_295 - process.pid))).not.toBeNull()
    object.destroy()
  })

  test('sizes are those of the config', () => {
    expect(make({ maxMessages: 3, messageSize: '1KiB' }).facts().capacityBytes).toBe(3072)
    expect(make({ system: 'sysv', maxBytes: '4KiB' }).facts().capacityBytes).toBe(4096)
  })
})

const isRoot = process.getuid!() === 0
const canUnshare = isRoot && spawnSync('unshare', ['--ipc', 'true']).status === 0

/** In a namespace of its own, with limits of its own, as a user without privileges. */
function makeUnderLimits(setup: string, link: object, count: number): string {
  const driver = bundleProgram(join(import.meta.dirname, '../drivers/make-link.ts'))
  const script = `${setup}; exec setpriv --reuid=65534 --clear-groups --bounding-set=-all "$@"`
  const program = [process.execPath, driver, JSON.stringify({ kind: 'queue', ...link }), String(count)]
  return execFileSync('unshare', ['--ipc', 'bash', '-c', script, 'bash', ...program], { encoding: 'utf8' })
}

describe.runIf(canUnshare)('limits of the system are named with their values (needs root and unshare)', () => {
  test.each([
    [
      'ulimit -q 200000',
      {},
      5,
      /^made 2: .*takes 82880 bytes, .* user 65534 together may have 200000 \(RLIMIT_MSGQUEUE\)\. .*`ulimit -q BYTES`/,
    ],
    [
      'true',
      { maxMessages: 11 },
      1,
      /^made 0: .*`maxMessages` is 11, and this system grants 10 \(\/proc\/sys\/fs\/mqueue\/msg_max\)\. .*sysctl fs\.mqueue\.msg_max=11/,
    ],
    [
      'true',
      { messageSize: 8193 },
      1,
      /^made 0: .*`messageSize` is 8193, and this system grants 8192 .*msgsize_max=8193/,
    ],
    [
      'echo 1 > /proc/sys/fs/mqueue/queues_max',
      {},
      3,
      /^made 1: .*as many message queues as it may have \(\/proc\/sys\/fs\/mqueue\/queues_max: 1\)/,
    ],
    [
      'echo 2 > /proc/sys/kernel/msgmni',
      { system: 'sysv' },
      3,
      /^made 2: .*\(\/proc\/sys\/kernel\/msgmni: 2\).*ipcs -q/,
    ],
    [
      'true',
      { system: 'sysv', maxBytes: 16_385 },
      1,
      /^made 0: .*`maxBytes` is 16385, and this system grants 16384 \(\/proc\/sys\/kernel\/msgmnb\)/,
    ],
  ] as const)('%s, %o', (setup, link, count, says) => {
    expect(makeUnderLimits(setup, link, count)).toMatch(says)
  })

  test('a message that was sent under a larger limit is received whole', () => {
    const driver = bundleProgram(join(import.meta.dirname, '../drivers/large-message.ts'))
    expect(execFileSync('unshare', ['--ipc', process.execPath, driver], { encoding: 'utf8' })).toBe('10000 bytes')
  })

  test('what the limits allow is made', () => {
    expect(makeUnderLimits('true', {}, 9)).toBe('made 9')
    expect(makeUnderLimits('true', { system: 'sysv', maxBytes: 16_384 }, 20)).toBe('made 20')
  })
})

test('too many open files are not taken for too many queues, which the system calls the same', () => {
  const own = readOpenFilesLimit()
  make().destroy()
  changeOpenFilesLimit({ soft: 3, hard: own.hard })
  try {
    expect(refusalOf(() => make())).toMatch(/as many files open as it may have.*ulimit -n/)
  } finally {
    changeOpenFilesLimit(own)
  }
})

test.runIf(isRoot)('queues of another user are refused with what is missing (needs root)', () => {
  makeForeign()
  makeForeignSysv()
  process.seteuid!(65_534)
  try {
    expect(refusalOf(() => make({ name, existing: true }))).toMatch(/no permission to read and write .*\/ipcsup/)
    expect(refusalOf(() => make({ name }))).toMatch(/already/)
    expect(refusalOf(() => make({ system: 'sysv', key, existing: true }))).toMatch(/no permission to read/)
  } finally {
    process.seteuid!(0)
  }
})

test('what is left when a use is over is told', async () => {
  const { object, write } = await open()
  await write.send(Buffer.from('unread'))
  expect([object.release('write', 'over'), object.release('read', 'over'), object.release('read', 'over')]).toEqual([
    null,
    6,
    null,
  ])
})
