/** The supervisor's half of a ring: its memory, who has which place, what it mends, how it stands. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../../../src/config/define.js'
import { makeJsonSchema } from '../../../src/config/json-schema.js'
import { holdRing } from '../../../src/ipc/held-ring.js'
import type { LinkObject } from '../../../src/ipc/kind.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import type { Message, MessageReader, ReservingWriter } from '../../../src/ipc/messages.js'
import { refusalsOf } from '../../../src/ipc/refusal.js'
import { openReader, RingMemory, RingWriter } from '../../../src/ipc/ring/index.js'
import {
  cursor,
  cursorStart,
  flagsOf,
  type Geometry,
  header,
  laneStart,
  measure,
  readerStart,
  slot,
} from '../../../src/ipc/ring/layout.js'
import { SharedWords } from '../../../src/ipc/ring/memory.js'
import { attachRing } from '../../../src/ipc/ring-attachment.js'
import { bagBytes, decodeBag } from '../../../src/ipc/ring-bag.js'
import { distance, RingControl } from '../../../src/ipc/ring-control.js'
import { openRingEnd } from '../../../src/ipc/ring-end.js'
import { makeRingMemory } from '../../../src/ipc/ring-memory.js'
import { assignSlots } from '../../../src/ipc/ring-slots.js'
import { changeOpenFilesLimit, mapMemory, peekPacket, readOpenFilesLimit } from '../../../src/platform/index.js'
import { problemsOf } from '../../config/support.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { createTestHost, listOpenDescriptors } from '../../support/host.js'
import { createLink, makeDirectory, makeWhere, refusalOf } from '../support.js'

const usesOf = (writers: readonly string[], readers: readonly string[]) => [
  ...writers.map(process => ({ process, side: 'write' })),
  ...readers.map(process => ({ process, side: 'read' })),
]

interface Made {
  readonly object: LinkObject
  writer(process?: string): Promise<ReservingWriter<string>>
  reader(process?: string): Promise<MessageReader<string>>
}

/** A ring with these processes; all of it is closed at the end of the test. */
function make(
  options: Record<string, unknown> = {},
  { writers = ['w'], readers = ['r'], directory = makeDirectory() } = {},
): Made {
  const object = createLink({ kind: 'ring', ...options }, directory, { uses: usesOf(writers, readers) })
  onTestFinished(() => object.destroy())
  const open = async <End extends { close(): void }>(side: string, process: string): Promise<End> => {
    const end = await openRingEnd({ link: 'data', descriptor: object.take(side, process), side, hint: {} })
    onTestFinished(() => end.close())
    return end as unknown as End
  }
  return {
    object,
    writer: (process = writers[0]!) => open('write', process),
    reader: (process = readers[0]!) => open('read', process),
  }
}

/** What an end is handed as. */
function look(object: LinkObject, side: string, process?: string) {
  const descriptor = object.take(side, process)
  const packet = peekPacket(descriptor, bagBytes + 1)!
  onTestFinished(() => {
    for (const one of [descriptor, ...packet.descriptors]) closeSync(one)
  })
  const [memory, ownBell, ...bells] = packet.descriptors
  return { descriptor, bag: decodeBag(packet.bytes), memory: memory!, ownBell: ownBell!, bells }
}

function readWord(descriptor: number, offset: number): number {
  const word = Buffer.alloc(4)
  readSync(descriptor, word, 0, 4, offset)
  return word.readUInt32LE()
}

function writeWord(path: string, offset: number, value: number): void {
  const word = Buffer.alloc(4)
  word.writeUInt32LE(value)
  const descriptor = openSync(path, 'r+')
  writeSync(descriptor, word, 0, 4, offset)
  closeSync(descriptor)
}

const bellOf = (descriptor: number): string => readlinkSync(`/proc/self/fd/${descriptor}`)

async function takeText(reader: MessageReader<string>): Promise<string | null> {
  const message: Message<string> | null = await reader.receive()
  const text = message && `${message.text} ${message.writer}.${message.sequence}`
  reader.ack()
  return text
}

/** A reader of a lossy ring that takes a message, and dies where only the last store of its acknowledgement is missing. */
function killAtAck(memory: number): void {
  const geometry: Geometry = { capacity: 4096, writers: 2, readers: 1, mode: 'each', isLossy: true }
  const head = cursorStart(geometry, 0, 0) + cursor.head
  class Words extends SharedWords {
    override publish(offset: number, value: number): void {
      if (offset === head) throw new Error('killed')
      super.publish(offset, value)
    }
  }
  const reader = openReader(new RingMemory(mapMemory(memory, 'write'), geometry, 'data', Words), 0)
  expect(reader.next()).toBe(true)
  expect(() => reader.ackAll()).toThrow('killed')
}

const geometry = { capacity: 65_536, writers: 3, readers: 2, mode: 'each', isLossy: false } as const

