import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { buildPlan } from '../../../src/config/build-plan.js'
import type { LinkObject, NamedObject } from '../../../src/ipc/kind.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { identify, removeNamed } from '../../../src/ipc/named-objects.js'
import { openPermitRecord, type PermitRecord } from '../../../src/ipc/permit-record.js'
import type { Semaphore } from '../../../src/ipc/semaphore-end.js'
import { tryLockRange } from '../../../src/platform/index.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { createLink, makeDirectory, refusalOf } from '../support.js'

const isRoot = process.getuid!() === 0
const canMount = isRoot && spawnSync('unshare', ['-m', 'true']).status === 0
const driver = join(import.meta.dirname, '../drivers/permits.py')

let names = 0
const uniqueName = (): string => `ipcsup.test.${process.pid}.${++names}`
const uniqueKey = (): number => 0x1b_0000_00 + process.pid * 64 + ++names

const made: LinkObject[] = []
const opened: Semaphore[] = []
const children: ReturnType<typeof spawn>[] = []

afterEach(() => {
  for (const end of opened.splice(0)) end.close()
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const object of made.splice(0)) object.destroy()
})

function create(options: object = {}, more: Parameters<typeof createLink>[2] = {}): LinkObject {
  const object = createLink({ kind: 'semaphore', ...options }, makeDirectory(), { uniqueName: uniqueName(), ...more })
  made.push(object)
  return object
}

async function open(object: LinkObject): Promise<Semaphore> {
  const end = await kinds.semaphore.open({ descriptor: -1, side: 'use', hint: object.hint() })
  opened.push(end)
  return end
}

