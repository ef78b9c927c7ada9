import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { LinkObject, NamedObject } from '../../../src/ipc/kind.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import type { Lock } from '../../../src/ipc/lock-end.js'
import { identify } from '../../../src/ipc/named-objects.js'
import { listOpenDescriptors } from '../../support/host.js'
import { createLink, makeDirectory, refusalOf } from '../support.js'

const made: LinkObject[] = []
const opened: Lock[] = []

afterEach(() => {
  for (const end of opened.splice(0)) end.close()
  for (const object of made.splice(0)) object.destroy()
})

function create(options: object = {}, directory = makeDirectory(), more: Parameters<typeof createLink>[2] = {}) {
  const object = createLink({ kind: 'lock', ...options }, directory, more)
  made.push(object)
  return object
}

async function open(object: LinkObject): Promise<Lock> {
  const end = await kinds.lock.open({ descriptor: object.take('use'), side: 'use', hint: object.hint() })
  opened.push(end)
  return end
}

const isFree = (object: LinkObject): boolean => object.facts().value === 1

describe('its file', () => {
  test('is in the directory of the run unless a path is given, with exactly the mode of the config', () => {
    const directory = makeDirectory()
    const former = process.umask(0o077)
    try {
      expect(create({}, directory).hint()).toEqual({ path: join(directory, 'data.lock') })
      const modes = [undefined, '0666', 0o640].map((mode, index) => {
        create({ path: `l${index}`, mode }, directory)
        return statSync(join(directory, `l${index}`)).mode & 0o7777
      })
      expect(modes).toEqual([0o600, 0o666, 0o640])
    } finally {
      process.umask(former)
    }
  })

  test.each([
    ['a file of somebody else', 'Set `existing: true`', (path: string) => writeFileSync(path, 'precious')],
    // What `existing` would refuse as well.
    ['a directory', 'Remove it', (path: string) => mkdirSync(path)],
    ['a symbolic link to nothing', 'Remove it', (path: string) => symlinkSync('/nowhere', path)],
    ['a circle of symbolic links', 'Remove it', (path: string) => symlinkSync(path, path)],
  ])('is refused where there is %s, which stays as it is', (_, advice, make) => {
    const directory = makeDirectory()
    const path = join(directory, 'l')
    make(path)
    const before = [identify('file', path), listOpenDescriptors()]
    expect(refusalOf(() => create({ path: 'l' }, directory))).toContain(
      `l exists already and is not of this config. ${advice}`,
    )
    expect([identify('file', path), listOpenDescriptors()]).toEqual(before)
  })

  test.each([
    ['a missing directory', 'missing/l', /there is no directory .*missing/],
    ['a path through a file', 'file/l', /file is no directory/],
    ['a path that is too long', 'x'.repeat(256), /path is too long \(\d+ bytes/],
  ])('is refused at %s', (_, path, says) => {
    const directory = makeDirectory()
    writeFileSync(join(directory, 'file'), '')
    expect(refusalOf(() => create({ path }, directory))).toMatch(says)
  })

  test('is used with `existing`, as it is, and stays', () => {
    const directory = makeDirectory()
    const path = join(directory, 'l')
    writeFileSync(path, 'precious')
    chmodSync(path, 0o640)
    const recorded: NamedObject[] = []
    const object = create({ path: 'l', existing: true }, directory, { record: made => void recorded.push(made) })
    object.destroy()
    expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777, recorded]).toEqual(['precious', 0o640, []])
    unlinkSync(path)
    expect(refusalOf(() => create({ path: 'l', existing: true }, directory))).toMatch(/there is no file/)
    mkdirSync(path)
    expect(refusalOf(() => create({ path: 'l', existing: true }, directory))).toMatch(/l is a directory/)
    expect(refusalOf(() => create({ path: '/dev/null', existing: true }, directory))).toMatch(/is no regular file/)
  })

  test('of a dead run of the same config is taken over, so that a stranger keeps the lock it has', async () => {
    const directory = makeDirectory()
    const path = join(directory, 'l')
    writeFileSync(path, '', { mode: 0o600 })
    const left = identify('file', path)!
    const stranger = await kinds.lock.open({ descriptor: openSync(path, 'r+'), side: 'use', hint: {} })
    opened.push(stranger)
    stranger.tryHold()
    const object = create({ path: 'l' }, directory, { wasOurs: ({ identity }) => identity === left.identity })
    expect([identify('file', path), isFree(object)]).toEqual([left, false])
    object.destroy()
    expect(existsSync(path)).toBe(false)
  })

  test('is recorded before it is made and before it is used', () => {
    const directory = makeDirectory()
    const recorded: [NamedObject, boolean][] = []
    create({ path: 'l' }, directory, { record: made => void recorded.push([made, existsSync(made.name)]) })
    const identity = identify('file', join(directory, 'l'))!
    expect(recorded).toEqual([
      [{ ...identity, identity: null }, false],
      [identity, true],
    ])
  })

  test('is removed at the end only while it is the one that was made', () => {
    const directory = makeDirectory()
    const path = join(directory, 'l')
    const object = create({ path: 'l' }, directory)
    renameSync(path, join(directory, 'moved'))
    writeFileSync(path, 'of somebody else')
    object.destroy()
    expect(readFileSync(path, 'utf8')).toBe('of somebody else')
  })

  test('that a stranger removed is still the same lock for children', async () => {
    const directory = makeDirectory()
    const object = create({}, directory)
    const before = await open(object)
    unlinkSync(join(directory, 'data.lock'))
    const after = await open(object)
    expect([before.tryHold() === null, after.tryHold() === null]).toEqual([false, true])
  })
})

