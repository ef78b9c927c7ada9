import { describe, expect, test } from 'vitest'
import {
  explainDisagreement,
  initializeControl,
  openReader,
  RingMemory,
  RingWriter,
} from '../../../src/ipc/ring/index.js'
import {
  cursor,
  cursorStart,
  header,
  lane,
  laneStart,
  measure,
  poisons,
  record,
  tags,
} from '../../../src/ipc/ring/layout.js'
import {
  firstStart,
  makePayload,
  makeRing,
  openRing,
  receive,
  receiveAll,
  reserve,
  send,
  setHeader,
  setSlot,
  shape,
  watchWords,
} from './support.js'

const word = (memory: ArrayBuffer, offset: number): number => Buffer.from(memory).readUInt32LE(offset)

// The last of a 64-bit sequence whose low half is full, and of a position of 32 bits.
const starts = {
  'a new ring': firstStart,
  'one whose numbers pass 2^32': { position: 2 ** 32 - 8192, sequence: 2 ** 32 - 20 },
}

for (const [title, start] of Object.entries(starts)) {
  describe(`in ${title}`, () => {
    for (const mode of ['one', 'each', 'share'] as const) {
      test(`${mode}: gives every message as it was sent, in order, over many wraps`, () => {
        const { writers, readers } = openRing(shape({ mode }), start)
        for (let count = 0; count < 300; count++) {
          const sequence = start.sequence + count
          const payload = makePayload(0, sequence, 4096)
          expect(send(writers[0]!, payload)).toBe(true)
          const message = receive(readers[0]!)!
          expect([message.writer, message.sequence, message.bytes.equals(payload)]).toEqual([0, sequence, true])
          readers[0]!.ackAll()
        }
      })
    }

    test('counts what a lossy reader misses', () => {
      const { writers, readers } = openRing(shape({ mode: 'each', isLossy: true }), start)
      let got = 0
      for (let count = 0; count < 1000; count++) {
        const sequence = start.sequence + count
        expect(send(writers[0]!, makePayload(0, sequence, 4096))).toBe(true)
        if (count % 37 !== 0) continue
        for (let message = receive(readers[0]!); message; message = receive(readers[0]!), got++)
          expect(message.bytes.equals(makePayload(0, message.sequence, 4096))).toBe(true)
        expect(readers[0]!.missed).toBe(count + 1 - got)
      }
      expect(got).toBeGreaterThan(50)
      expect(got).toBeLessThan(500)
    })

    test('goes on with the sequence and with what is not acknowledged after both have died', () => {
      const geometry = shape()
      const { ring, writers, readers } = openRing(geometry, start)
      for (let count = 0; count < 30; count++) {
        send(writers[0]!, `${count}`)
        receive(readers[0]!)
        if (count === 20) readers[0]!.ackAll()
      }
      const writer = new RingWriter(ring, 0)
      expect(writer.sequence).toBe(start.sequence + 30)
      send(writer, 'last')
      const reader = openReader(ring, 0)
      expect(receive(reader)).toMatchObject({ sequence: start.sequence + 21, bytes: Buffer.from('21') })
      expect(receiveAll(reader)).toEqual(['22', '23', '24', '25', '26', '27', '28', '29', 'last'])
    })
  })
}

