import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { header, magic } from '../../../src/ipc/frames/layout.js'
import { createDecoder, createRandom, decode, encode, limit, magicBytes, takeAll } from './frames.js'

const work = vi.hoisted(() => ({ summed: 0 }))
vi.mock('../../../src/ipc/frames/crc.js', async importOriginal => {
  const original = await importOriginal<typeof import('../../../src/ipc/frames/crc.js')>()
  return {
    checksum: (bytes: Buffer, start: number, end: number): number => {
      work.summed += end - start
      return original.checksum(bytes, start, end)
    },
  }
})

const whole = [limit]
const bytewise = [1]
const uneven = [3, 1, 33, 7, 64, 2]

/** Bytes that are often those with which a frame begins, or a part of them. */
const payload = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(...[0, 1, 2, 3, 4].map(length => new Uint8Array(magic.slice(0, length)))),
      fc.constantFrom(...[1, 2, 3].map(length => new Uint8Array(magic.slice(length)))),
      fc.nat(2_000).map(length => new Uint8Array(length)),
    ),
    { maxLength: 6 },
  )
  .map(parts => Buffer.concat(parts))

describe('frames', () => {
  test('come out as they went in, in whatever portions their bytes come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(payload, fc.string({ maxLength: 60 }), fc.string({ unit: 'binary', maxLength: 60 })), {
          maxLength: 20,
        }),
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 20 }),
        (payloads, isChecked, sizes) => {
          const decoder = createDecoder(isChecked)
          const found = decode(decoder, Buffer.concat(encode(payloads, { isChecked })), sizes)
          expect(found.map(row => [row.sequence, row.writer, row.tag])).toEqual(
            payloads.map((sent, index) => [index + 1, 0, typeof sent === 'string' ? 2 : 1]),
          )
          for (const [index, row] of found.entries())
            expect(row.payload.equals(Buffer.from(payloads[index]!))).toBe(true)
          expect([decoder.torn, decoder.missed, decoder.skippedBytes, decoder.heldBytes]).toEqual([0, 0, 0, 0])
        },
      ),
      { numRuns: 500 },
    )
  })

  test('have nowhere in them what a frame begins with, whatever they carry', () => {
    const random = createRandom(1)
    const nasty = Array.from({ length: 2_000 }, () => {
      const mask = random(2) === 0 ? 0 : random(2 ** 32)
      const bytes = Buffer.alloc(4 * (1 + random(20)))
      for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE((magicBytes.readUInt32LE() ^ mask) >>> 0, at)
      return bytes.subarray(random(4))
    })
    for (const isChecked of [true, false])
      for (const frame of encode(nasty, { isChecked })) expect(frame.indexOf(magicBytes, 1)).toBe(-1)
    expect(decode(createDecoder(), Buffer.concat(encode(nasty)), whole).map(row => row.payload)).toEqual(nasty)
  })

  test('have it nowhere in their header either, whatever their number and their length', () => {
    const number = magicBytes.readUInt32LE()
    for (const first of [number, number % 2 ** 31, (number % 2 ** 31) * 2 ** 8, 2 ** 31 - 1, 2 ** 31, 2 ** 44 - 1]) {
      const [frame] = encode(['x'], { first, writer: 0x7f7f7f7f })
      expect(frame!.indexOf(magicBytes, 1)).toBe(-1)
      expect(decode(createDecoder(), frame!, whole)[0]!.sequence).toBe(first)
    }
  })
})