describe('its memory', () => {
  test('begins as the layout says, has the size of the layout, and cannot be made smaller or larger', () => {
    const { object } = make({ size: '64KiB', readers: 'each' }, { writers: ['a', 'b'], readers: ['c', 'd'] })
    const { memory } = look(object, 'write', 'a')
    const page = Buffer.alloc(4096)
    readSync(memory, page, 0, 4096, 0)
    expect(page.toString('latin1', 0, 8)).toBe('IPCSUPR1')
    const words = [header.version, header.dataStart, header.capacity, header.writers, header.readers, header.flags]
    expect(words.map(at => page.readUInt32LE(at))).toEqual([
      1,
      measure(geometry).dataStart,
      65_536,
      3,
      2,
      flagsOf(geometry),
    ])
    expect(page.readUInt32LE(header.byteOrder)).toBe(0x01020304)
    // FNV-1a of "a", as published, and of nothing.
    expect(page.readUInt32LE(header.writerSlots + slot.name)).toBe(0xe40c292c)
    expect(page.readUInt32LE(header.writerSlots + 2 * slot.bytes + slot.name)).toBe(0x811c9dc5)
    expect(fstatSync(memory).size).toBe(measure(geometry).bytes)
    for (const size of [0, 2 ** 20]) expect(() => ftruncateSync(memory, size)).toThrow(/EPERM/)
  })

  test('of a size that is no power of two, too small or too large is refused, with the sizes next to it', () => {
    const sized = (size: unknown) => problem({ size }).join()
    expect(sized(5000)).toBe('links.data.size: must be a power of two, and is 5000 bytes: 4KiB or 8KiB is next to it.')
    expect(sized('768MiB')).toContain('512MiB or 1GiB is next to it')
    expect(sized('2KiB')).toBe('links.data.size: must be from 4KiB to 1GiB, and is 2048 bytes.')
    expect(sized('2GiB')).toContain('from 4KiB to 1GiB')
    expect(sized('4KiB')).toBe('')
  })
})

/** What is wrong in a config with such a ring. */
const problem = (link: object, processes: object = users): string[] =>
  problemsOf({ links: { data: { kind: 'ring', ...link } }, processes }, { kinds })

const users = { w: { command: 'w', links: { data: 'write' } }, r: { command: 'r', links: { data: 'read' } } }

describe('its ends', () => {
  test('are a socket that every program looks into and nobody empties; with it come the memory and the bells', () => {
    const { object } = make({ size: '64KiB', readers: 'each' }, { writers: ['a', 'b'], readers: ['c', 'd'] })
    const b = look(object, 'write', 'b')
    const [c, d] = [look(object, 'read', 'c'), look(object, 'read', 'd')]
    expect(b.bag).toEqual({ side: 'write', slot: 1, geometry, full: 'block', codec: 'bytes' })
    expect(d.bag).toEqual({ side: 'read', slot: 1, geometry, full: 'block', codec: 'bytes' })
    expect(b.bells.map(bellOf)).toEqual([bellOf(c.ownBell), bellOf(d.ownBell)])
    expect(c.bells).toHaveLength(3)
    expect(bellOf(c.bells[1]!)).toBe(bellOf(b.ownBell))
    const again = peekPacket(b.descriptor, bagBytes)!
    for (const one of again.descriptors) closeSync(one)
    expect(decodeBag(again.bytes)).toEqual(b.bag)
    expect(again.descriptors).toHaveLength(4)
  })

  test('outside there is one more to write, and one to read only where no process reads', () => {
    const { object } = make({}, { writers: ['a'], readers: [] })
    expect(look(object, 'write').bag.slot).toBe(1)
    expect(look(object, 'read').bag.slot).toBe(0)
    const other = make({ readers: 'each' }, { readers: ['c', 'd'] }).object
    expect(refusalOf(() => other.take('read'))).toMatch(
      /^IPCSUP_ERR_LINK_USE: .*cannot be read by anybody else.*"c", "d"/,
    )
  })

  test('that lies in a socket counts for its user: where that is too much, the error says so', () => {
    // Root may have any number of them, unless it is not allowed to.
    const humble = process.getuid!() === 0 ? 'exec setpriv --bounding-set=-sys_resource,-sys_admin' : 'exec'
    const command = `ulimit -n 100; ${humble} "$0" "$1"`
    const program = bundleProgram(join(import.meta.dirname, '../drivers/ring-in-flight.ts'))
    const said = execFileSync('/bin/sh', ['-c', command, process.execPath, program], { encoding: 'utf8' })
    expect(JSON.parse(said)).toEqual([
      {
        code: 'IPCSUP_ERR_LINK_USE',
        message: expect.stringMatching(
          /^Link "data" cannot be handed out: more descriptors .* Raise `ulimit -n`, or use/,
        ),
      },
      'ETOOMANYREFS',
    ])
  })

  test('of a process that could not be started is not counted as alive', async () => {
    await using host = createTestHost({
      links: { data: { kind: 'ring' } },
      processes: { ...users, r: { command: '/nonexistent', links: { data: 'read' } } },
    })
    await host.openAll()
    await host.refuse('r')
    const { takeEnd } = host.host as unknown as { takeEnd(link: string, side: string): { descriptor: number } }
    const given = takeEnd('data', 'write').descriptor
    const { descriptors } = peekPacket(given, bagBytes)!
    const alive = readWord(descriptors[0]!, header.readerSlots + slot.alive)
    for (const one of [given, ...descriptors]) closeSync(one)
    expect(alive).toBe(0)
  })
})