describe('a record', () => {
  test('may be empty, or half the ring less its header, and not be seen before it is published', () => {
    const { writers, readers } = openRing(shape())
    const [writer, reader] = [writers[0]!, readers[0]!]
    for (const length of [0, 4096 / 2 - 16, 4096 / 2 - 16 - 16]) {
      writer.bytes.fill(length, writer.reserve(length), writer.reserve(length) + length)
      writer.commit(length, tags.text)
    }
    expect(reader.next()).toBe(false)
    expect(writer.unpublished).toBe(3)
    writer.publish()
    expect(writer.unpublished).toBe(0)
    expect([receive(reader)?.bytes.length, reader.tag]).toEqual([0, tags.text])
    expect([receive(reader)?.bytes.length, receive(reader)?.bytes.length]).toEqual([2032, 2016])
    expect(receive(reader)).toBe(null)
  })

  test('may be shorter than what was reserved', () => {
    const { writers, readers } = openRing(shape())
    writers[0]!.bytes.write('short', writers[0]!.reserve(2000))
    writers[0]!.commit(5, tags.bytes)
    send(writers[0]!, 'next')
    expect(receiveAll(readers[0]!)).toEqual(['short', 'next'])
  })

  test('that was reserved and not committed has left nothing', () => {
    const { memory, writers, readers } = openRing(shape())
    send(writers[0]!, 'x'.repeat(2000))
    send(writers[0]!, 'x'.repeat(1000))
    receiveAll(readers[0]!)
    readers[0]!.ackAll()
    const before = Buffer.from(Buffer.from(memory))
    expect(writers[0]!.reserve(1000)).toBe(3040 + 16)
    expect(writers[0]!.reserve(2000)).toBe(16)
    expect(Buffer.from(memory).equals(before)).toBe(true)
  })

  test('that does not fit before the end begins at the start, behind a padding with its own sequence', () => {
    const { memory, writers, readers } = openRing(shape())
    const { dataStart } = measure(shape())
    send(writers[0]!, 'a'.repeat(1584))
    receiveAll(readers[0]!)
    send(writers[0]!, 'b'.repeat(1584))
    receiveAll(readers[0]!)
    readers[0]!.ackAll()
    send(writers[0]!, 'c'.repeat(1584))
    expect([0, 4, 8, 12].map(at => word(memory, dataStart + 3200 + at))).toEqual([896 - 16, tags.padding, 3, 0])
    expect(receive(readers[0]!)).toMatchObject({ sequence: 3, bytes: Buffer.from('c'.repeat(1584)) })
    expect(readers[0]!.offset).toBe(16)
  })

  test('finds no room in a full ring until enough is acknowledged', () => {
    const { writers, readers } = openRing(shape())
    for (let count = 0; count < 4096 / 64; count++) expect(send(writers[0]!, 'x'.repeat(48))).toBe(true)
    expect(send(writers[0]!, '')).toBe(false)
    expect(writers[0]!.hasRoom(0)).toBe(false)
    const first = receive(readers[0]!)!
    receive(readers[0]!)
    expect(writers[0]!.hasRoom(0)).toBe(false)
    readers[0]!.ack(0, first.position, first.sequence)
    expect(writers[0]!.hasRoom(49)).toBe(false)
    expect(writers[0]!.hasRoom(48)).toBe(true)
    // Again, and one that was not received.
    readers[0]!.ack(0, first.position, first.sequence)
    readers[0]!.ack(0, first.position + 128, first.sequence + 2)
    expect(writers[0]!.hasRoom(49)).toBe(false)
  })
})

describe('several', () => {
  test('writers have lanes of their own, and a reader gets the messages of each in order', () => {
    const { writers, readers } = openRing(shape({ writers: 3, mode: 'each', readers: 2 }))
    for (let count = 0; count < 5; count++)
      for (const [index, writer] of writers.entries()) send(writer, `${index}.${count}`)
    for (const reader of readers) {
      const all = receiveAll(reader)
      for (const index of [0, 1, 2])
        expect(all.filter(text => text.startsWith(`${index}`))).toEqual(
          [0, 1, 2, 3, 4].map(count => `${index}.${count}`),
        )
    }
  })

  test('writers take turns: what one goes on sending does not keep the others from being read', () => {
    const { writers, readers } = openRing(shape({ writers: 2 }))
    send(writers[0]!, 'a1')
    send(writers[1]!, 'b1')
    const first = receive(readers[0]!)!.bytes.toString()
    send(first === 'a1' ? writers[0]! : writers[1]!, 'more')
    expect(receive(readers[0]!)!.bytes.toString()).toBe(first === 'a1' ? 'b1' : 'a1')
  })

  test('readers: the slowest holds the writer back, unless it is finished', () => {
    const { memory, writers, readers } = openRing(shape({ mode: 'each', readers: 2 }))
    while (send(writers[0]!, 'x'.repeat(100))) receive(readers[0]!)
    readers[0]!.ackAll()
    expect(writers[0]!.hasRoom(100)).toBe(false)
    setSlot(memory, 1, 'finished', 1)
    expect(writers[0]!.hasRoom(100)).toBe(true)
    setSlot(memory, 0, 'finished', 1)
    expect(writers[0]!.hasRoom(2000)).toBe(true)
  })
})