describe('a frame that was torn', () => {
  const before = ['first', 'second']
  const after = ['third', '', 'fourth']
  const victims: Readonly<Record<string, Buffer>> = {
    empty: Buffer.alloc(0),
    short: Buffer.from('hello'),
    'full of beginnings': Buffer.concat(Array(9).fill(magicBytes)),
    'full of halves of beginnings': Buffer.from([
      ...magic.slice(0, 3),
      ...magic.slice(0, 2),
      ...magic.slice(2),
      0xf5,
      0xf5,
    ]),
    long: Buffer.alloc(700, 'long '),
  }
  const tears = Object.entries(victims).flatMap(([name, victim]) => {
    let frame: Buffer | undefined
    // What is masked may end in any byte: in that with which the next one begins, which would complete it.
    do [, , frame] = encode([...before, victim])
    while (frame!.at(-1) === magic[0])
    return Array.from({ length: frame!.length - 1 }, (_, index) => ({ name, frame: frame!, cut: index + 1 }))
  })
  const good = Buffer.concat(encode(before))
  const next = Buffer.concat(encode(after, { writer: 8 }))

  test(`at any of ${tears.length} bytes costs that frame only, and is counted`, () => {
    for (const { name, frame, cut } of tears) {
      for (const sizes of [whole, bytewise, uneven, [good.length + cut, next.length]]) {
        const decoder = createDecoder()
        const found = decode(decoder, Buffer.concat([good, frame.subarray(0, cut), next]), sizes)
        const what = `${name}, cut after ${cut}, portions of ${sizes}`
        expect(
          found.map(row => row.payload.toString()),
          what,
        ).toEqual([...before, ...after])
        expect([decoder.torn, decoder.missed, decoder.skippedBytes], what).toEqual([1, 1, cut])
      }
    }
  })

  test('is known to be when the next one begins, however much it had still to bring', () => {
    for (const isChecked of [true, false]) {
      const [huge] = encode([Buffer.alloc(limit - header.bytes)], { isChecked })
      for (let cut = 1; cut < 3 * header.bytes; cut++) {
        for (const seam of [1, 2, 3, next.length]) {
          const decoder = createDecoder(isChecked)
          const [small] = encode(['small'], { writer: 8, isChecked })
          const bytes = Buffer.concat([huge!.subarray(0, cut), small!])
          decoder.push(bytes.subarray(0, cut))
          expect(takeAll(decoder)).toEqual([])
          decoder.push(bytes.subarray(cut, cut + seam))
          const found = takeAll(decoder)
          decoder.push(bytes.subarray(cut + seam))
          found.push(...takeAll(decoder))
          expect(
            found.map(row => row.payload.toString()),
            `cut after ${cut}, ${seam}`,
          ).toEqual(['small'])
          expect([decoder.torn, decoder.missed]).toEqual([1, 1])
        }
      }
    }
  })

  test('by a reader that was killed costs its successor what is left of it', () => {
    for (const { name, frame, cut } of tears) {
      for (const sizes of [whole, bytewise, uneven]) {
        const decoder = createDecoder()
        const found = decode(decoder, Buffer.concat([frame.subarray(cut), next]), sizes)
        expect(
          found.map(row => row.payload.toString()),
          `${name}, from ${cut}`,
        ).toEqual(after)
        expect([decoder.torn, decoder.missed, decoder.skippedBytes]).toEqual([1, 1, frame.length - cut])
      }
    }
  })

  test('at the end of everything is counted too', () => {
    for (const { frame, cut } of tears) {
      const decoder = createDecoder()
      expect(decode(decoder, Buffer.concat([good, frame.subarray(0, cut)]), uneven)).toHaveLength(2)
      expect([decoder.torn, decoder.missed, decoder.skippedBytes]).toEqual([1, 1, cut])
    }
  })

  test('is counted for each writer that was killed, one after another', () => {
    const pieces = tears.filter((_, index) => index % 7 === 0).map(({ frame, cut }) => frame.subarray(0, cut))
    // Less than a beginning cannot be told from what follows.
    const clear = pieces.filter(piece => piece.length >= magic.length)
    const decoder = createDecoder()
    expect(decode(decoder, Buffer.concat([...clear, next]), uneven)).toHaveLength(after.length)
    expect([decoder.torn, decoder.missed]).toEqual([clear.length, clear.length])
  })
})

describe('what is missing', () => {
  test('is told by the numbers of the frames', () => {
    const frames = encode(['1', '2', '3', '4', '5'])
    frames[1]![40 - 8] = frames[1]![32]! ^ 1
    const decoder = createDecoder()
    const found = decode(decoder, Buffer.concat([frames[0]!, frames[1]!, frames[4]!]), uneven)
    expect(found.map(row => row.sequence)).toEqual([1, 5])
    expect([decoder.torn, decoder.missed]).toEqual([1, 3])
  })

  test('is nothing where bytes were that nobody sent as a frame', () => {
    const [one, two] = encode(['one', 'two'])
    const decoder = createDecoder()
    const garbage = Buffer.from('debug output of a library\n')
    expect(decode(decoder, Buffer.concat([one!, garbage, two!]), uneven)).toHaveLength(2)
    expect([decoder.torn, decoder.missed, decoder.skippedBytes]).toEqual([1, 0, garbage.length])
  })

  test('is told for each of several writers', () => {
    const [a, b] = [encode(['a1', 'a2', 'a3'], { writer: 1 }), encode(['b1', 'b2'], { writer: 2 })]
    const decoder = createDecoder()
    const found = decode(decoder, Buffer.concat([a[0]!, b[0]!, a[2]!, b[1]!]), whole)
    expect(found.map(row => [row.writer, row.sequence])).toEqual([
      [0, 1],
      [1, 1],
      [0, 3],
      [1, 2],
    ])
    expect(decoder.missed).toBe(1)
  })
})