/** A program that knows nothing of ipcsup. */
function stranger(object: LinkObject, ...actions: string[]) {
  const { name, id } = object.hint()
  const env = name === undefined ? { IPCSUP_ID_DATA: String(id) } : { IPCSUP_NAME_DATA: name }
  const child = spawn('/usr/bin/python3', [driver, 'data', ...actions], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  let text = ''
  child.stdout!.on('data', chunk => {
    text += chunk
  })
  return { child, said: () => text }
}

const pathOf = (object: LinkObject): string => `/dev/shm/sem.${object.hint().name!.slice(1)}`
const countFree = (object: LinkObject) => object.facts().value

const problemsOf = (options: object): readonly string[] => {
  const config = {
    links: { data: { kind: 'semaphore', ...options } },
    processes: { p: { command: 'true', links: { data: 'use' } } },
  }
  try {
    buildPlan(config, { kinds, directory: '/', configPath: null, isEmbedded: true })
    return []
  } catch (error) {
    return (error as Error).message
      .replaceAll(/(links\.data\.\S+): /g, '$1 ')
      .split('\n')
      .slice(1)
  }
}

describe('in the config', () => {
  test.each([
    [{ value: 2 ** 31 }, /value must be a whole number from 0 to 2147483647, got 2147483648/],
    [{ value: -1 }, /value must be a whole number/],
    [{ system: 'sysv', value: 32_768 }, /value must be at most 32767 with system "sysv", got 32768/],
    [{ system: 'sysv', values: [1, 32_768] }, /values.*32767/],
    [{ system: 'sysv', values: [] }, /values must have at least one member/],
    [{ values: [1] }, /values is for system "sysv"/],
    [{ key: 7 }, /key is for system "sysv"/],
    [{ system: 'sysv', name: '/x' }, /name is for system "posix"/],
    [{ name: '/a/b' }, /name must be 1 to 251 bytes without a "\/"/],
    [{ name: '/' }, /name must be 1 to 251 bytes/],
    [{ name: `/${'x'.repeat(252)}` }, /name must be 1 to 251 bytes/],
    [{ existing: true }, /existing needs the `name`/],
    [{ system: 'sysv', existing: true }, /existing needs the `key`/],
    [{ system: 'win32' }, /system must be one of/],
  ])('%j is refused', (options, says) => {
    expect(problemsOf(options).join('\n')).toMatch(says)
  })

  test('the largest values are taken', () => {
    expect(problemsOf({ value: 2 ** 31 - 1 })).toEqual([])
    expect(problemsOf({ system: 'sysv', values: [32_767, 0] })).toEqual([])
    expect([
      countFree(create({ value: 2 ** 31 - 1 })),
      countFree(create({ system: 'sysv', values: [32_767, 0] })),
    ]).toEqual([2 ** 31 - 1, [32_767, 0]])
  })
})

describe('POSIX', () => {
  test('the mode is exactly that of the config, whatever the umask', () => {
    const former = process.umask(0o077)
    try {
      const modes = [undefined, '0666'].map(mode => statSync(pathOf(create({ mode }))).mode & 0o7777)
      expect(modes).toEqual([0o600, 0o666])
    } finally {
      process.umask(former)
    }
  })

  test('a fixed name is that name, with or without the slash', () => {
    const name = uniqueName()
    const object = create({ name })
    expect(object.hint()).toEqual({ name: `/${name}` })
    object.destroy()
    expect(create({ name: `/${name}` }).hint()).toEqual({ name: `/${name}` })
  })

  test('a name that is taken is refused, and what has it stays', () => {
    const first = create({ name: uniqueName(), value: 5 })
    const recorded: NamedObject[] = []
    const refused = refusalOf(() =>
      create({ name: first.hint().name }, { record: object => void recorded.push(object) }),
    )
    expect(refused).toMatch(/IPCSUP_ERR_LINK_CREATE: Link "data".*sem\..* exists already.*existing: true/)
    expect([recorded, countFree(first)]).toEqual([[], 5])
  })

  test('an existing one is used as it is, and stays', () => {
    const foreign = create({ name: uniqueName(), value: 3 })
    const recorded: NamedObject[] = []
    const object = create(
      { name: foreign.hint().name, existing: true, value: 9 },
      { record: made => void recorded.push(made) },
    )
    expect([countFree(object), recorded]).toEqual([3, []])
    object.destroy()
    expect(existsSync(pathOf(foreign))).toBe(true)
  })

  test('one that was made by sem_open alone is used too', async () => {
    const name = uniqueName()
    execFileSync('/usr/bin/python3', [
      '-c',
      'import ctypes,sys; ctypes.CDLL(None).sem_open(sys.argv[1].encode(), 0o100, 0o600, 2)',
      `/${name}`,
    ])
    const object = create({ name, existing: true })
    const end = await open(object)
    end.tryAcquire()
    expect([countFree(object), object.facts().holders]).toEqual([1, [process.pid]])
    removeNamed(identify('file', pathOf(object))!)
  })

  test.each([
    ['is not there', () => {}, /there is no semaphore/],
    ['is something else', (path: string) => writeFileSync(path, 'short'), /is no semaphore/],
    ['is larger than one', (path: string) => writeFileSync(path, Buffer.alloc(4096, 1)), /is no semaphore/],
  ])('an existing one that %s is refused', (_, make, says) => {
    const name = uniqueName()
    make(`/dev/shm/sem.${name}`)
    expect(refusalOf(() => create({ name, existing: true }))).toMatch(says)
    const left = identify('file', `/dev/shm/sem.${name}`)
    if (left) removeNamed(left)
  })

  test('it is recorded before it is made and before it is used', () => {
    const recorded: [NamedObject, boolean][] = []
    const name = uniqueName()
    create({ name }, { record: object => void recorded.push([object, existsSync(object.name)]) })
    const identity = identify('file', `/dev/shm/sem.${name}`)!
    expect(recorded).toEqual([
      [{ ...identity, identity: null }, false],
      [identity, true],
    ])
  })

  test('at the end only the object that was made is removed', () => {
    const object = create({ name: uniqueName() })
    const path = pathOf(object)
    removeNamed(identify('file', path)!)
    writeFileSync(path, 'of somebody else')
    object.destroy()
    expect(readFileSync(path, 'utf8')).toBe('of somebody else')
    removeNamed(identify('file', path)!)
  })

  test.runIf(canMount).each([
    ['already', 4096],
    ['once the semaphore is made', 12_288],
  ])('a /dev/shm that is full %s is named, and nothing is left there (needs unshare)', (_, bytes) => {
    const program = bundleProgram(join(import.meta.dirname, '../drivers/make-link.ts'))
    const mount = `mount -t tmpfs -o size=${bytes} none /dev/shm && echo > /dev/shm/full`
    const script = `${mount}; "$1" "$2" "$3" 1; echo; ls /dev/shm`
    const link = JSON.stringify({ kind: 'semaphore' })
    const said = execFileSync('unshare', ['-m', 'sh', '-c', script, 'sh', process.execPath, program, link], {
      encoding: 'utf8',
    })
    expect(said).toMatch(/no space is left in \/dev\/shm/)
    expect(said.trim().split('\n').at(-1)).toBe('full')
  })

  test('one permit too many is refused', async () => {
    const end = await open(create({ value: 2 ** 31 - 1 }))
    expect(refusalOf(() => end.release())).toMatch(/IPCSUP_ERR_VALUE_RANGE.*2147483647/)
  })
})

describe('the record of a POSIX semaphore', () => {
  const recordLock = { start: 64, length: 1 }

  test('a program that opens and closes it for each of its jobs has no mapping left', async () => {
    const object = create()
    for (let job = 0; job < 10; job++) {
      const end = await open(object)
      end.tryAcquire()
      end.close()
    }
    expect(readFileSync('/proc/self/maps', 'utf8')).not.toContain(pathOf(object))
  })

  test('who ended without closing takes no place for ever, though permits are free', async () => {
    const object = create({ value: 5 })
    for (let taker = 0; taker <= 2032; taker++) {
      const end = await kinds.semaphore.open({ descriptor: -1, side: 'use', hint: object.hint() })
      end.tryAcquire()!()
      // As its death would.
      closeSync(end.descriptor)
    }
    expect(countFree(object)).toBe(5)
  })

  test('of many who try again only one at a time looks for the dead, and who tries first looks always', () => {
    const object = create()
    const [dead, one, two] = [0, 1, 2].map(() => openSync(pathOf(object), 'r+')) as [number, number, number]
    const [taker, ...others] = [dead, one, two].map(openPermitRecord) as [PermitRecord, PermitRecord, PermitRecord]
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      expect([taker.tryTake(), others[0].tryTake()]).toEqual([true, false])
      closeSync(dead)
      expect(others[1].tryTake(true)).toBe(false)
      vi.setSystemTime(Date.now() + 20)
      expect(others[1].tryTake(true)).toBe(true)
      closeSync(two)
      expect(others[0].tryTake()).toBe(true)
    } finally {
      vi.useRealTimers()
    }
    closeSync(one)
  })

  test('what is given back while the record is in use comes once it is free, and what is added meanwhile comes too', async () => {
    const object = create()
    const end = await open(object)
    await end.acquire()
    const busy = openSync(pathOf(object), 'r+')
    tryLockRange(busy, recordLock)
    end.release()
    end.release()
    expect(end.value()).toBe(1)
    closeSync(busy)
    await until('both are there', () => end.value() === 2)
  })
})