describe('a lossy ring', () => {
  test('never holds its writer back, publishes first what it would overwrite, and keeps the newest', () => {
    const { writers, readers } = openRing(shape({ isLossy: true }))
    for (let count = 0; count < 100; count++) {
      const offset = reserve(writers[0]!, 1000)
      writers[0]!.bytes.fill(count, offset, offset + 1000)
      writers[0]!.commit(1000, tags.bytes)
    }
    writers[0]!.publish()
    for (const expected of [96, 97, 98, 99]) expect(receive(readers[0]!)!.bytes[0]).toBe(expected)
    expect([readers[0]!.missed, receive(readers[0]!)]).toEqual([96, null])
  })

  test('gives copies, which stay as they are', () => {
    const { writers, readers } = openRing(shape({ isLossy: true }))
    send(writers[0]!, 'first')
    const { bytes } = receive(readers[0]!)!
    for (let count = 0; count < 1000; count++) send(writers[0]!, 'later')
    expect(bytes.toString()).toBe('first')
  })

  test('counts as missed only what its cursor passed, each once, over restarts of the reader', () => {
    const { ring, writers } = openRing(shape({ isLossy: true }))
    for (let count = 1; count <= 100; count++) send(writers[0]!, `${count}`.padEnd(1000))
    const first = openReader(ring, 0)
    receive(first)
    expect(first.missed).toBe(96)
    const second = openReader(ring, 0)
    expect(second.missed).toBe(0)
    const message = receive(second)!
    for (let count = 101; count <= 200; count++) send(writers[0]!, `${count}`.padEnd(1000))
    receive(second)
    expect(second.missed).toBe(96 + 99)
    second.ack(0, message.position, message.sequence)
    const third = openReader(ring, 0)
    expect(third.missed).toBe(96)
    receive(third)
    third.ackAll()
    expect(openReader(ring, 0).missed).toBe(96 + 99)
  })

  test('shows a reader that was 4 GiB behind no message for another', () => {
    const geometry = shape({ isLossy: true })
    const { memory, ring, writers } = openRing(geometry)
    for (let count = 1; count <= 100; count++) send(writers[0]!, `${count}`.padEnd(count % 2 ? 500 : 0))
    const bytes = Buffer.from(memory)
    // Its position seems to be one of the present.
    const tail = bytes.readUInt32LE(laneStart(0) + lane.tail)
    const oldest = bytes.readUInt32LE(laneStart(0) + lane.oldest)
    for (let position = oldest; position <= tail; position += 16) {
      const at = cursorStart(geometry, 0, 0)
      for (const offset of [cursor.head, cursor.marks]) bytes.writeUInt32LE(position, at + offset)
      const reader = openReader(ring, 0)
      const all = receiveAll(reader)
      if (position === tail) expect(all).toEqual([])
      else expect(all.at(-1)).toBe('100')
      expect(all.length + reader.missed).toBe(position === tail ? 0 : 100)
    }
  })
})