describe('what a config may say', () => {
  const many = (side: string, count: number) => ({ command: 'x', links: { data: side }, replicas: count })

  test('several readers are refused until it says what becomes of them, and then allowed', () => {
    const two = { ...users, s: { command: 's', links: { data: 'read' } } }
    expect(problem({}, two)).toEqual([
      'links.data.readers: must be said, because 2 processes read it: "each" if every one gets every message, "share" if each message goes to one of them.',
    ])
    for (const readers of ['each', 'each-lossy', 'share']) expect(problem({ readers }, two)).toEqual([])
    expect(problem({ readers: 'shared' }, two)).toEqual([
      'links.data.readers: must be one of "one", "each", "each-lossy" or "share", got "shared". Did you mean "share"?',
    ])
  })

  test('`readers` means in the types and in the JSON Schema what it means here, and elsewhere what it meant', () => {
    const schema = z.fromJSONSchema(makeJsonSchema(kinds) as Parameters<typeof z.fromJSONSchema>[0])
    const isValid = (kind: string, readers: string) => schema.safeParse({ links: { a: { kind, readers } } }).success
    expect(['one', 'each', 'each-lossy', 'share', 'shared'].map(word => isValid('ring', word))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ])
    expect([isValid('pipe', 'shared'), isValid('pipe', 'each')]).toEqual([true, false])
    defineConfig({ links: { a: { kind: 'ring', readers: 'each-lossy' }, b: { kind: 'pipe', readers: 'shared' } } })
    // @ts-expect-error of a ring it is "share"
    defineConfig({ links: { a: { kind: 'ring', readers: 'shared' } } })
    // @ts-expect-error a pipe gives each byte to one of them
    defineConfig({ links: { a: { kind: 'pipe', readers: 'each' } } })
  })

  test('31 writers and 32 readers are the most', () => {
    expect(problem({}, { ...users, w: many('write', 31) })).toEqual([])
    expect(problem({}, { ...users, w: many('write', 32) })).toEqual([
      'links.data: has 32 writing processes; a ring can have 31. Use several rings.',
    ])
    expect(problem({ readers: 'each' }, { ...users, r: many('read', 32) })).toEqual([])
    expect(problem({ readers: 'share' }, { ...users, r: many('read', 33) })).toEqual([
      'links.data: has 33 reading processes; a ring can have 32. Use several rings.',
    ])
  })

  test.each([
    [{ readers: 'share', full: 'drop-old' }, /full: cannot be "drop-old" with readers: "share"/],
    [{ readers: 'each-lossy', full: 'drop-new' }, /full: cannot be "drop-new" with readers: "each-lossy"/],
    [{ memory: 'file' }, /path: is needed for memory: "file"/],
    [{ path: 'a.ring' }, /path: is that of a file: say memory: "file"/],
    [{ writers: 'lines' }, /writers: "lines" changes nothing/],
  ])('%j is refused', (link, message) => {
    expect(problem(link).join()).toMatch(message)
  })
})