describe('a header that lies', () => {
  const seal = async (frame: Buffer): Promise<Buffer> => {
    const { crc32 } = await import('node:zlib')
    frame.writeUInt32LE(crc32(frame.subarray(0, header.headerCheck)), header.headerCheck)
    return frame
  }

  test.each([limit - header.bytes + 1, 2 ** 30, 2 ** 31, 2 ** 32 - 1])(
    'of %i bytes is no frame, and holds nothing back',
    async length => {
      const [lie, good] = encode(['lie', 'good'])
      lie!.writeUInt32LE(length, header.length)
      const decoder = createDecoder()
      const found = decode(decoder, Buffer.concat([await seal(lie!), good!]), uneven)
      expect(found.map(row => row.payload.toString())).toEqual(['good'])
      expect([decoder.torn, decoder.missed]).toEqual([1, 1])
      const alone = createDecoder()
      alone.push(lie!)
      expect(takeAll(alone)).toEqual([])
      expect(alone.torn).toBe(1)
      expect(alone.heldBytes).toBeLessThan(magic.length)
    },
  )

  test('of a length that fits holds no more than came', async () => {
    const decoder = createDecoder()
    const [lie] = encode(['lie'])
    lie!.writeUInt32LE(limit - header.bytes, header.length)
    decoder.push(await seal(lie!))
    expect(takeAll(decoder)).toEqual([])
    expect(decoder.heldBytes).toBe(lie!.length)
  })

  test('without a checksum is refused where each frame has one', () => {
    const plain = Buffer.concat(encode(['plain'], { isChecked: false }))
    expect(decode(createDecoder(true), plain, whole)).toEqual([])
    expect(decode(createDecoder(false), plain, whole)).toHaveLength(1)
    expect(decode(createDecoder(false), Buffer.concat(encode(['checked'])), whole)).toHaveLength(1)
  })

  test.each<[string, () => Promise<Buffer>]>([
    ['nothing but beginnings', async () => Buffer.alloc(limit, magicBytes)],
    ['nothing but first bytes of beginnings', async () => Buffer.alloc(limit, magic[0])],
    ['headers of large frames only', () => fill(limit - header.bytes)],
    ['headers of frames that all end at the same byte', () => fill(null)],
    ['headers of frames a little longer than there is room', () => fill(1)],
  ])('again and again costs no more than a look at each byte: %s', async (_, make) => {
    const bytes = await make()
    for (const sizes of [whole, bytewise, uneven]) {
      const decoder = createDecoder()
      work.summed = 0
      expect(decode(decoder, bytes, sizes)).toEqual([])
      // Portions of one byte have each header looked at again only until it is whole.
      expect(work.summed).toBeLessThanOrEqual(10 * bytes.length)
    }
  })

  async function fill(length: number | null): Promise<Buffer> {
    const bytes = Buffer.alloc(limit / 4)
    for (let at = 0; at + header.bytes <= bytes.length; at += header.bytes) {
      const [lie] = encode(['x'])
      lie!.writeUInt32LE(length ?? bytes.length - at - header.bytes, header.length)
      ;(await seal(lie!.subarray(0, header.bytes))).copy(bytes, at)
    }
    return bytes
  }
})

test('no flipped bits of a stream, 100,000 times, give a frame that was not sent, or an error', () => {
  const seed = Date.now() % 2 ** 31
  const random = createRandom(seed)
  const sent = [...'abcdefghij'].map((letter, index) => letter.repeat(3 * index))
  const stream = Buffer.concat(encode(sent))
  let [received, torn] = [0, 0]
  for (let round = 0; round < 100_000; round++) {
    const bytes = Buffer.from(stream)
    for (let flips = 1 + random(3); flips > 0; flips--) bytes[random(bytes.length)]! ^= 1 + random(255)
    const decoder = createDecoder()
    const found = decode(decoder, bytes, [1 + random(bytes.length)])
    for (const { payload: bytesOf, sequence, tag } of found)
      if (bytesOf.toString() !== sent[sequence - 1] || tag !== 2)
        throw new Error(`seed ${seed}, round ${round}: frame ${sequence} came as ${JSON.stringify(bytesOf.toString())}`)
    const isInOrder = found.every((row, index) => index === 0 || row.sequence > found[index - 1]!.sequence)
    // At most three frames were hit; of three beginnings in a row that are no more, nobody can tell that it was three.
    if (!isInOrder || found.length < sent.length - 3 || found.length + decoder.missed < sent.length - 2)
      throw new Error(`seed ${seed}, round ${round}: ${found.length} came, ${decoder.missed} missed`)
    received += found.length
    torn += decoder.torn
  }
  expect(received).toBeGreaterThan(700_000)
  expect(torn).toBeGreaterThan(100_000)
})