test('a lossy reader that is stopped in the middle of a message while 4 GiB go by takes the old one or the new one', () => {
  const geometry = shape({ isLossy: true })
  const { dataStart } = measure(geometry)
  for (const newSequence of [1000, 2 ** 32 + 1]) {
    let looks = 1
    for (let place = 0; place < looks; place++) {
      const { memory, writers } = openRing(geometry)
      send(writers[0]!, 'old')
      const bytes = Buffer.from(memory)
      looks = 0
      const look = (): void => {
        if (looks++ !== place) return
        // Positions are the same again.
        bytes.writeBigUInt64LE(BigInt(newSequence), dataStart + record.sequenceLow)
        bytes.write('new', dataStart + record.bytes)
      }
      const ring = new RingMemory(
        memory,
        geometry,
        'orders',
        watchWords(() => {}, look),
      )
      const message = receive(openReader(ring, 0))!
      expect([message.sequence, message.bytes.toString()]).toEqual(
        message.sequence === 1 ? [1, 'old'] : [newSequence, 'new'],
      )
    }
    expect(looks).toBeGreaterThan(10)
  }
})

describe('share', () => {
  const geometry = shape({ mode: 'share', readers: 3 })

  test('gives each message to one reader, a few at a time', () => {
    const { writers, readers } = openRing(geometry)
    for (let count = 0; count < 9; count++) send(writers[0]!, `${count}`)
    const shares = readers.map(reader => receiveAll(reader))
    expect(shares).toEqual([
      ['0', '1', '2'],
      ['3', '4'],
      ['5', '6'],
    ])
  })

  test('gives the next ones only when the last ones are acknowledged, and says so', () => {
    const { writers, readers } = openRing({ ...geometry, readers: 1 })
    for (let count = 0; count < 30; count++) send(writers[0]!, `${count}`)
    expect(receiveAll(readers[0]!)).toHaveLength(16)
    expect([readers[0]!.needsAck, readers[0]!.hasNext(), readers[0]!.isAckDue()]).toEqual([true, false, true])
    readers[0]!.ackAll()
    expect(readers[0]!.hasNext()).toBe(true)
    expect(receiveAll(readers[0]!)).toHaveLength(14)
    expect(readers[0]!.needsAck).toBe(false)
  })

  test('makes room up to the first message that anybody has not acknowledged', () => {
    const { memory, writers, readers } = openRing(geometry)
    for (let count = 0; count < 3; count++) send(writers[0]!, 'x')
    const [first, second] = readers.map(receive)
    readers[1]!.ack(0, second!.position, second!.sequence)
    expect(word(memory, laneStart(0) + lane.head)).toBe(0)
    readers[0]!.ack(0, first!.position, first!.sequence)
    expect(word(memory, laneStart(0) + lane.head)).toBe(64)
  })

  test('gives what a dead reader had not acknowledged to another, once', () => {
    const { memory, ring, writers, readers } = openRing(geometry)
    for (let count = 0; count < 9; count++) send(writers[0]!, `${count}`)
    const [zero, one] = [receive(readers[0]!)!, receive(readers[0]!)!]
    expect([zero, one].map(({ bytes }) => bytes.toString())).toEqual(['0', '1'])
    readers[0]!.ack(0, zero.position, zero.sequence)
    expect(receive(readers[1]!)!.bytes.toString()).not.toBe('1')
    setSlot(memory, 0, 'alive', 0)
    expect(receiveAll(readers[2]!)).toEqual(['1', '2'])
    setSlot(memory, 0, 'alive', 1)
    const next = openReader(ring, 0)
    expect(receiveAll(next)).not.toContain('1')
  })

  test('gives it to the next incarnation when that comes first', () => {
    const { ring, writers, readers } = openRing(geometry)
    for (let count = 0; count < 9; count++) send(writers[0]!, `${count}`)
    expect(receiveAll(readers[0]!)).toEqual(['0', '1', '2'])
    expect(receiveAll(openReader(ring, 0))).toEqual(['0', '1', '2'])
  })

  test('leaves a lane whose lock is taken for later', () => {
    const { memory, writers, readers } = openRing(geometry)
    send(writers[0]!, 'x')
    Buffer.from(memory).writeUInt32LE(3, laneStart(0) + lane.lock)
    expect([readers[0]!.next(), readers[0]!.isHeldUp, readers[0]!.hasNext()]).toEqual([false, true, true])
    Buffer.from(memory).writeUInt32LE(0, laneStart(0) + lane.lock)
    expect(readers[0]!.next()).toBe(true)
    expect(readers[0]!.isHeldUp).toBe(false)
    Buffer.from(memory).writeUInt32LE(3, laneStart(0) + lane.lock)
    readers[0]!.ackAll()
    expect([readers[0]!.isHeldUp, word(memory, laneStart(0) + lane.head)]).toEqual([true, 0])
    Buffer.from(memory).writeUInt32LE(0, laneStart(0) + lane.lock)
    readers[0]!.settle()
    expect(word(memory, laneStart(0) + lane.head)).toBe(32)
  })
})