describe('§19 descriptions', () => {
  test('every taker has its own, and the supervisor holds nothing', async () => {
    const object = create()
    const [one, two] = [await open(object), await open(object)]
    const give = one.tryHold()!
    expect([two.tryHold(), isFree(object)]).toEqual([null, false])
    give()
    expect([isFree(object), two.tryHold() === null]).toEqual([true, false])
  })

  test('it is free again when its holder and all who inherited the descriptor are gone, not before', async () => {
    const object = create()
    const descriptor = object.take('use')
    const lock = await kinds.lock.open({ descriptor, side: 'use', hint: {} })
    lock.tryHold()
    const heir = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', lock.descriptor] })
    // As a death of the holder would; `close` frees it.
    closeSync(lock.descriptor)
    expect(isFree(object)).toBe(false)
    heir.kill('SIGKILL')
    await once(heir, 'exit')
    expect(isFree(object)).toBe(true)
  })
})

describe('who has it', () => {
  test('is told by pid: the holder, and whoever inherited its descriptor', async () => {
    const object = create()
    expect(object.facts()).toMatchObject({ value: 1, holders: [] })
    const [lock, waiting] = [await open(object), await open(object)]
    const give = lock.tryHold()!
    const heir = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', lock.descriptor] })
    // Has the file open as well, but not the lock.
    const onlooker = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', waiting.descriptor] })
    await Promise.all([once(heir, 'spawn'), once(onlooker, 'spawn')])
    const expected = [process.pid, heir.pid!].sort((a, b) => a - b)
    expect(object.facts()).toMatchObject({ value: 0, holders: expected })
    give()
    expect(object.facts()).toMatchObject({ value: 1, holders: [] })
    for (const child of [heir, onlooker]) child.kill('SIGKILL')
  })

  test('is told also of a program that has the file by another name, and a lock of the older kind', async () => {
    const directory = makeDirectory()
    const object = create({}, directory)
    const path = join(directory, 'data.lock')
    linkSync(path, join(directory, 'other'))
    // The lock of another file of the same directory is nothing to this one.
    writeFileSync(join(directory, 'foreign'), '')
    const program = `import fcntl, sys, time
files = [open(name, 'r+') for name in sys.argv[1:]]
for file in files: fcntl.lockf(file, fcntl.LOCK_EX)
print('locked', flush=True); time.sleep(1000)`
    const start = async (...names: string[]) => {
      const child = spawn('/usr/bin/python3', ['-c', program, ...names.map(name => join(directory, name))])
      await once(child.stdout, 'data')
      return child
    }
    const [holder, stranger] = [await start('other'), await start('foreign')]
    expect(object.facts()).toMatchObject({ value: 0, holders: [holder.pid] })
    for (const child of [holder, stranger]) child.kill('SIGKILL')
  })
})

describe('in a Node program', () => {
  test('hold passes on what is returned and thrown, and frees the lock after both', async () => {
    const object = create()
    const lock = await open(object)
    const seen: boolean[] = []
    expect(await lock.hold(() => seen.push(isFree(object)))).toBe(1)
    await expect(lock.hold(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
    expect([seen, isFree(object)]).toEqual([[false], true])
  })

  test('within a program it is held by one at a time, in order of the calls', async () => {
    const lock = await open(create())
    const order: string[] = []
    await Promise.all(
      [1, 2, 3].map(number =>
        lock.hold(async () => {
          order.push(`${number} has it`)
          await new Promise(resolve => setImmediate(resolve))
          order.push(`${number} gives it back`)
        }),
      ),
    )
    expect(order).toEqual([1, 2, 3].flatMap(number => [`${number} has it`, `${number} gives it back`]))
  })

  test('tryHold does not wait, and its answer frees the lock once', async () => {
    const object = create()
    const [one, two] = [await open(object), await open(object)]
    const give = one.tryHold()!
    expect([one.tryHold(), two.tryHold()]).toEqual([null, null])
    give()
    const again = one.tryHold()!
    give()
    expect(isFree(object)).toBe(false)
    again()
    expect(isFree(object)).toBe(true)
  })

  test('after its timeout, or once its signal is aborted, it gives up', async () => {
    const object = create()
    const [one, two] = [await open(object), await open(object)]
    one.tryHold()
    const controller = new AbortController()
    const aborted = two.hold(() => {}, { signal: controller.signal })
    await expect(two.hold(() => {}, { timeout: 20 })).rejects.toMatchObject({ code: 'IPCSUP_ERR_TIMEOUT' })
    controller.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
  })

  test('what is closed in the moment in which somebody takes it is not held', async () => {
    const lock = await open(create())
    const give = lock.tryHold()!
    const acts: string[] = []
    const waiting = lock.hold(() => acts.push('without the lock'))
    give()
    lock.close()
    await expect(waiting).rejects.toThrow(/closed/)
    expect(acts).toEqual([])
  })

  test('closing frees it, wakes who waits, and leaves no descriptor', async () => {
    const object = create()
    const before = listOpenDescriptors()
    const lock = await open(object)
    lock.tryHold()
    const waiting = lock.hold(() => {})
    const closed = new Promise<void>(resolve => lock.once('close', resolve))
    lock.close()
    await expect(waiting).rejects.toThrow(/closed/)
    await closed
    expect([isFree(object), listOpenDescriptors()]).toEqual([true, before])
    await expect(lock.hold(() => {})).rejects.toThrow(/closed/)
  })
})