describe('a use that is over', () => {
  test('holds nobody back any more; one that only waits to be started again does', async () => {
    const ring = make({ size: '4KiB', readers: 'each' }, { readers: ['fast', 'slow'] })
    const [writer, fast] = [await ring.writer(), await ring.reader('fast')]
    let sent = 0
    while (writer.trySend('x'.repeat(500))) sent++
    expect(sent).toBeGreaterThan(3)
    for (let count = 0; count < sent; count++) await takeText(fast)
    ring.object.mend!('read', 'slow')
    expect(writer.trySend('x'.repeat(500))).toBe(false)
    const waiting = writer.send('at last')
    ring.object.leave!('read', 'slow')
    expect(await waiting).toBe(true)
    expect(await takeText(fast)).toBe(`at last 0.${sent + 1}`)
    expect(Object.keys(ring.object.facts().ring!.lag)).toEqual(['fast'])
  })

  test('a process that is started again after all begins with what is sent from then on', async () => {
    const ring = make({ size: '4KiB', readers: 'each' }, { readers: ['r', 's'] })
    const [writer, other] = [await ring.writer(), await ring.reader('r')]
    ring.object.leave!('read', 's')
    for (let count = 1; count <= 200; count++) {
      await writer.send(`${count}`)
      writer.flush()
      await takeText(other)
    }
    const back = await ring.reader('s')
    await writer.send('new')
    expect(await takeText(back)).toBe('new 0.201')
    expect(await takeText(other)).toBe('new 0.201')
  })

  test('while it comes back, the writer goes on: it never finds it where no reader can be', async () => {
    const slots = assignSlots(usesOf(['w'], ['r', 's']))
    const shape = { capacity: 4096, writers: 2, readers: 2, mode: 'each', isLossy: false } as const
    const where = makeWhere(makeDirectory(), { uses: usesOf(['w'], ['r', 's']) })
    const made = makeRingMemory({ geometry: shape, slots, path: null }, where, refusalsOf('data'))
    let between = (): void => {}
    class Observed extends RingControl {
      override writeSlot(...change: Parameters<RingControl['writeSlot']>): void {
        if (change[2] === 'finished' && change[3] === 0) between()
        super.writeSlot(...change)
      }
    }
    const control = new Observed(made.descriptor, shape, 'data')
    const object = holdRing({ link: 'data', control, slots, full: 'block', codec: 'bytes', hint: {}, isFile: false })
    onTestFinished(() => object.destroy())
    const open = async (side: string, process: string) => {
      const end = await openRingEnd({ link: 'data', descriptor: object.take(side, process), side, hint: {} })
      onTestFinished(() => end.close())
      return end as unknown as ReservingWriter<string> & MessageReader<string>
    }
    const [writer, other] = [await open('write', 'w'), await open('read', 'r')]
    const fill = (): void => {
      for (let count = 0; count < 100; count++) {
        expect(writer.trySend('x'.repeat(100))).toBe(true)
        writer.flush()
        expect(other.tryReceive()).not.toBeNull()
        other.ack()
      }
    }
    object.leave!('read', 's')
    fill()
    let behind = Number.POSITIVE_INFINITY
    between = () => {
      between = () => {}
      const snapshot = control.snapshot()
      behind = distance(snapshot.cursor(0, 1).head, snapshot.lane(0).tail)
      fill()
    }
    const back = await open('read', 's')
    expect(behind).toBe(0)
    await writer.send('new')
    expect((await back.receive())!.text).toBe('new')
  })

  test('ends at once come to all readers: the end, and to all writers: that nobody reads', async () => {
    const ring = make()
    const [writer, reader] = [await ring.writer(), await ring.reader()]
    const end = reader.receive()
    await writer.send('last')
    expect((await end)!.text).toBe('last')
    expect([ring.object.state('read', 'r'), ring.object.state('write', 'w')]).toEqual(['open', 'open'])
    reader.ack()
    const none = reader.receive()
    ring.object.release('write', 'over')
    expect(await none).toBeNull()
    expect([ring.object.state('read', 'r'), ring.object.state('write', 'w')]).toEqual(['ended', 'unknown'])
    const other = make()
    const alone = await other.writer()
    await alone.send('nobody takes it')
    alone.flush()
    expect(other.object.release('read', 'over')).toBe(32)
    expect(other.object.state('write', 'w')).toBe('ended')
    await expect(alone.send('x')).rejects.toMatchObject({ code: 'IPCSUP_ERR_NO_READER' })
  })

  test('what readers left that do not come again is what nobody will read any more', async () => {
    const left = async (comesAgain: boolean): Promise<number | null> => {
      const ring = make({ readers: 'each' }, { readers: ['r', 's'] })
      const [writer, reader] = [await ring.writer(), await ring.reader()]
      for (const text of ['one', 'two']) await writer.send(text)
      while (reader.tryReceive() !== null) reader.ack()
      ring.object.leave!('read', 's')
      if (comesAgain) await ring.reader('s')
      ring.object.leave!('read', 'r')
      return ring.object.release('read', 'over')
    }
    expect([await left(false), await left(true)]).toEqual([64, 0])
  })

  test('a reader that has left something unread is told apart from one that has not', async () => {
    const ring = make({ readers: 'each' }, { readers: ['r', 's'] })
    const [writer, reader] = [await ring.writer(), await ring.reader()]
    await writer.send('x')
    await takeText(reader)
    ring.object.release('write', 'over')
    expect([ring.object.state('read', 'r'), ring.object.state('read', 's')]).toEqual(['ended', 'unread'])
  })

  test('§18 a call that says so is repeated without harm, and ignored once a later incarnation was started', async () => {
    await using host = createTestHost({
      links: { data: { kind: 'ring', readers: 'each' } },
      processes: { ...users, r: { command: 'sleep 1000', links: { data: 'read' } }, s: users.r },
    })
    await host.openAll()
    const lagging = async () => Object.keys((await host.host.inspectLinks())['data']!.ring!.lag)
    const leave = { type: 'leave', link: 'data', generation: 1, side: 'read', process: 'r', incarnation: 0 } as const
    await host.call(leave, 'left')
    await host.call(leave, 'left')
    expect(await lagging()).toEqual(['s'])
    await host.spawn('r')
    await host.call(leave, 'left')
    expect(await lagging()).toEqual(['r', 's'])
    await host.call({ ...leave, incarnation: 1, generation: 2 }, 'left')
    expect(await lagging(), 'of another making of the link').toEqual(['r', 's'])
    await host.close(100)
  })
})

