import { describe, expect, test } from 'vitest'
import { decodeValue, encodeArguments, encodeValue } from '../../../src/ipc/service/values.js'
import { createLineReader } from '../../../src/ipc/service/wire.js'

const cross = (value: unknown): unknown => decodeValue(JSON.parse(encodeValue(value, 'it')))

describe('what crosses is what was sent', () => {
  const values: Record<string, unknown> = {
    'a text': 'größe "\n\u2028 $',
    'a number': 1.5,
    'minus nought': -0,
    'no number': Number.NaN,
    'no end': Number.NEGATIVE_INFINITY,
    'a large number': 2n ** 80n,
    nothing: undefined,
    null: null,
    'a list with holes of nothing': [1, undefined, null],
    bytes: Buffer.from([0, 255, 10]),
    'a date': new Date(86_400_000),
    'no date': new Date(Number.NaN),
    'a map': new Map<unknown, unknown>([
      [{ a: 1 }, new Set([1n])],
      ['b', undefined],
    ]),
    'an object': { a: { b: [{ c: Buffer.from('c') }] } },
    'an object that looks like a code': { $bytes: 'no bytes' },
    'an object with a key of that kind': { $date: 1, b: 2 },
    'an object in an object': { $object: { $object: 1n } },
    'an unknown code': { $later: 1 },
  }
  for (const [title, value] of Object.entries(values)) test(title, () => expect(cross(value)).toEqual(value))

  test('bytes come as a Buffer, of a part of their memory too', () => {
    const bytes = new Uint8Array([1, 2, 3, 4]).subarray(1, 3)
    expect(cross(bytes)).toEqual(Buffer.from([2, 3]))
  })
  test('what an object has not is not there', () => expect(cross({ a: undefined, b: 1n })).toEqual({ b: 1n }))
  test('what has a toJSON crosses as that says', () =>
    expect(cross({ a: new URL('http://a/') })).toEqual({ a: 'http://a/' }))
  test('a key __proto__ is a key', () => {
    const value = JSON.parse('{ "__proto__": { "a": [1] }, "b": { "$bigint": "1" } }')
    const crossed = cross({ ...value, b: 1n, ['__proto__']: { a: 1n } }) as object
    expect(Object.getPrototypeOf(crossed)).toBe(Object.prototype)
    expect(Object.getOwnPropertyDescriptor(crossed, '__proto__')?.value).toEqual({ a: 1n })
  })
})

/** A list of two that are one, and so on. */
const twice = (depth: number, innermost: unknown): unknown =>
  depth === 0 ? innermost : Array(2).fill(twice(depth - 1, innermost))

describe('what cannot cross is named', () => {
  const loop: Record<string, unknown> = {}
  loop['again'] = loop
  const values: Record<string, { value: unknown; why: string }> = {
    'a function': { value: [1, { run: () => {} }], why: 'argument 1[1].run is a function' },
    'a symbol': { value: Symbol('a'), why: 'argument 1 is a symbol' },
    'a promise': { value: { 'a b': Promise.resolve() }, why: 'argument 1["a b"] is of type Promise' },
    'an error': { value: new TypeError('no'), why: 'argument 1 is of type Error' },
    'numbers in memory': { value: new Float64Array(2), why: 'argument 1 is of type Float64Array' },
    'more holes than anybody can fill': { value: new Array(4_000_000_000), why: 'has more values than a line takes' },
    'what is in itself twice at each depth': { value: twice(100, 1), why: 'has more values than a line takes' },
    'an object in itself': { value: loop, why: /contains itself, or nests more than 200 deep/ as unknown as string },
  }
  for (const [title, { value, why }] of Object.entries(values))
    test(title, () => expect(() => encodeArguments([value])).toThrow(why))
})

describe('lines', () => {
  const read = (...pieces: string[]): unknown[] => {
    const reader = createLineReader()
    return pieces.flatMap(piece => [...reader(Buffer.from(piece))])
  }
  test('come whole out of pieces of any size', () => {
    const text = '{"a":"ü"}\n\n{"b":[1,{"$bigint":"2"}]}\n{"c":3}\n'
    const bytes = Buffer.from(text)
    for (let size = 1; size <= bytes.length; size++) {
      const reader = createLineReader()
      const lines: unknown[] = []
      for (let at = 0; at < bytes.length; at += size) lines.push(...reader(bytes.subarray(at, at + size)))
      expect(lines).toEqual([{ a: 'ü' }, { b: [1, 2n] }, { c: 3 }])
    }
  })
  test('wait for their end', () => expect(read('{"a":1}')).toEqual([]))
  test.each([
    ['{"a":1}\nnonsense\n', 'a line is no JSON: nonsense'],
    ['[1]\n', 'a line is no JSON object: [1]'],
    ['1\n2\n', 'a line is no JSON object: 1'],
    ['{"a":1\n', 'a line is no JSON: {"a":1'],
  ])('are refused: %j', (text, why) => expect(() => read(text)).toThrow(why))
  test('are bounded', () => {
    const reader = createLineReader(10)
    expect(reader(Buffer.from('{"a":'))).toEqual([])
    expect(() => reader(Buffer.from('12345678'))).toThrow('a line has more than 10 bytes')
  })
})