describe('waiting', () => {
  test('a sleeping reader is to be rung once, one that looks again makes every record due, others are left alone', () => {
    const { writers, readers } = openRing(shape({ mode: 'each', readers: 3 }))
    const writer = writers[0]!
    const commit = (): void => {
      writer.reserve(0)
      writer.commit(0, tags.bytes)
    }
    for (let count = 0; count < 15; count++) commit()
    expect(writer.isDue()).toBe(false)
    commit()
    expect(writer.isDue()).toBe(true)
    expect(writer.publish()).toBe(0)
    for (const reader of readers) while (reader.next());
    readers[1]!.watch()
    expect(writer.isDue()).toBe(false)
    commit()
    expect([writer.isDue(), writer.publish()]).toEqual([true, 0])
    while (readers[1]!.next());
    readers[1]!.wake()
    while (readers[2]!.next());
    expect([readers[2]!.sleep(), readers[0]!.sleep()]).toEqual([true, false])
    readers[0]!.wake()
    commit()
    expect([writer.publish(), writer.publish()]).toEqual([0b100, 0])
    commit()
    expect(writer.publish()).toBe(0)
  })

  test('records of 4 KiB are due, however few they are', () => {
    const writer = openRing(shape({ capacity: 65_536 })).writers[0]!
    for (const length of [2032, 2032]) {
      expect(writer.isDue()).toBe(false)
      writer.reserve(length)
      writer.commit(length, tags.bytes)
    }
    expect(writer.isDue()).toBe(true)
    writer.publish()
    expect(writer.isDue()).toBe(false)
  })

  test('a sleeping writer is to be rung by who makes room', () => {
    for (const mode of ['one', 'share'] as const) {
      const { writers, readers } = openRing(shape({ writers: 2, mode }))
      expect(writers[1]!.sleep(0)).toBe(false)
      writers[1]!.wake()
      while (send(writers[1]!, 'x'.repeat(100)));
      expect(writers[1]!.sleep(100)).toBe(true)
      readers[0]!.next()
      expect(readers[0]!.isAckDue()).toBe(mode === 'one')
      expect([readers[0]!.ackAll(), readers[0]!.ackAll()]).toEqual([mode === 'one' ? 0b10 : 0b10, 0])
      writers[1]!.wake()
    }
  })

  test('acknowledgements are due when the lane is drained, or a quarter of it is received', () => {
    const { writers, readers } = openRing(shape())
    while (send(writers[0]!, Buffer.alloc(240)));
    for (const isDue of [false, false, false, true]) {
      readers[0]!.next()
      expect(readers[0]!.isAckDue()).toBe(isDue)
    }
    readers[0]!.ackAll()
    expect(readers[0]!.isAckDue()).toBe(false)
  })
})