describe('whoever may write the file of a POSIX semaphore', () => {
  const program = bundleProgram(join(import.meta.dirname, '../drivers/damaged-semaphore.ts'))
  const isCutOff = 'Using a semaphore that somebody has cut off failed: pread: EIO., object, over'

  test.each([
    ['cut off', isCutOff],
    ['cut off in the middle', isCutOff],
    ['all ones', 'mended, number, over'],
    ['full of large numbers', 'mended, number, over'],
    ['full of small numbers', 'mended, number, over'],
  ])('cannot end the supervisor: %s', (damage, says) => {
    const { stdout, stderr, signal } = spawnSync(process.execPath, [program, damage], { encoding: 'utf8' })
    expect([stdout, stderr, signal]).toEqual([says, '', null])
  })

  test('cannot have it give more than there can be, nor what a slot without an owner is said to hold', () => {
    const object = create({ value: 3 })
    const file = openSync(pathOf(object), 'r+')
    const put = (word: number, ...values: number[]) => writeSync(file, Int32Array.from(values), 0, null, 4 * word)
    put(18, 2)
    put(32, 4_000_000, 2 ** 31 - 1, 4_000_001, -7)
    object.mend!('use')
    expect([countFree(object), object.facts().holders]).toEqual([3, []])
    closeSync(file)
  })
})