describe('after a death', () => {
  test('a reader is woken for what its writer published and did not ring for', async () => {
    const ring = make()
    const reader = await ring.reader()
    const message = reader.receive()
    const attachment = await attachRing(look(ring.object, 'write', 'w').descriptor)
    onTestFinished(() => attachment.close())
    const lane = new RingWriter(new RingMemory(attachment.memory, attachment.geometry, 'data'), 0)
    const { memory } = attachment
    const words = new Uint32Array(memory, readerStart(attachment.geometry, 0), 1)
    await until('the reader sleeps', () => words[0] === 2)
    lane.bytes.write('hello', lane.reserve(5))
    lane.commit(5, 2)
    expect(lane.publish()).not.toBe(0)
    ring.object.mend!('write', 'w')
    expect((await message)!.text).toBe('hello')
  })

  test('a writer is woken for the room that its reader made and did not ring for', async () => {
    const ring = make({ size: '4KiB' })
    const [writer, reader] = [await ring.writer(), await ring.reader()]
    while (writer.trySend('x'.repeat(500)));
    const sent = writer.send('x'.repeat(500))
    const { memory } = look(ring.object, 'read', 'r')
    await until('the writer sleeps', () => readWord(memory, laneStart(0) + 128) === 2)
    // As the reader would have done it, up to the ringing.
    reader.close()
    const cleared = Buffer.alloc(4)
    writeSync(memory, cleared, 0, 4, laneStart(0) + 128)
    const tail = readWord(memory, laneStart(0))
    const cursor = cursorStart({ ...geometry, writers: 2, readers: 1 }, 0, 0)
    const word = Buffer.alloc(4)
    word.writeUInt32LE(tail)
    writeSync(memory, word, 0, 4, cursor + 8)
    writeSync(memory, word, 0, 4, cursor)
    ring.object.mend!('read', 'r')
    expect(await sent).toBe(true)
  })

  test('what a dead reader had taken goes to another one, once nothing of it has that end', async () => {
    const ring = make({ readers: 'share' }, { readers: ['r', 's'] })
    const [writer, dying] = [await ring.writer(), await ring.reader('r')]
    await writer.send('job')
    expect((await dying.receive())!.text).toBe('job')
    const other = await ring.reader('s')
    const taken = other.receive()
    // Something that it left behind has the end yet.
    ring.object.mend!('read', 'r')
    expect(other.tryReceive()).toBeNull()
    dying.close()
    expect((await taken)!.text).toBe('job')
  })
})

test('an end for which there are too few descriptors is refused with a code, whichever is the first, and leaves none', () => {
  const { object } = make()
  const own = readOpenFilesLimit()
  const before = listOpenDescriptors()
  const codes = new Set<string>()
  for (let soft = 3, given = -1; given < 0; soft++) {
    changeOpenFilesLimit({ soft, hard: own.hard })
    try {
      given = object.take('read', 'r')
    } catch (error) {
      codes.add((error as Error).message)
    } finally {
      changeOpenFilesLimit(own)
    }
    if (given >= 0) closeSync(given)
    expect(listOpenDescriptors()).toEqual(before)
  }
  expect([...codes].sort()).toEqual([
    'Creating a socket pair failed: socketpair: EMFILE.',
    'Opening a descriptor again failed: open: EMFILE.',
  ])
})