describe('the end', () => {
  for (const mode of ['one', 'share'] as const) {
    test(`${mode}: comes when every writer is finished and everything was given out`, () => {
      const { memory, writers, readers } = openRing(shape({ mode }))
      send(writers[0]!, 'last')
      setHeader(memory, 'ended', 1)
      expect(readers[0]!.isOver()).toBe(false)
      expect(readers[0]!.sleep()).toBe(false)
      readers[0]!.next()
      expect(readers[0]!.isOver()).toBe(true)
      expect(readers[0]!.sleep()).toBe(false)
      setHeader(memory, 'ended', 0)
      expect([readers[0]!.isOver(), readers[0]!.sleep()]).toEqual([false, true])
    })
  }

  test('share: does not come for a reader whose claim is used up while there is more', () => {
    const { memory, writers, readers } = openRing(shape({ mode: 'share' }))
    for (let count = 0; count < 20; count++) send(writers[0]!, 'x')
    setHeader(memory, 'ended', 1)
    while (readers[0]!.next());
    expect([readers[0]!.isOver(), readers[0]!.needsAck]).toEqual([false, true])
  })

  test('a writer learns that nobody reads any more', () => {
    const { memory, writers } = openRing(shape())
    while (send(writers[0]!, 'x'.repeat(100)));
    expect([writers[0]!.isUnread(), writers[0]!.sleep(100)]).toEqual([false, true])
    setHeader(memory, 'unread', 1)
    expect([writers[0]!.isUnread(), writers[0]!.sleep(100)]).toEqual([true, false])
  })
})

test('counts dropped messages in 64 bits, and stalls', () => {
  const { memory, writers } = openRing(shape())
  const at = laneStart(0)
  writers[0]!.noteDropped()
  writers[0]!.noteStall()
  expect([lane.dropped, lane.dropped + 4, lane.stalls].map(offset => word(memory, at + offset))).toEqual([1, 0, 1])
  Buffer.from(memory).writeUInt32LE(2 ** 32 - 1, at + lane.dropped)
  writers[0]!.noteDropped()
  expect([lane.dropped, lane.dropped + 4].map(offset => word(memory, at + offset))).toEqual([0, 1])
})

describe('a record is refused, and the ring with it,', () => {
  // The first of two, of 90 bytes, 128 before the end of its lane.
  const faults: Record<string, { word: number; value: number; reason: number }> = {
    'that is longer than any': { word: record.length, value: 2048 - 16 + 1, reason: poisons.record },
    'that is longer than what is published': { word: record.length, value: 300, reason: poisons.record },
    'that does not end before its lane': { word: record.length, value: 113, reason: poisons.record },
    'that has a negative length': { word: record.length, value: 2 ** 32 - 1, reason: poisons.record },
    'that is of no sort': { word: record.tag, value: 0, reason: poisons.record },
    'that is of another sort': { word: record.tag, value: 5, reason: poisons.record },
    'that is a padding which does not fill its lane': { word: record.tag, value: tags.padding, reason: poisons.record },
    'that is another one': { word: record.sequenceLow, value: 33, reason: poisons.sequence },
    'that is 2^32 later': { word: record.sequenceHigh, value: 1, reason: poisons.sequence },
  }
  for (const mode of ['one', 'share'] as const) {
    for (const [title, { word: offset, value, reason }] of Object.entries(faults)) {
      // The first of a claim may be any.
      if (mode === 'share' && reason === poisons.sequence) continue
      test(`${mode}: ${title}`, () => {
        const geometry = shape({ mode })
        const { memory, writers, readers } = openRing(geometry, { position: 4096 - 128, sequence: 1 })
        send(writers[0]!, 'x'.repeat(90))
        send(writers[0]!, 'y'.repeat(64))
        Buffer.from(memory).writeUInt32LE(value, measure(geometry).dataStart + 4096 - 128 + offset)
        expect(() => readers[0]!.next()).toThrow(expect.objectContaining({ code: 'IPCSUP_ERR_RING_CORRUPT' }))
        expect(word(memory, header.poison)).toBe(reason)
      })
    }
  }

  test('share: that does not follow the one before it in a claim', () => {
    const { memory, writers, readers } = openRing(shape({ mode: 'share' }))
    for (const text of ['a', 'b']) send(writers[0]!, text)
    Buffer.from(memory).writeUInt32LE(3, measure(shape({ mode: 'share' })).dataStart + 32 + record.sequenceLow)
    expect(readers[0]!.next()).toBe(true)
    expect(() => readers[0]!.next()).toThrow(expect.objectContaining({ code: 'IPCSUP_ERR_RING_CORRUPT' }))
  })

  test('that is a padding without a record behind it, or at the start of its lane', () => {
    for (const [position, length] of [
      [4096 - 128, 112],
      [4096, 4080],
    ] as const) {
      const geometry = shape()
      const { memory, writers, readers } = openRing(geometry, { position, sequence: 1 })
      send(writers[0]!, 'x'.repeat(112))
      const at = measure(geometry).dataStart + (position % 4096)
      Buffer.from(memory).writeUInt32LE(length, at + record.length)
      Buffer.from(memory).writeUInt32LE(tags.padding, at + record.tag)
      expect(() => readers[0]!.next()).toThrow(expect.objectContaining({ code: 'IPCSUP_ERR_RING_CORRUPT' }))
      expect(word(memory, header.poison)).toBe(poisons.record)
    }
  })
})