describe('the supervisor', () => {
  test('gives back all that a dead one held, and wakes everybody who sleeps for it', async () => {
    const object = create({ value: 7 })
    const dead = openSync(pathOf(object), 'r+')
    const taker = openPermitRecord(dead)
    for (let permit = 0; permit < 7; permit++) expect(taker.tryTake()).toBe(true)
    const waiters = [1, 2].map(() => stranger(object, 'say:waiting', 'take'))
    const isWaiting = ({ said, child }: (typeof waiters)[number]) => said() === 'waiting\n' && isAsleep(child.pid!)
    await until('both wait', () => waiters.every(isWaiting))
    closeSync(dead)
    object.mend!('use')
    await until('both have one', () => waiters.every(({ said }) => said() === 'waiting\ntaken\n'))
    expect([countFree(object), object.facts().holders]).toEqual([5, []])
  })
})

describe('System V', () => {
  const sysv = (more: object = {}, where = {}) => create({ system: 'sysv', ...more }, where)

  test('has n members, each with its own permits', async () => {
    const object = sysv({ values: [1, 0, 3] })
    expect(countFree(object)).toEqual([1, 0, 3])
    const end = await open(object)
    end.tryAcquire({ member: 2 })
    expect([end.value(), end.value(1), end.value(2), end.tryAcquire({ member: 1 })]).toEqual([1, 0, 2, null])
    expect(refusalOf(() => end.tryAcquire({ member: 3 }))).toMatch(/IPCSUP_ERR_VALUE_RANGE.*no such member/)
    expect(refusalOf(() => end.value(3))).toMatch(/no such member/)
  })

  test('a key that is taken is refused, and what has it stays', () => {
    const key = uniqueKey()
    const first = sysv({ key, value: 4 })
    const recorded: NamedObject[] = []
    expect(refusalOf(() => sysv({ key }, { record: (made: NamedObject) => void recorded.push(made) }))).toMatch(
      new RegExp(`key ${key} exist already.*existing: true`),
    )
    expect([recorded, countFree(first)]).toEqual([[], 4])
  })

  test('an existing set is used as it is, and stays', () => {
    const key = uniqueKey()
    const first = sysv({ key, values: [4, 2] })
    const second = sysv({ key, existing: true })
    expect([second.hint(), countFree(second)]).toEqual([first.hint(), [4, 2]])
    second.destroy()
    expect(countFree(first)).toEqual([4, 2])
    expect(refusalOf(() => sysv({ key: uniqueKey(), existing: true }))).toMatch(/there are no semaphores with key/)
  })

  test('more members than the system allows are refused with its limits', () => {
    const limits = readFileSync('/proc/sys/kernel/sem', 'utf8').trim().split(/\s+/)
    const values = Array<number>(Number(limits[0]) + 1).fill(1)
    const refused = refusalOf(() => sysv({ values }))
    expect(refused).toContain(`a set of ${values.length} members is more than the ${limits[0]}`)
    expect(refused).toContain(`/proc/sys/kernel/sem (${limits.join(' ')})`)
  })

  test.runIf(canMount)('more sets than the system allows are refused with its limits (needs unshare)', () => {
    const program = bundleProgram(join(import.meta.dirname, '../drivers/make-link.ts'))
    const script = 'echo 100 100 10 0 > /proc/sys/kernel/sem; "$1" "$2" "$3" 1'
    const link = JSON.stringify({ kind: 'semaphore', system: 'sysv' })
    const said = execFileSync('unshare', ['-i', 'sh', '-c', script, 'sh', process.execPath, program, link], {
      encoding: 'utf8',
    })
    expect(said).toMatch(/the system has its 0 sets, or its 100 semaphores in all, already.*sysctl/)
  })

  test('it is recorded before it is made and before it is used, by its key', () => {
    const key = uniqueKey()
    const recorded: NamedObject[] = []
    sysv({ key }, { record: (object: NamedObject) => void recorded.push(object) })
    const identity = identify('sysv-semaphore', String(key))!
    expect(recorded).toEqual([{ ...identity, identity: null }, identity])
  })

  test('a set that was removed, and its key given to another, is left alone', () => {
    const key = uniqueKey()
    const object = sysv({ key })
    execFileSync('ipcrm', ['-s', String(object.hint().id)])
    const other = sysv({ key, value: 6 })
    expect(countFree(object)).toBeNull()
    object.destroy()
    expect(countFree(other)).toBe(6)
  })

  test('one permit too many is refused', async () => {
    const end = await open(sysv({ value: 32_767 }))
    expect(refusalOf(() => end.release())).toMatch(/IPCSUP_ERR_VALUE_RANGE.*32767/)
  })

  test('who waits for a set that is removed is told, and closing gives nothing back to it', async () => {
    const object = sysv({ value: 1 })
    const end = await open(object)
    await end.acquire()
    const waiting = end.acquire()
    object.destroy()
    await expect(waiting).rejects.toThrow(/semop: E(IDRM|INVAL)/)
    end.close()
  })
})

