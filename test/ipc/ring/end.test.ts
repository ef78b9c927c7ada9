/** The ends of a ring in Node programs: sending, receiving, acknowledging, and what is refused. */
import { closeSync, openSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import type { Message } from '../../../src/ipc/messages.js'
import { cursor, cursorStart, header, lane, laneStart, tags } from '../../../src/ipc/ring/layout.js'
import { openRingEnd } from '../../../src/ipc/ring-end.js'
import { createPipe } from '../../../src/platform/index.js'
import { listOpenDescriptors } from '../../support/host.js'
import { makeRing, type TestRing } from './test-ring.js'

const closing: { close(): void }[] = []
afterEach(() => {
  for (const one of closing.splice(0).reverse()) one.close()
})

function ringOf(...given: Parameters<typeof makeRing>): TestRing {
  const ring = makeRing(...given)
  closing.push(ring)
  return ring
}

async function pairOf<Value = unknown>(...given: Parameters<typeof makeRing>) {
  const ring = ringOf(...given)
  const [writer, reader] = [await ring.writer<Value>(), await ring.reader<Value>()]
  closing.push(writer, reader)
  return { ring, writer, reader }
}

const text = (message: Message | null): string | undefined => message?.text

describe('messages', () => {
  test('come in order, whole, with sequences from 1, as text and as bytes', async () => {
    const { writer, reader } = await pairOf()
    const sent = [
      '',
      'one',
      'zwölf 🍰',
      Buffer.from([0, 255, 10]),
      new Uint8Array([9]),
      Buffer.alloc(writer.largestMessage, 5),
    ]
    for (const value of sent.slice(0, 5)) expect(await writer.send(value)).toBe(true)
    for (const [index, value] of sent.entries()) {
      if (index === 5) {
        reader.ack()
        expect(writer.trySend(value)).toBe(true)
        writer.flush()
      }
      const message = reader.tryReceive()!
      expect(message.sequence).toBe(index + 1)
      expect(message.writer).toBe(0)
      expect(message.isText).toBe(typeof value === 'string')
      expect(message.value).toEqual(typeof value === 'string' ? value : Buffer.from(value))
      expect(message.bytes.equals(Buffer.from(value as string))).toBe(true)
    }
    expect(reader.tryReceive()).toBeNull()
  })

  test('are copied out by `value`, and lie in the ring in `bytes`', async () => {
    const { ring, writer, reader } = await pairOf()
    await writer.send(Buffer.from('here'))
    const { value, bytes } = (await reader.receive())!
    bytes.write('HERE')
    expect(String(value)).toBe('here')
    expect(ring.get(ring.geometry.capacity === 4096 ? dataStart(ring) + 16 : 0)).toBe(
      Buffer.from('HERE').readUInt32LE(),
    )
  })

  test('go as JSON and as MessagePack, and come as values of their own', async () => {
    const values = [{ a: [1, 'zwei', null, true], b: { c: 1.5 } }, 'text', 12, null, []]
    for (const codec of ['json', 'msgpack'] as const) {
      const { writer, reader } = await pairOf({}, { codec })
      for (const value of values) {
        await writer.send(value)
        expect((await reader.receive())?.value).toEqual(value)
      }
    }
    const { writer, reader } = await pairOf({}, { codec: 'msgpack' })
    await writer.send({ bytes: Buffer.from('b'), large: 2n ** 60n, exact: 2 ** 40, when: new Date(5), none: undefined })
    const { value } = (await reader.receive())! as Message<{ bytes: Buffer; large: bigint }>
    expect(value).toEqual({ bytes: Buffer.from('b'), large: 2n ** 60n, exact: 2 ** 40, when: new Date(5), none: null })
  })

  test('are published at the end of the turn in which they were sent, and by flush at once', async () => {
    const { ring, writer, reader } = await pairOf()
    writer.trySend('one')
    expect(reader.tryReceive()).toBeNull()
    await null
    expect(text(reader.tryReceive())).toBe('one')
    writer.trySend('two')
    writer.flush()
    expect(text(reader.tryReceive())).toBe('two')
    expect(ring.get(laneStart(0) + lane.tail)).toBe(64)
  })

  test('a program that wrote and waits for the answer in the same turn has sent what it wrote', async () => {
    const there = await pairOf()
    const back = await pairOf()
    there.writer.trySend('ask')
    const answer = back.reader.receive()
    expect(text(there.reader.tryReceive())).toBe('ask')
    await back.writer.send('answer')
    expect(text(await answer)).toBe('answer')
  })

  test('16 at a time are published, however long the turn is', async () => {
    const { writer, reader } = await pairOf()
    for (let number = 1; number <= 20; number++) writer.trySend(String(number))
    let received = 0
    while (reader.tryReceive()) received++
    expect(received).toBe(16)
  })
})

describe('a reservation', () => {
  test('is filled where it lies, and sent in full or in part', async () => {
    const { writer, reader } = await pairOf()
    writer.tryReserve(5)!.write('hello')
    expect(reader.tryReceive()).toBeNull()
    writer.commit()
    const second = (await writer.reserve(100))!
    expect(second).toHaveLength(100)
    second.write('bye')
    writer.commit(3)
    writer.flush()
    expect([text(reader.tryReceive()), text(reader.tryReceive())]).toEqual(['hello', 'bye'])
  })

  test('keeps off other messages until it is committed, and is refused beyond what was reserved', async () => {
    const { writer } = await pairOf()
    const refused = (message: RegExp) =>
      expect.objectContaining({ code: 'IPCSUP_ERR_LINK_USE', message: expect.stringMatching(message) })
    const pending = refused(/^Link "\w+" cannot be sent to: a message is reserved in it\. Commit/)
    expect(() => writer.commit()).toThrow(refused(/^Link "\w+" cannot be committed to: nothing is reserved in it/))
    writer.tryReserve(5)
    expect(() => writer.trySend('x')).toThrow(pending)
    await expect(writer.send('x')).rejects.toThrow(pending)
    expect(() => writer.tryReserve(1)).toThrow(pending)
    expect(() => writer.commit(6)).toThrow(/5 were reserved/)
    writer.commit(0)
    expect(writer.trySend('x')).toBe(true)
  })

  test('waits for room, and is null where there is none now', async () => {
    const { writer, reader } = await pairOf()
    while (writer.trySend(Buffer.alloc(1000)));
    expect(writer.tryReserve(1000)).toBeNull()
    const reserved = writer.reserve(1000)
    expect(text(await reader.receive())).toHaveLength(1000)
    reader.ack()
    expect(await reserved).toHaveLength(1000)
  })
})

test('messages that wait behind a reservation go after it', async () => {
  const { ring, writer, reader } = await pairOf()
  while (writer.trySend(Buffer.alloc(1000)));
  const reserved = writer.reserve(5)
  const behind = [writer.send('second'), writer.send('third')]
  reader.tryReceive()
  reader.ack()
  const room = (await reserved)!
  await new Promise(resolve => setTimeout(resolve, 5))
  room.write('first')
  writer.commit()
  await Promise.all(behind)
  ring.finish('write')
  const words: string[] = []
  for await (const message of reader) words.push(message.text)
  expect(words.slice(-3)).toEqual(['first', 'second', 'third'])
})

describe('a full ring', () => {
  test('holds the sender back until its reader acknowledges, and keeps the order of those who wait', async () => {
    const { ring, writer, reader } = await pairOf()
    let sent = 0
    while (writer.trySend(Buffer.alloc(400, sent))) sent++
    const waiting = [sent, sent + 1, sent + 2].map(number => writer.send(Buffer.alloc(400, number)))
    expect(writer.trySend('x')).toBe(false)
    const numbers: number[] = []
    const done = Promise.all(waiting).then(() => ring.finish('write'))
    for await (const message of reader) numbers.push(message.bytes[0]!)
    await done
    expect(numbers).toEqual(Array.from({ length: sent + 3 }, (_, number) => number))
    expect(ring.get(laneStart(0) + lane.stalls)).toBeGreaterThan(0)
  })

  test('drops the new message with `drop-new`, says so, and counts', async () => {
    const { ring, writer, reader } = await pairOf({}, { full: 'drop-new' })
    while (writer.trySend(Buffer.alloc(1000)));
    expect(await writer.send(Buffer.alloc(1000))).toBe(false)
    expect(await writer.reserve(1000)).toBeNull()
    expect(ring.get(laneStart(0) + lane.dropped)).toBe(2)
    reader.tryReceive()
    reader.ack()
    expect(await writer.send(Buffer.alloc(1000))).toBe(true)
  })

  test('drops the oldest messages with `drop-old`, and its reader knows how many', async () => {
    const { ring, writer, reader } = await pairOf({ isLossy: true }, { full: 'drop-old' })
    for (let number = 1; number <= 1000; number++) expect(await writer.send(String(number))).toBe(true)
    ring.finish('write')
    const numbers: number[] = []
    for await (const message of reader) numbers.push(Number(message.text))
    expect(numbers.at(-1)).toBe(1000)
    expect(reader.missed).toBe(1000 - numbers.length)
    expect(reader.missed).toBeGreaterThan(700)
  })

  test('never holds a writer back with `each-lossy`, and a reader that is slow jumps to what is there', async () => {
    const ring = ringOf({ readers: 2, mode: 'each', isLossy: true })
    const writer = await ring.writer()
    const [slow, fast] = [await ring.reader(0), await ring.reader(1)]
    closing.push(writer, slow, fast)
    const seen: number[] = []
    for (let number = 1; number <= 500; number++) {
      expect(writer.trySend(String(number))).toBe(true)
      writer.flush()
      seen.push(Number(fast.tryReceive()!.text))
      fast.ack()
    }
    expect([seen.at(-1), seen.length, fast.missed]).toEqual([500, 500, 0])
    const first = slow.tryReceive()!
    expect(Number(first.text)).toBe(first.sequence)
    expect(slow.missed).toBe(first.sequence - 1)
    expect(slow.missed).toBeGreaterThan(300)
    const kept = first.bytes
    for (let number = 501; number <= 1000; number++) writer.trySend(String(number))
    // What a lossy ring gave out is nobody else's.
    expect(kept.toString()).toBe(first.text)
  })

  test('a wait for room ends with its signal, and nothing was sent', async () => {
    const { ring, writer, reader } = await pairOf()
    while (writer.trySend(Buffer.alloc(1000)));
    const stop = new AbortController()
    const [first, second] = [writer.send(Buffer.alloc(1000), { signal: stop.signal }), writer.send('second')]
    stop.abort(new Error('enough'))
    await expect(first).rejects.toThrow('enough')
    await expect(writer.send('x', { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
    reader.tryReceive()
    reader.ack()
    await second
    ring.finish('write')
    let last = ''
    for await (const message of reader) last = message.text
    expect(last).toBe('second')
  })
})

describe('receiving', () => {
  test('waits for the next message, in the order of the calls', async () => {
    const { writer, reader } = await pairOf()
    const waiting = [reader.receive(), reader.receive(), reader.receive()]
    for (const word of ['one', 'two', 'three']) await writer.send(word)
    expect((await Promise.all(waiting)).map(text)).toEqual(['one', 'two', 'three'])
  })

  test('is null when every writer is finished and nothing is left', async () => {
    const { ring, writer, reader } = await pairOf()
    await writer.send('last')
    ring.finish('write')
    expect(text(await reader.receive())).toBe('last')
    expect(await reader.receive()).toBeNull()
    expect(await reader.receive()).toBeNull()
  })

  test('an end that comes while somebody waits is seen at once', async () => {
    const { ring, reader } = await pairOf()
    const waiting = [reader.receive(), reader.receive()]
    setTimeout(() => ring.finish('write'), 5)
    expect(await Promise.all(waiting)).toEqual([null, null])
  })

  test('ends with its signal, and nothing is lost', async () => {
    const { writer, reader } = await pairOf()
    const stop = new AbortController()
    const [first, second] = [reader.receive({ signal: stop.signal }), reader.receive()]
    stop.abort(new Error('enough'))
    await expect(first).rejects.toThrow('enough')
    await writer.send('kept')
    expect(text(await second)).toBe('kept')
    await expect(reader.receive({ signal: stop.signal })).rejects.toThrow('enough')
    const again = reader.receive({ signal: AbortSignal.timeout(5) })
    await expect(again).rejects.toMatchObject({ name: 'TimeoutError' })
    await writer.send('next')
    expect(text(await reader.receive())).toBe('next')
  })

  test('a loop acknowledges each message after its body, and not the one that it was left with', async () => {
    const { ring, writer, reader } = await pairOf()
    for (const word of ['one', 'two', 'three']) await writer.send(word)
    const heads: number[] = []
    for await (const message of reader) {
      heads.push(headOf(ring))
      // A body that is quick has a few acknowledged together.
      await new Promise(resolve => setImmediate(resolve))
      if (message.text === 'three') break
    }
    expect(heads).toEqual([0, 32, 64])
    expect(headOf(ring)).toBe(64)
    reader.ack()
    expect(headOf(ring)).toBe(96)
  })

  test('a loop ends with its signal, and when its ring is closed', async () => {
    const { writer, reader } = await pairOf()
    await writer.send('one')
    const words: string[] = []
    const loop = async (signal?: AbortSignal): Promise<void> => {
      for await (const message of reader.messages({ signal })) words.push(message.text)
    }
    const stop = new AbortController()
    const [stopped, closed] = [loop(stop.signal), loop()]
    setTimeout(() => stop.abort(new Error('enough')), 5)
    await expect(stopped).rejects.toThrow('enough')
    reader.close()
    await closed
    expect(words).toEqual(['one'])
  })

  test('batches have what there is, and are acknowledged after the body, as far as they were taken', async () => {
    const { ring, writer, reader } = await pairOf()
    for (let number = 1; number <= 10; number++) writer.trySend(String(number))
    writer.flush()
    const words: string[] = []
    // On a busy machine there are more batches, so that the event loop has its turns.
    for await (const batch of reader.batches()) {
      expect(headOf(ring)).toBe(words.length * 32)
      for (const message of batch) {
        words.push(message.text)
        if (message.text === '4') break
      }
      if (words.length === 10) ring.finish('write')
    }
    expect(words).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10'])
    expect(headOf(ring)).toBe(320)
  })

  test('a batch has a quarter of the ring at most, so that the writer has room meanwhile', async () => {
    const { ring, writer, reader } = await pairOf()
    while (writer.trySend(Buffer.alloc(240)));
    writer.flush()
    const iterator = reader.batches()[Symbol.asyncIterator]()
    // On a busy machine they are smaller, so that the event loop has its turns.
    for (let takenBytes = 0; takenBytes < 4096; ) {
      const { value: batch } = await iterator.next()
      expect(headOf(ring)).toBe(takenBytes)
      const bytes = [...batch].length * 256
      expect(bytes).toBeLessThanOrEqual(1024 + 256)
      takenBytes += bytes
    }
  })

  test('by hand, one message acknowledges all before it, of every writer', async () => {
    const ring = ringOf({ writers: 2 })
    const writers = [await ring.writer(0), await ring.writer(1)]
    const reader = await ring.reader()
    closing.push(...writers, reader)
    const messages: Message[] = []
    for (const word of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await writers[messages.length % 2]!.send(word)
      messages.push((await reader.receive())!)
    }
    const heads = (): number[] => [0, 1].map(writer => ring.get(cursorStart(ring.geometry, writer, 0) + cursor.head))
    reader.ack(messages[2])
    expect(heads()).toEqual([64, 32])
    reader.ack(messages[0])
    expect(heads()).toEqual([64, 32])
    reader.ack(messages[3])
    expect(heads()).toEqual([64, 64])
    reader.ack()
    expect(heads()).toEqual([96, 96])
  })

  test('what was not acknowledged comes again to the next who opens the end, with the same sequence', async () => {
    const { ring, writer, reader } = await pairOf()
    for (const word of ['one', 'two', 'three']) await writer.send(word)
    const first = (await reader.receive())!
    await reader.receive()
    reader.ack(first)
    reader.close()
    const next = await ring.reader()
    closing.push(next)
    const again = (await next.receive())!
    expect([again.sequence, again.text]).toEqual([2, 'two'])
  })

  test('shared by several readers, each message goes to one of them', async () => {
    const ring = ringOf({ readers: 2, mode: 'share', capacity: 65536 })
    const writer = await ring.writer()
    const readers = [await ring.reader(0), await ring.reader(1)]
    closing.push(writer, ...readers)
    const seen: number[] = []
    const loops = readers.map(async reader => {
      for await (const message of reader) {
        seen.push(Number(message.text))
        await null
      }
    })
    for (let number = 0; number < 3000; number++) await writer.send(String(number))
    ring.finish('write')
    await Promise.all(loops)
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 3000 }, (_, number) => number))
  })

  test('shared, and a reader is stopped while it has the lock: the others wait, and their event loops go on', async () => {
    const ring = ringOf({ readers: 2, mode: 'share' })
    const [writer, reader] = [await ring.writer(), await ring.reader(0)]
    closing.push(writer, reader)
    ring.set(laneStart(0) + lane.lock, 2)
    await writer.send('x')
    const first = reader.receive()
    const second = reader[Symbol.asyncIterator]().next()
    let isThere = false
    void Promise.race([first, second]).then(() => {
      isThere = true
    })
    await new Promise(resolve => setTimeout(resolve, 20))
    expect([isThere, reader.tryReceive()]).toEqual([false, null])
    ring.set(laneStart(0) + lane.lock, 0)
    expect((await first)?.text).toBe('x')
    reader.close()
    expect(await second).toMatchObject({ done: true })
  })

  test('each of several readers gets every message, and the slowest holds the writer back', async () => {
    const ring = ringOf({ readers: 2, mode: 'each' })
    const writer = await ring.writer()
    const [fast, slow] = [await ring.reader(0), await ring.reader(1)]
    closing.push(writer, fast, slow)
    while (writer.trySend(Buffer.alloc(1000)));
    writer.flush()
    while (fast.tryReceive()) fast.ack()
    expect(writer.trySend(Buffer.alloc(1000))).toBe(false)
    slow.tryReceive()
    slow.ack()
    expect(writer.trySend(Buffer.alloc(1000))).toBe(true)
  })
})

describe('what is refused', () => {
  test('a message larger than half of the ring, with the size that would do', async () => {
    const { writer } = await pairOf()
    expect(writer.largestMessage).toBe(2032)
    expect(() => writer.trySend(Buffer.alloc(2033))).toThrow(
      expect.objectContaining({
        code: 'IPCSUP_ERR_MESSAGE_SIZE',
        message: expect.stringMatching(/2033 bytes.*2032.*size: 8192/),
      }),
    )
    await expect(writer.send('x'.repeat(9000))).rejects.toThrow(/9000 bytes.*size: 32768/)
    await expect(writer.reserve(2 ** 30)).rejects.toThrow(/in parts/)
    expect(() => writer.tryReserve(1.5)).toThrow(/whole number/)
    expect(() => writer.tryReserve(-1)).toThrow(/whole number/)
  })

  test('what the codec cannot say, with what can; nothing was sent', async () => {
    const cases = [
      ['bytes', [{ a: 1 }, 5, null, undefined, new Float64Array(1)], /only a string or a Uint8Array.*codec: 'json'/],
      ['json', [1n, () => 1, undefined, Symbol('s'), { a: 1n }], /codec "json"/],
      ['json', [Buffer.from('x')], /JSON has no bytes.*codec: 'bytes'/],
      ['msgpack', [() => 1, { nested: () => 1 }, 2n ** 70n], /codec "msgpack"/],
    ] as const
    for (const [codec, values, message] of cases) {
      const { writer, reader } = await pairOf({}, { codec })
      for (const value of values) {
        const refused = expect.objectContaining({ code: 'IPCSUP_ERR_CODEC', message: expect.stringMatching(message) })
        expect(() => writer.trySend(value)).toThrow(refused)
        await expect(writer.send(value)).rejects.toEqual(refused)
      }
      expect(reader.tryReceive()).toBeNull()
    }
  })

  test('a message that is not what the codec says, when its value is asked for; the next one is fine', async () => {
    const ring = ringOf({}, { codec: 'json' })
    const writer = await ring.writer()
    const reader = await ring.reader<unknown>()
    closing.push(writer, reader)
    writer.tryReserve(3)!.write('{"a')
    writer.commit()
    await writer.send(1)
    await writer.send(2)
    expect(() => reader.tryReceive()?.value).toThrow(expect.objectContaining({ code: 'IPCSUP_ERR_CODEC' }))
    ring.set(dataStart(ring) + 32 + 4, tags.text)
    const wrong = reader.tryReceive()!
    expect(() => wrong.value).toThrow(/marked it as text/)
    expect(wrong.text).toBe('1')
    expect(reader.tryReceive()?.value).toBe(2)
  })

  test('sending, once every reader is finished', async () => {
    const { ring, writer } = await pairOf()
    while (writer.trySend(Buffer.alloc(1000)));
    const waiting = writer.send(Buffer.alloc(1000))
    ring.finish('read')
    const refused = { code: 'IPCSUP_ERR_NO_READER' }
    await expect(waiting).rejects.toMatchObject(refused)
    await expect(writer.send('x')).rejects.toMatchObject(refused)
    expect(() => writer.trySend('x')).toThrow(expect.objectContaining(refused))
    await expect(writer.reserve(1)).rejects.toMatchObject(refused)
  })

  test('an end that another program of the process has open, until it is closed', async () => {
    const { ring, writer } = await pairOf()
    await expect(ring.writer()).rejects.toMatchObject({
      code: 'IPCSUP_ERR_RING_LAYOUT',
      message: expect.stringMatching(/another program/),
    })
    writer.close()
    closing.push(await ring.writer())
  })

  test('what is no ring, another version, or not as it was handed over', async () => {
    const { read, write } = createPipe()
    closeSync(write)
    const asEnd = (descriptor: number) => openRingEnd({ descriptor, side: 'read', hint: {} })
    const refused = (message: RegExp) => ({ code: 'IPCSUP_ERR_RING_LAYOUT', message: expect.stringMatching(message) })
    await expect(asEnd(read)).rejects.toMatchObject(refused(/not that of a ring/))
    await expect(asEnd(openSync('/dev/null', 'r'))).rejects.toMatchObject(refused(/not that of a ring/))
    const change = async (offset: number, value: number): Promise<unknown> => {
      const ring = ringOf()
      ring.set(offset, value)
      return ring.reader().catch((error: unknown) => error)
    }
    expect(await change(header.magic, 5)).toMatchObject(refused(/ring/))
    expect(await change(header.version, 2)).toMatchObject(refused(/version/))
    expect(await change(header.capacity, 8192)).toMatchObject({ code: 'IPCSUP_ERR_RING_LAYOUT' })
  })

  test('leaves nothing open of a ring that it refused, and nothing after a close, which may come twice', async () => {
    const ring = ringOf()
    const before = listOpenDescriptors()
    const reader = await ring.reader()
    await expect(ring.reader()).rejects.toThrow()
    reader.close()
    reader.close()
    ring.set(header.version, 2)
    await expect(ring.reader()).rejects.toThrow()
    expect(listOpenDescriptors()).toEqual(before)
  })
})

describe('a corrupt ring', () => {
  test('is given up by whoever finds it, for all, whether they wait or not', async () => {
    const { ring, writer, reader } = await pairOf()
    const refused = { code: 'IPCSUP_ERR_RING_CORRUPT' }
    const waiting = reader.receive()
    ring.set(laneStart(0) + lane.tail, 8000)
    ring.finish('write')
    await expect(waiting).rejects.toMatchObject(refused)
    expect(ring.get(header.poison)).not.toBe(0)
    expect(() => reader.tryReceive()).toThrow(expect.objectContaining(refused))
    await expect(reader.receive()).rejects.toMatchObject(refused)
    const loop = async (): Promise<void> => {
      for await (const _ of reader);
    }
    await expect(loop()).rejects.toMatchObject(refused)
    expect(() => writer.trySend('x')).toThrow(expect.objectContaining(refused))
    await expect(writer.send('x')).rejects.toMatchObject(refused)
  })

  test('is no matter of those who use another one', async () => {
    const [sick, sound] = [await pairOf(), await pairOf()]
    sick.writer.trySend('not published')
    sick.ring.set(header.poison, 1)
    sound.writer.trySend('x')
    expect(text(await sound.reader.receive())).toBe('x')
    const waiting = sound.reader.receive()
    sound.writer.trySend('y')
    expect(text(await waiting)).toBe('y')
    expect(() => sick.writer.flush()).toThrow(expect.objectContaining({ code: 'IPCSUP_ERR_RING_CORRUPT' }))
  })

  test('wakes a writer that waits for room', async () => {
    const { ring, writer, reader } = await pairOf()
    while (writer.trySend(Buffer.alloc(1000)));
    const waiting = writer.send(Buffer.alloc(1000))
    setTimeout(() => {
      ring.set(dataStart(ring) + 8, 77)
      expect(() => reader.tryReceive()).toThrow(expect.objectContaining({ code: 'IPCSUP_ERR_RING_CORRUPT' }))
    }, 5)
    await expect(waiting).rejects.toMatchObject({ code: 'IPCSUP_ERR_RING_CORRUPT' })
  })
})

describe('closing', () => {
  test('publishes what was sent, and wakes who waits', async () => {
    const { writer, reader } = await pairOf()
    const waiting = reader.receive()
    writer.trySend('last')
    writer.close()
    expect(text(await waiting)).toBe('last')
    const closed = [reader.receive(), reader.receive()]
    reader.close()
    for (const one of closed) await expect(one).rejects.toThrow(/closed/)
    await expect(reader.receive()).rejects.toThrow(/closed/)
    await expect(writer.send('x')).rejects.toThrow(/closed/)
    expect(() => writer.trySend('x')).toThrow(/closed/)
    expect(() => reader.tryReceive()).toThrow(/closed/)
  })

  test('rejects who waits for room, and tells that it was closed', async () => {
    const { writer } = await pairOf()
    while (writer.trySend(Buffer.alloc(1000)));
    const waiting = writer.send(Buffer.alloc(1000))
    const told = new Promise<void>(resolve => writer.once('close', resolve))
    writer.close()
    await expect(waiting).rejects.toThrow(/closed/)
    await told
  })
})

const headOf = (ring: TestRing): number => ring.get(cursorStart(ring.geometry, 0, 0) + cursor.head)

/** Where the first lane's records begin. */
const dataStart = (ring: TestRing): number => ring.get(header.dataStart)
