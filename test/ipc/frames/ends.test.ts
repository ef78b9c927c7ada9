/** What a program has of a link with `frame`, over real pipes and sockets, both ends in this process. */
import { closeSync, mkdtempSync, readSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { buildPlan } from '../../../src/config/build-plan.js'
import type { FrameConnection, FrameReader, FrameServer, FrameWriter } from '../../../src/ipc/frames/ends.js'
import { header } from '../../../src/ipc/frames/layout.js'
import type { Kind, LinkObject } from '../../../src/ipc/kind.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { countQueuedBytes } from '../../../src/platform/index.js'
import { until } from '../../support/conditions.js'
import { makeWhere } from '../support.js'
import { encode } from './frames.js'

let directory: string
const clean: (() => void)[] = []

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'ipcsup-frames-')))
})

afterEach(() => {
  for (const act of clean.splice(0)) act()
  rmSync(directory, { recursive: true, force: true })
})

interface Made {
  readonly object: LinkObject
  open<End>(side: string): Promise<End>
  /** A descriptor of that side, as a program of another language has it. */
  take(side: string): number
}

function make(link: { readonly kind: keyof typeof kinds; readonly [option: string]: unknown }): Made {
  const given = { frame: 'checked', ...link }
  const { plan } = buildPlan({ links: { data: given } }, { kinds, directory, configPath: null, isEmbedded: true })
  const { options, sides } = plan.links['data']!
  const kind: Kind = kinds[link.kind]
  const object = kind.create(options, makeWhere(directory))
  clean.push(() => object.destroy())
  return {
    object,
    take: side => object.take(side),
    open: async <End>(side: string) => {
      const descriptor = sides[side]!.descriptor ? object.take(side) : -1
      const end = (await kind.open({ link: 'data', descriptor, side, hint: object.hint() }, options)) as End
      clean.push(() => (end as FrameReader).close())
      return end
    },
  }
}

async function openPipe(more: object = {}): Promise<{ made: Made; reader: FrameReader; writer: FrameWriter }> {
  const made = make({ kind: 'pipe', ...more })
  const [reader, writer] = [await made.open<FrameReader>('read'), await made.open<FrameWriter>('write')]
  return { made, reader, writer }
}

/** The two ends of one conversation, and what the supervisor does once the first is closed for good. */
type Conversation = readonly [one: FrameConnection, other: FrameConnection, release: () => void]

const conversations: Readonly<Record<string, () => Promise<Conversation>>> = {
  socketpair: async () => {
    const made = make({ kind: 'socketpair' })
    return [await made.open('a'), await made.open('b'), () => void made.object.release('a', 'over')]
  },
  unix: async () => connect(make({ kind: 'unix' })),
  tcp: async () => connect(make({ kind: 'tcp' })),
}

async function connect(made: Made): Promise<Conversation> {
  const server = await made.open<FrameServer>('listen')
  const client = await made.open<FrameConnection>('connect')
  const accepted = await server.accept()
  clean.push(() => accepted.close())
  return [client, accepted, () => {}]
}

describe('messages', () => {
  test('come as they were sent: text as text, bytes as bytes, empty ones too', async () => {
    const { reader, writer } = await openPipe()
    const sent = ['text', Buffer.from([0, 255, 0xf5, 0x49, 0x50, 0xd1, 7]), '', new Uint8Array(0), 'grüße 🙂']
    for (const value of sent) await writer.send(value)
    for (const [index, value] of sent.entries()) {
      const message = (await reader.receive())!
      expect([message.sequence, message.writer, message.isText]).toEqual([index + 1, 0, typeof value === 'string'])
      expect(message.value).toEqual(typeof value === 'string' ? value : Buffer.from(value))
      expect(message.bytes).toEqual(Buffer.from(value))
      expect(message.text).toBe(message.bytes.toString())
    }
  })

  test.each(['json', 'msgpack'] as const)('are values with codec %s', async codec => {
    const { reader, writer } = await openPipe({ codec })
    const value = { list: [1, 'two', null, { three: 3.5 }], yes: true }
    await writer.send(value)
    expect((await reader.receive())!.value).toEqual(value)
    await expect(writer.send(Symbol('none'))).rejects.toMatchObject({ code: 'IPCSUP_ERR_CODEC' })
  })

  test('of one turn are written at once', async () => {
    const { made, writer } = await openPipe()
    for (let count = 0; count < 100; count++) expect(writer.trySend('x'.repeat(68))).toBe(true)
    expect(made.object.facts().queuedBytes).toBe(0)
    await Promise.resolve()
    await new Promise(setImmediate)
    expect(made.object.facts().queuedBytes).toBe(100 * (68 + header.bytes))
  })

  test('that were awaited are with the kernel, and flush() needs no turn', async () => {
    const { made, writer } = await openPipe()
    await writer.send('12345678')
    expect(made.object.facts().queuedBytes).toBe(40)
    writer.trySend('12345678')
    writer.flush()
    expect(made.object.facts().queuedBytes).toBe(80)
  })

  test('come in batches, and one by one without waiting', async () => {
    const { made, reader, writer } = await openPipe()
    for (let number = 0; number < 1_000; number++) writer.trySend(String(number))
    writer.close()
    const texts: string[] = []
    await until('the first is there', () => {
      const message = reader.tryReceive()
      if (message) texts.push(message.text)
      return message !== null
    })
    made.object.release('write', 'over')
    for await (const batch of reader.batches()) for (const message of batch) texts.push(message.text)
    expect(texts).toEqual(Array.from({ length: 1_000 }, (_, number) => String(number)))
  })

  test('may be acknowledged, which changes nothing', async () => {
    const { reader, writer } = await openPipe()
    await writer.send('one')
    const message = (await reader.receive())!
    reader.ack(message)
    reader.ack()
    expect(message.text).toBe('one')
  })
})