describe.each([['posix'], ['sysv']])('in a Node program (%s)', system => {
  const one = () => open(create({ system }))

  test('it waits without an end, in order of the calls', async () => {
    const end = await one()
    const order: number[] = []
    const release = await end.acquire()
    const waiting = [1, 2, 3].map(async number => {
      const give = await end.acquire()
      order.push(number)
      give()
    })
    expect(end.tryAcquire()).toBeNull()
    release()
    await Promise.all(waiting)
    expect([order, end.value()]).toEqual([[1, 2, 3], 1])
  })

  test('giving back twice gives back once', async () => {
    const end = await one()
    const release = await end.acquire()
    release()
    release()
    expect(end.value()).toBe(1)
  })

  test('release without a permit adds one', async () => {
    const end = await one()
    end.release()
    expect(end.value()).toBe(2)
  })

  test('who gives back a permit by `release`, and then itself again, gives back one', async () => {
    const end = await one()
    const release = await end.acquire()
    end.release()
    release()
    expect(end.value()).toBe(1)
  })

  test('giving back one that was taken to keep leaves the others to come back', async () => {
    const object = create({ system, value: 2 })
    const end = await open(object)
    await end.acquire()
    const release = await end.acquire({ keep: true })
    release()
    end.close()
    expect(countFree(object)).toBe(2)
  })

  test.each([65_536, 1.5, Number.NaN, -1])('member %d, which there cannot be, is refused', async member => {
    const end = await one()
    const refused = /IPCSUP_ERR_VALUE_RANGE: Using member .* of the semaphore .* there is no such member/
    for (const use of [() => end.tryAcquire({ member }), () => end.release(member), () => end.value(member)])
      expect(refusalOf(use)).toMatch(refused)
    await expect(end.acquire({ member })).rejects.toMatchObject({ code: 'IPCSUP_ERR_VALUE_RANGE' })
    expect(end.value()).toBe(1)
  })

  test.each([-1, Number.NaN])('a timeout of %d is refused', async timeout => {
    const end = await one()
    await end.acquire()
    await expect(end.acquire({ timeout })).rejects.toThrow(/Waiting .* ms for a permit .* a number of ms from 0/)
  })

  test.each([2 ** 31, Number.POSITIVE_INFINITY])('a timeout of %d waits without end', async timeout => {
    const object = create({ system })
    const [end, other] = [await open(object), await open(object)]
    const release = await other.acquire()
    const waiting = end.acquire({ timeout }).catch(error => error)
    // Longer than the 1 ms that a timer would make of it.
    await expect(end.acquire({ timeout: 20 })).rejects.toMatchObject({ code: 'IPCSUP_ERR_TIMEOUT' })
    release()
    expect(await waiting).toBeInstanceOf(Function)
  })

  test('what is closed in the moment in which somebody takes it was not taken', async () => {
    const object = create({ system })
    const end = await open(object)
    const release = await end.acquire()
    const waiting = end.acquire()
    release()
    end.close()
    await expect(waiting).rejects.toThrow(/closed/)
    expect(countFree(object)).toBe(1)
  })

  test('after its timeout it gives up, and takes nothing later', async () => {
    const object = create({ system })
    const [end, other] = [await open(object), await open(object)]
    const release = await other.acquire()
    await expect(end.acquire({ timeout: 20 })).rejects.toMatchObject({ code: 'IPCSUP_ERR_TIMEOUT' })
    await expect(end.acquire({ timeout: 0 })).rejects.toMatchObject({ code: 'IPCSUP_ERR_TIMEOUT' })
    release()
    expect(end.value()).toBe(1)
    await end.acquire({ timeout: 0 })
    expect(end.value()).toBe(0)
  })

  test('once its signal is aborted it gives up', async () => {
    const end = await one()
    await end.acquire()
    const controller = new AbortController()
    const waiting = end.acquire({ signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await expect(end.acquire({ signal: controller.signal })).rejects.toThrow('enough')
  })

  test('closing gives back what it took, and wakes who waits', async () => {
    const object = create({ system })
    const end = await open(object)
    await end.acquire()
    const waiting = end.acquire()
    const closed = new Promise<void>(resolve => end.once('close', resolve))
    end.close()
    await expect(waiting).rejects.toThrow(/closed/)
    await closed
    expect(countFree(object)).toBe(1)
    await expect(end.acquire()).rejects.toThrow(/closed/)
  })

  test('what is taken to keep stays taken', async () => {
    const object = create({ system })
    const end = await open(object)
    await end.acquire({ keep: true })
    end.close()
    object.mend?.('use')
    expect(countFree(object)).toBe(0)
  })

  test.each([
    ['take', 1],
    ['keep', 0],
  ])('killed after it took one to %s, it leaves %i free', async (how, left) => {
    const object = create({ system })
    const program = bundleProgram(join(import.meta.dirname, '../drivers/permit-death.ts'))
    const told = { data: { kind: 'semaphore', side: 'use', fd: null, ...object.hint(), options: {} } }
    const env = { ...process.env, IPCSUP_LINKS: JSON.stringify(told) }
    expect(spawnSync(process.execPath, [program, how], { env }).signal).toBe('SIGKILL')
    object.mend?.('use')
    expect(countFree(object)).toBe(left)
  })

  test.each([
    ['is given back', true],
    ['is added', false],
  ])('a stranger that sleeps in the system’s own call is woken by what %s', async (_, isTaken) => {
    const object = create({ system, value: Number(isTaken) })
    const end = await open(object)
    if (isTaken) await end.acquire()
    const { child, said } = stranger(object, 'say:waiting', 'take')
    await until('it waits', () => said() === 'waiting\n' && isAsleep(child.pid!))
    end.release()
    await until('it has it', () => said() === 'waiting\ntaken\n')
  })
})

describe('§19 a taker of the library that is killed loses no permit and doubles none', () => {
  const program = bundleProgram(join(import.meta.dirname, '../drivers/permit-steps.ts'))
  const total = 2
  const start = (object: LinkObject, action: string, step: number) => {
    const child = spawn(process.execPath, [program, pathOf(object), action, String(step)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    return child
  }
  /** Ends in that step; what the step was. */
  const dieAt = async (object: LinkObject, action: string, step: number): Promise<string> => {
    const child = start(object, action, step)
    let said = ''
    child.stdout!.on('data', chunk => {
      said += chunk
    })
    const [, signal] = await once(child, 'close')
    expect(signal).toBe('SIGKILL')
    return said.trim()
  }
  /** One that holds a permit, dead. */
  const leaveDeadHolder = async (object: LinkObject): Promise<void> => {
    const holder = start(object, 'take', -1)
    await once(holder.stdout!, 'data')
    holder.kill('SIGKILL')
    await once(holder, 'close')
  }

  const taking = [
    'the intent is written',
    'the permit is taken',
    'whoever waits was woken',
    'the new count is written',
    'the mark is gone',
  ]
  const giving = taking.map(step => step.replace('taken', 'given back'))
  const burying = [...giving, 'a dead one holds nothing']
  const cases = [
    ...taking.map((name, step) => ['take', step, name] as const),
    ...giving.map((name, step) => ['give', step, name] as const),
    ...burying.map((name, step) => ['bury', step, name] as const),
  ]

  test.each(cases)('%s, killed after step %i: %s', async (action, step, name) => {
    const object = create({ value: total })
    if (action === 'bury') await leaveDeadHolder(object)
    expect(await dieAt(object, action, step)).toBe(name)
    object.mend!('use')
    expect([countFree(object), object.facts().holders]).toEqual([total, []])
  })

  test.each(cases)('%s, killed after step %i: %s, and the next takers have all of them', async (action, step) => {
    const object = create({ value: total })
    if (action === 'bury') await leaveDeadHolder(object)
    await dieAt(object, action, step)
    const end = await open(object)
    const taken = Array.from({ length: total + 1 }, () => end.tryAcquire())
    expect(taken.filter(release => release !== null).length).toBe(total)
  })

  test.each(cases)('%s, killed after step %i (%s), while strangers take and give', async (action, step, name) => {
    const object = create({ value: total })
    if (action === 'bury') await leaveDeadHolder(object)
    expect(await dieAt(object, action, step)).toBe(name)
    const foreign = stranger(object, 'give', 'try', 'try', 'give', 'give')
    await once(foreign.child, 'close')
    const taken = foreign
      .said()
      .split('\n')
      .filter(line => line === 'taken').length
    object.mend!('use')
    expect([countFree(object), object.facts().holders]).toEqual([total + 3 - taken, []])
  })

  test('the next taker finds what the dead held, without the supervisor', async () => {
    const object = create({ value: 1 })
    await leaveDeadHolder(object)
    expect(countFree(object)).toBe(0)
    const end = await open(object)
    await end.acquire()
    expect(object.facts().holders).toEqual([process.pid])
  })

  test('a stranger that sleeps in sem_wait gets what the dead held', async () => {
    const object = create({ value: 1 })
    await leaveDeadHolder(object)
    const { child, said } = stranger(object, 'say:waiting', 'take')
    await until('it waits', () => said() === 'waiting\n' && isAsleep(child.pid!))
    object.mend!('use')
    await until('it has it', () => said() === 'waiting\ntaken\n')
  })

  test('a holder that lives keeps what it has, whoever else died', async () => {
    const object = create({ value: 2 })
    const end = await open(object)
    await end.acquire()
    await leaveDeadHolder(object)
    object.mend!('use')
    expect([countFree(object), object.facts().holders]).toEqual([1, [process.pid]])
  })

  test('one that is stopped in the middle keeps the others waiting, and nothing is given back for it', async () => {
    const object = create({ value: 1 })
    const holder = start(object, 'take', -1)
    await once(holder.stdout!, 'data')
    holder.kill('SIGSTOP')
    object.mend!('use')
    const end = await open(object)
    await expect(end.acquire({ timeout: 30 })).rejects.toMatchObject({ code: 'IPCSUP_ERR_TIMEOUT' })
    holder.kill('SIGKILL')
    await end.acquire()
  })

  test('who inherited the descriptor of a dead holder keeps the permit until it is gone too', async () => {
    const object = create({ value: 1 })
    const end = await open(object)
    await end.acquire()
    const heir = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', end.descriptor] })
    children.push(heir)
    // As a death of this program would: the record still has what it held.
    const { closeSync } = process.getBuiltinModule('fs')
    closeSync(end.descriptor)
    opened.pop()
    object.mend!('use')
    expect(countFree(object)).toBe(0)
    heir.kill('SIGKILL')
    await once(heir, 'exit')
    object.mend!('use')
    expect(countFree(object)).toBe(1)
  })
})

const isAsleep = (pid: number): boolean => /^State:\s+S/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