describe('how it stands', () => {
  test('a reader that never acknowledges is seen as lag; what was dropped and missed is counted', async () => {
    const ring = make({ size: '4KiB', readers: 'each', full: 'drop-new' }, { readers: ['r', 's'] })
    expect(ring.object.facts()).toMatchObject({ queuedBytes: 0, messages: 0, capacityBytes: 8192 })
    const [writer, reader] = [await ring.writer(), await ring.reader()]
    for (const text of ['one', 'two', 'three']) await writer.send(text)
    writer.flush()
    await takeText(reader)
    expect(ring.object.facts()).toMatchObject({ queuedBytes: 96, messages: 3 })
    expect(ring.object.facts().ring).toEqual({
      lag: { r: { bytes: 64, messages: 2 }, s: { bytes: 96, messages: 3 } },
      dropped: 0,
      missed: 0,
      stalls: 0,
      damage: null,
    })
    let dropped = 0
    for (let count = 0; count < 20; count++) if (!(await writer.send('x'.repeat(1000)))) dropped++
    expect(dropped).toBeGreaterThan(10)
    expect(ring.object.facts().ring!.dropped).toBe(dropped)
  })

  test('a lossy ring tells what readers missed, and a writer that waited is counted', async () => {
    const lossy = make({ size: '4KiB', readers: 'each-lossy' })
    const [writer, reader] = [await lossy.writer(), await lossy.reader()]
    for (let count = 1; count <= 100; count++) await writer.send(`${count}`.repeat(100))
    writer.flush()
    // How many there were before nobody can know.
    expect(lossy.object.facts()).toMatchObject({ messages: null, ring: { lag: { r: { messages: null } } } })
    while (reader.tryReceive() !== null) reader.ack()
    expect(reader.missed).toBeGreaterThan(50)
    expect(lossy.object.facts().ring!.missed).toBe(reader.missed)
    const full = make({ size: '4KiB' })
    const [waiting, slow] = [await full.writer(), await full.reader()]
    while (waiting.trySend('x'.repeat(500)));
    const sent = waiting.send('x'.repeat(500))
    await takeText(slow)
    await takeText(slow)
    await sent
    expect(full.object.facts().ring!.stalls).toBe(1)
  })

  test('a lossy ring tells what readers missed as it is after each message that one acknowledges', async () => {
    const { object, writer: open, reader: openReader } = make({ size: '4KiB', readers: 'each-lossy' })
    const [writer, reader] = [await open(), await openReader()]
    for (let round = 1; round <= 4; round++) {
      for (let count = 1; count <= 10; count++) await writer.send('x'.repeat(1000))
      writer.flush()
      expect((await reader.receive())!.sequence).toBe(10 * round - 3)
      reader.ack()
      expect([object.facts().ring!.missed, reader.missed]).toEqual([9 * round - 3, 9 * round - 3])
    }
  })

  test.for([1, 2])('what a reader was killed about to count as missed is not counted (mark %i)', async acknowledged => {
    const { object, writer: open, reader: openReader } = make({ size: '4KiB', readers: 'each-lossy' })
    const [writer, reader] = [await open(), await openReader()]
    const fill = async (): Promise<void> => {
      for (let count = 1; count <= 10; count++) await writer.send('x'.repeat(1000))
      writer.flush()
    }
    await fill()
    for (let count = 1; count <= acknowledged; count++) {
      await reader.receive()
      reader.ack()
    }
    reader.close()
    await fill()
    killAtAck(look(object, 'read', 'r').memory)
    expect(object.facts().ring!.missed).toBe(6)
    // Its use is over, and it is started again after that: what was sent meanwhile it does not miss.
    object.leave!('read', 'r')
    const last = await openReader()
    expect([object.facts().ring!.missed, last.missed]).toEqual([6, 6])
    await writer.send('next')
    expect((await last.receive())!.text).toBe('next')
    last.ack()
    expect([object.facts().ring!.missed, last.missed]).toEqual([6, 6])
  })

  test('of a shared one what is left is told by messages too, and what each has taken', async () => {
    const ring = make({ readers: 'share' }, { readers: ['r', 's'] })
    const [writer, reader] = [await ring.writer(), await ring.reader()]
    for (const text of ['one', 'two', 'three']) await writer.send(text)
    writer.flush()
    expect(ring.object.facts()).toMatchObject({ queuedBytes: 96, messages: 3 })
    await reader.receive()
    const { lag } = ring.object.facts().ring!
    expect(lag['r']!.bytes).toBeGreaterThanOrEqual(32)
    expect(lag['s']).toEqual({ bytes: 0, messages: 0 })
  })

  test('that it was given up as corrupt', async () => {
    const ring = make()
    const [writer, reader] = [await ring.writer(), await ring.reader()]
    await writer.send('x')
    writer.flush()
    const { memory } = look(ring.object, 'write', 'w')
    const word = Buffer.from([7, 0, 0, 0])
    writeSync(memory, word, 0, 4, laneStart(0))
    await expect(reader.receive()).rejects.toMatchObject({ code: 'IPCSUP_ERR_RING_CORRUPT' })
    expect(ring.object.facts().ring!.damage).toBe('a position is where none can be')
  })
})