describe('memory', () => {
  const geometry = shape({ writers: 2, readers: 2, mode: 'each' })
  const faults: Record<string, { change: (bytes: Buffer) => void; says: RegExp }> = {
    'that is no ring': { change: bytes => bytes.fill(0, 0, 8), says: /no ring/ },
    'of another version': { change: bytes => bytes.writeUInt32LE(2, header.version), says: /version 2\.0.*knows 1\.0/ },
    'of another size': { change: bytes => bytes.writeUInt32LE(8192, header.capacity), says: /another shape/ },
    'of another mode': { change: bytes => bytes.writeUInt32LE(2, header.flags), says: /another shape/ },
  }
  for (const [title, { change, says }] of Object.entries(faults)) {
    test(`${title} is told from the ring that is expected`, () => {
      const memory = makeRing(geometry)
      expect(explainDisagreement(memory, geometry)).toBe(null)
      change(Buffer.from(memory))
      expect(explainDisagreement(memory, geometry)).toMatch(says)
    })
  }

  test('that is too small is told, and a later minor version is not another', () => {
    const memory = makeRing(geometry)
    expect(explainDisagreement(memory.slice(0, -1), geometry)).toMatch(/instead of/)
    expect(explainDisagreement(memory.slice(0, 100), geometry)).toMatch(/only 100 bytes/)
    Buffer.from(memory).writeUInt32LE(1 | (7 << 16), header.version)
    expect(explainDisagreement(memory, geometry)).toBe(null)
  })

  test('has the hash of each name, and nothing but the magic comes later', () => {
    const control = initializeControl(geometry, { writers: ['a', ''], readers: ['foobar', ''] })
    expect(control.length).toBe(measure(geometry).dataStart)
    expect(control.readUInt32LE(header.writerSlots + 12)).toBe(0xe40c292c)
    expect(control.readUInt32LE(header.readerSlots + 12)).toBe(0xbf9cf968)
    expect(control.readUInt32LE(header.writerSlots + 16 + 12)).toBe(0x811c9dc5)
    expect(control.readBigUInt64LE(0)).toBe(0n)
  })

  test('that anybody found corrupt is so for all, new ones too', () => {
    const { memory, ring, writers, readers } = openRing(geometry)
    Buffer.from(memory).writeUInt32LE(8, laneStart(1) + lane.tail)
    const error = {
      code: 'IPCSUP_ERR_RING_CORRUPT',
      message: expect.stringContaining('"orders" is given up: a position'),
    }
    expect(() => readers[0]!.next()).toThrow(expect.objectContaining(error))
    expect(word(memory, header.poison)).toBe(1)
    for (const use of [
      () => readers[1]!.next(),
      () => readers[1]!.hasNext(),
      () => writers[0]!.publish(),
      () => writers[0]!.hasRoom(0),
      () => openReader(ring, 0),
      () => new RingWriter(new RingMemory(memory, geometry, 'orders'), 0),
    ])
      expect(use).toThrow(expect.objectContaining(error))
  })
})