describe('the end', () => {
  test('is null, once everything came, again and again', async () => {
    const { made, reader, writer } = await openPipe()
    await writer.send('last')
    writer.close()
    made.object.release('write', 'over')
    expect((await reader.receive())!.text).toBe('last')
    expect(await reader.receive()).toBeNull()
    expect(await reader.receive()).toBeNull()
    expect([reader.torn, reader.missed, reader.skippedBytes]).toEqual([0, 0, 0])
  })

  test('comes after what a writer had sent when it was closed', async () => {
    const { made, reader, writer } = await openPipe()
    const large = 'x'.repeat(900_000)
    writer.trySend(large)
    writer.close()
    made.object.release('write', 'over')
    const texts: number[] = []
    for await (const message of reader) texts.push(message.text.length)
    expect(texts).toEqual([900_000])
  })

  test('of the other side is an error for who sends', async () => {
    const { made, reader, writer } = await openPipe()
    reader.close()
    made.object.release('read', 'over')
    await expect(writer.send('x')).rejects.toMatchObject({ code: 'IPCSUP_ERR_NO_READER' })
    expect(() => writer.trySend('x')).toThrow(/every reader of this pipe is finished/)
  })

  test('by close() of its own wakes who waits, and nothing can be done afterwards', async () => {
    const { reader, writer } = await openPipe({ capacity: '4KiB' })
    const closed = vi.fn()
    reader.once('close', closed)
    const waiting = reader.receive()
    await new Promise(setImmediate)
    reader.close()
    reader.close()
    await expect(waiting).rejects.toThrow(/closed by this program/)
    await expect(reader.receive()).rejects.toThrow(/closed by this program/)
    expect(closed).toHaveBeenCalledOnce()
    writer.close()
    await expect(writer.send('x')).rejects.toThrow(/closed by this program/)
    expect(() => writer.trySend('x')).toThrow(/closed by this program/)
  })
})

describe('back-pressure', () => {
  test('makes send() wait and trySend() say no, and memory stays bounded', async () => {
    const { reader, writer } = await openPipe()
    const message = Buffer.alloc(1_000)
    let accepted = 0
    while (writer.trySend(message)) accepted++
    await delay(20)
    while (writer.trySend(message)) accepted++
    expect(accepted).toBeLessThan(500)
    const sending = writer.send('last')
    let isSent = false
    void sending.then(() => {
      isSent = true
    })
    await delay(20)
    expect(isSent).toBe(false)
    for (let count = 0; count < accepted; count++) expect((await reader.receive())!.bytes).toEqual(message)
    expect((await reader.receive())!.text).toBe('last')
    expect(await sending).toBe(true)
  })

  test('lets those who wait in, in their order', async () => {
    const { reader, writer } = await openPipe({ capacity: '4KiB' })
    const size = 300
    const sending = Promise.all(Array.from({ length: 2_000 }, (_, number) => writer.send(String(number).padEnd(size))))
    for (let number = 0; number < 2_000; number++) expect((await reader.receive())!.text.trimEnd()).toBe(String(number))
    expect((await sending).every(isSent => isSent)).toBe(true)
  })

  test('ends for one that is given up, whose message is never sent', async () => {
    const { reader, writer } = await openPipe()
    const most = 'x'.repeat(500_000)
    void writer.send(most)
    await new Promise(setImmediate)
    const giveUp = new AbortController()
    const given = writer.send('given up', { signal: giveUp.signal })
    const after = writer.send('after')
    giveUp.abort(new Error('no more patience'))
    await expect(given).rejects.toThrow('no more patience')
    expect((await reader.receive())!.text).toBe(most)
    expect((await reader.receive())!.text).toBe('after')
    await after
  })

  test('one that was given up before is not sent, nor received', async () => {
    const { reader, writer } = await openPipe()
    const signal = AbortSignal.abort(new Error('never'))
    await expect(writer.send('x', { signal })).rejects.toThrow('never')
    await expect(reader.receive({ signal })).rejects.toThrow('never')
    const giveUp = new AbortController()
    const waiting = reader.receive({ signal: giveUp.signal })
    await new Promise(setImmediate)
    giveUp.abort(new Error('later'))
    await expect(waiting).rejects.toThrow('later')
    await writer.send('y')
    expect((await reader.receive())!.text).toBe('y')
  })
})