describe('in a file', () => {
  const file = { memory: 'file', path: 'data.ring', size: '4KiB' }

  test('what is in it is there after a stop, for the same processes, with the sequences going on', async () => {
    const directory = makeDirectory()
    const first = make({ ...file, readers: 'each' }, { directory, readers: ['r', 's'] })
    const [writer, reader] = [await first.writer(), await first.reader()]
    for (const text of ['one', 'two']) await writer.send(text)
    await takeText(reader)
    for (const end of [writer, reader]) end.close()
    for (const name of ['r', 's']) first.object.leave!('read', name)
    expect(first.object.release('write', 'over')).toBeNull()
    expect(first.object.release('read', 'over')).toBeNull()
    await first.object.flush!()
    expect(first.object.facts()).toMatchObject({ queuedBytes: null, path: join(directory, 'data.ring') })
    first.object.destroy()

    const second = make({ ...file, readers: 'each' }, { directory, readers: ['r', 's'] })
    expect(second.object.facts()).toMatchObject({ messages: 2, ring: { lag: { r: { messages: 1 } } } })
    const [w, r, s] = [await second.writer(), await second.reader('r'), await second.reader('s')]
    await w.send('three')
    expect([await takeText(r), await takeText(r)]).toEqual(['two 0.2', 'three 0.3'])
    expect([await takeText(s), await takeText(s)]).toEqual(['one 0.1', 'two 0.2'])
    // The end that was told in the first run is none of the second.
    const next = r.receive()
    await w.send('four')
    expect((await next)!.text).toBe('four')
    expect(statSync(join(directory, 'data.ring')).mode & 0o777).toBe(0o600)
  })

  test('kill -9 of the supervisor costs nothing of it', async () => {
    const directory = makeDirectory()
    const program = bundleProgram(join(import.meta.dirname, '../drivers/ring-file.ts'))
    const link = JSON.stringify({ kind: 'ring', ...file })
    const child = spawn(process.execPath, [program, link, directory, 'one', 'two', 'three'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    expect(refusalOf(() => make(file, { directory }))).toMatch(/data\.ring is used by another supervisor now/)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const ring = make(file, { directory })
    const [writer, reader] = [await ring.writer(), await ring.reader()]
    await writer.send('four')
    expect([await takeText(reader), await takeText(reader), await takeText(reader)]).toEqual([
      'two 0.2',
      'three 0.3',
      'four 0.4',
    ])
  })

  test('a reader that had finished, and was overtaken, begins with what comes; the others go on', async () => {
    const directory = makeDirectory()
    const first = make({ ...file, readers: 'each' }, { directory, readers: ['r', 's'] })
    const [writer, reader] = [await first.writer(), await first.reader('r')]
    first.object.leave!('read', 's')
    for (let count = 1; count <= 300; count++) {
      await writer.send(`${count}`)
      writer.flush()
      if (count < 300) await takeText(reader)
    }
    for (const end of [writer, reader]) end.close()
    first.object.destroy()
    const second = make({ ...file, readers: 'each' }, { directory, readers: ['r', 's'] })
    const [w, r, s] = [await second.writer(), await second.reader('r'), await second.reader('s')]
    await w.send('new')
    expect([await takeText(r), await takeText(r), await takeText(s)]).toEqual(['300 0.300', 'new 0.301', 'new 0.301'])
  })

  test('a program of a former run that still uses it is waited for', async () => {
    const directory = makeDirectory()
    const first = make(file, { directory })
    const left = await first.writer()
    first.object.destroy()
    expect(refusalOf(() => make(file, { directory }))).toMatch(/a program of a former run still uses .*data\.ring/)
    left.close()
    make(file, { directory })
  })

  describe('that is not that ring is refused, and stays as it is', () => {
    /** A ring with three messages of which one was acknowledged, for "w" and "r". */
    async function makeUsed(options: object = {}): Promise<string> {
      const directory = makeDirectory()
      const ring = make({ ...file, ...options }, { directory })
      const [writer, reader] = [await ring.writer(), await ring.reader()]
      for (const text of ['one', 'two', 'three']) await writer.send(text)
      writer.flush()
      await takeText(reader)
      for (const end of [writer, reader]) end.close()
      ring.object.destroy()
      return directory
    }
    const path = (directory: string) => join(directory, 'data.ring')
    const dataStart = measure({ ...geometry, writers: 2, readers: 1 }).dataStart

    test.each<[string, (path: string) => void, RegExp]>([
      ['some other file', at => writeFileSync(at, 'precious '.repeat(1000)), /is there already and is no ring/],
      ['an empty file', at => truncateSync(at, 0), /is no ring/],
      ['one that was cut', at => truncateSync(at, 9000), /was cut: it has 9000 of its \d+ bytes/],
      ['one that was cut short', at => truncateSync(at, 1000), /was cut: it has 1000 bytes/],
      ['another version', at => writeWord(at, header.version, 2), /of layout version 2\.0, and this is 1\.0/],
      ['another byte order', at => writeWord(at, header.byteOrder, 0x04030201), /another order of bytes/],
      ['a poisoned one', at => writeWord(at, header.poison, 2), /was given up as damaged: a record does not fit/],
      ['a tail that is none', at => writeWord(at, laneStart(0), 40), /is damaged: its records/],
      ['a length that is none', at => writeWord(at, dataStart + 32, 100_000), /is damaged/],
      ['a tag that is none', at => writeWord(at, dataStart + 32 + 4, 77), /is damaged/],
      ['another sequence', at => writeWord(at, dataStart + 32 + 8, 9), /is damaged/],
      [
        'another next sequence',
        at => {
          for (const mark of [8, 20]) writeWord(at, laneStart(0) + mark + 4, 9)
        },
        /is damaged/,
      ],
      ['a length that leads elsewhere', at => writeWord(at, dataStart + 32, 40), /is damaged/],
    ])('%s', async (_name, damage, expected) => {
      const directory = await makeUsed()
      damage(path(directory))
      const before = readFileSync(path(directory))
      const refusal = refusalOf(() => make(file, { directory }))
      expect(refusal).toMatch(/^IPCSUP_ERR_LINK_CREATE: Link "data" cannot be created: /)
      expect(refusal).toMatch(expected)
      expect(refusal).toContain('Remove that file')
      expect(readFileSync(path(directory)).equals(before)).toBe(true)
    })

    test.each<[string, object, { writers?: string[]; readers?: string[] }, RegExp]>([
      ['another size', { size: '8KiB' }, {}, /has a size of 4096 bytes, not 8192/],
      ['another process', {}, { writers: ['x'] }, /is a ring of other processes: its writer number 1 was not "x"/],
      ['another reader', {}, { readers: ['x'] }, /its reader number 1 was not "x"/],
      ['more processes', {}, { writers: ['w', 'x'] }, /made for 1 writing process, not 2/],
      ['other readers', { readers: 'share' }, {}, /made for readers "one", not readers "share"/],
      ['more readers', { readers: 'each' }, { readers: ['r', 's'] }, /made for 1 reader, not 2 and was made for/],
      ['what may miss some', { full: 'drop-old' }, {}, /not readers "one" that may miss messages/],
    ])('one for %s', async (_name, options, processes, expected) => {
      const directory = await makeUsed()
      expect(refusalOf(() => make({ ...file, ...options }, { directory, ...processes }))).toMatch(expected)
    })

    test('one whose claims of a shared ring are nowhere, and of a lossy one whose oldest record is none', async () => {
      const shared = await makeUsed({ readers: 'share' })
      const kept = `${path(shared)}.kept`
      copyFileSync(path(shared), kept)
      make({ ...file, readers: 'share' }, { directory: shared }).object.destroy()
      copyFileSync(kept, path(shared))
      writeWord(path(shared), laneStart(0) + 264, 48)
      expect(refusalOf(() => make({ ...file, readers: 'share' }, { directory: shared }))).toMatch(/is damaged/)
      const lossy = await makeUsed({ full: 'drop-old' })
      make({ ...file, full: 'drop-old' }, { directory: lossy }).object.destroy()
      writeWord(path(lossy), laneStart(0) + 64, 16)
      expect(refusalOf(() => make({ ...file, full: 'drop-old' }, { directory: lossy }))).toMatch(/is damaged/)
    })

    test('one for several readers: damaged for all of them, or with one that expects another message', async () => {
      const shape = { ...geometry, capacity: 4096, writers: 2, readers: 2 }
      const processes = { readers: ['r', 's'] }
      const use = async (isOver: boolean): Promise<string> => {
        const directory = makeDirectory()
        const ring = make({ ...file, readers: 'each' }, { directory, ...processes })
        const [writer, reader] = [await ring.writer(), await ring.reader()]
        for (const text of ['one', 'two']) await writer.send(text)
        writer.flush()
        await takeText(reader)
        for (const end of [writer, reader]) end.close()
        for (const name of isOver ? ['r', 's'] : []) ring.object.leave!('read', name)
        ring.object.destroy()
        return directory
      }
      const again = (directory: string) =>
        refusalOf(() => make({ ...file, readers: 'each' }, { directory, ...processes }))
      const damaged = await use(true)
      writeWord(path(damaged), measure(shape).dataStart + 32 + 4, 77)
      expect(again(damaged)).toMatch(/is damaged/)
      const strange = await use(false)
      const marks = cursorStart(shape, 0, 0) + 8
      for (const at of [marks, marks + 12]) writeWord(path(strange), at + 4, 7)
      expect(again(strange)).toMatch(/is damaged/)
    })

    test('a directory', () => {
      const directory = makeDirectory()
      expect(refusalOf(() => make({ ...file, path: '.' }, { directory }))).toMatch(/exists already and is a directory/)
      expect(refusalOf(() => make({ ...file, path: 'none/data.ring' }, { directory }))).toMatch(/there is no directory/)
      expect(existsSync(join(directory, 'data.ring'))).toBe(false)
    })
  })
})