describe('sizes', () => {
  test('up to the largest go, and one more byte is an error that says what to do', async () => {
    const { reader, writer } = await openPipe({ maxFrame: '10KiB' })
    expect([writer.largestMessage, writer.largestFrame]).toEqual([10_240 - header.bytes, 10_240])
    await writer.send(Buffer.alloc(writer.largestMessage))
    expect((await reader.receive())!.bytes).toHaveLength(10_240 - header.bytes)
    await expect(writer.send(Buffer.alloc(writer.largestMessage + 1))).rejects.toMatchObject({
      code: 'IPCSUP_ERR_MESSAGE_SIZE',
      message: expect.stringMatching(/10209 bytes .* 10208\. Raise `maxFrame`/),
    })
    expect(() => writer.trySend('ü'.repeat(5_105))).toThrow(/10210 bytes/)
    await writer.send('still')
    const message = (await reader.receive())!
    expect([message.text, message.sequence]).toEqual(['still', 2])
  })

  test('above what many writers can send advise a ring or seqpacket', async () => {
    const { writer } = await openPipe({ maxFrame: 4096 })
    expect(() => writer.trySend(Buffer.alloc(4096 - header.bytes + 1))).toThrow(/`ring`.*`seqpacket`/)
  })

  test('above what a reader takes are counted as torn, and the rest goes on', async () => {
    const made = make({ kind: 'fifo', maxFrame: 4096 })
    const reader = await made.open<FrameReader>('read')
    const { writeSync } = await import('node:fs')
    const descriptor = made.take('write')
    for (const frame of encode([Buffer.alloc(5_000), 'small'])) writeSync(descriptor, frame)
    closeSync(descriptor)
    expect((await reader.receive())!.text).toBe('small')
    expect([reader.torn, reader.missed, reader.skippedBytes]).toEqual([1, 1, 5_000 + header.bytes])
  })
})

describe('what was torn', () => {
  test('is told once in the log of the process, with the name of the link', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const made = make({ kind: 'pipe' })
    const reader = await made.open<FrameReader>('read')
    const { writeSync } = await import('node:fs')
    const descriptor = made.take('write')
    const [frame] = encode(['whole'])
    const half = frame!.subarray(0, 34)
    for (const bytes of [half, half, half, half, half, frame!]) writeSync(descriptor, bytes)
    closeSync(descriptor)
    expect((await reader.receive())!.text).toBe('whole')
    expect(reader.torn).toBe(5)
    expect(warned.mock.calls.map(([text]) => String(text).split(':')[0])).toEqual(['5 frames were torn on link "data"'])
    warned.mockRestore()
  })
})

describe('who does not receive', () => {
  test('takes nothing out of the kernel', async () => {
    const { made, reader, writer } = await openPipe()
    await writer.send('12345678')
    await delay(20)
    expect(made.object.facts().queuedBytes).toBe(40)
    expect((await reader.receive())!.text).toBe('12345678')
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    await writer.send('12345678')
    await delay(20)
    expect(made.object.facts().queuedBytes).toBe(40)
  })

  test('leaves connections that it does not accept to the next server', async () => {
    const made = make({ kind: 'unix' })
    const server = await made.open<FrameServer>('listen')
    const clients = [await made.open<FrameConnection>('connect'), await made.open<FrameConnection>('connect')]
    await clients[0]!.send('first')
    await clients[1]!.send('second')
    const first = await server.accept()
    expect((await first.receive())!.text).toBe('first')
    server.close()
    await expect(server.accept()).rejects.toThrow(/closed/)
    const next = await made.open<FrameServer>('listen')
    const second = await next.accept()
    expect((await second.receive())!.text).toBe('second')
    first.close()
    second.close()
  })
})

describe.each(Object.keys(conversations))('a conversation over %s', kind => {
  test('goes both ways at the same time', async () => {
    const [one, other] = await conversations[kind]!()
    const count = 3_000
    const send = async (end: FrameConnection): Promise<void> => {
      for (let number = 0; number < count; number++) await end.send(String(number))
      end.end()
    }
    const take = async (end: FrameConnection): Promise<number> => {
      let next = 0
      for await (const { text } of end) if (Number(text) === next) next++
      return next
    }
    const [, , came, went] = await Promise.all([send(one), send(other), take(one), take(other)])
    expect([came, went]).toEqual([count, count])
    expect(() => one.trySend('more')).toThrow(/closed by this program/)
  })

  test('is over for the one when the other has closed', async () => {
    const [one, other, release] = await conversations[kind]!()
    await one.send('good bye')
    expect((await other.receive())!.text).toBe('good bye')
    one.close()
    release()
    expect(await other.receive()).toBeNull()
  })
})

test('a reader of bytes finds frames as the page has them', async () => {
  const { made, writer } = await openPipe()
  await writer.send('hello')
  const descriptor = made.take('read')
  const bytes = Buffer.alloc(100)
  expect(countQueuedBytes(descriptor)).toBe(37)
  expect(readSync(descriptor, bytes)).toBe(37)
  expect(bytes.subarray(0, 10).toString('hex')).toBe('f54950d1050000000201')
  expect(bytes.toString('latin1', 32, 37)).toBe('hello')
  closeSync(descriptor)
})
