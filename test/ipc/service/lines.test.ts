import { expect, test } from 'vitest'
import { LineBytes } from '../../../src/ipc/service/line-bytes.js'
import { createItemReader, createLineReader } from '../../../src/ipc/service/lines.js'

test('numbers are written as JSON has them', () => {
  const numbers = [0, 7, -1, 10, 99, 100, 12_345, 999_999_999, -999_999_999, 1_000_000_000, 0.5, -1e21, 2 ** 53]
  const bytes = new LineBytes()
  bytes.shortLine(5, '"ä"', numbers.filter(Number.isInteger))
  for (const number of numbers) bytes.shortLine(number, null, number)
  const read = createItemReader(2)
  const [first, ...rest] = bytes.take().toString().split('\n').slice(0, -1)
  expect(JSON.parse(`[${first}]`)).toEqual([5, 'ä', numbers.filter(Number.isInteger)])
  expect(rest).toEqual(numbers.map(number => `${JSON.stringify(number)},${JSON.stringify(number)}`))
  expect(read(Buffer.from(`${rest.join('\n')}\n`))).toEqual(numbers.flatMap(number => [number, number]))
  expect(bytes.length).toBe(0)
})

test('lines of any length are kept whole and in order', () => {
  const bytes = new LineBytes()
  const texts = Array.from({ length: 300 }, (_, index) => ['ä', '€', 'x', '😀'][index % 4]!.repeat(index))
  const all = [...texts, 'y'.repeat(100_000), ...texts]
  for (const text of all) bytes.text(text)
  expect(bytes.take().toString() === all.join('')).toBe(true)
  bytes.text('z')
  expect(bytes.take().toString()).toBe('z')
})

test('values that JSON has no word for are decoded in short lines and long ones', () => {
  const read = createItemReader(2)
  const text = '1,{"$undefined":true}\n{"id":2,"value":{"$bigint":"3"}}\n4,[{"$number":"NaN"}]\n5,"$"\n'
  expect(read(Buffer.from(text))).toEqual([1, undefined, { id: 2, value: 3n }, 4, [Number.NaN], 5, '$'])
})

test('a line that is itself such a value stays an object', () => {
  const read = createLineReader()
  expect(read(Buffer.from('{"$number":"5"}\n'))).toEqual([{ $number: '5' }])
})

test.each(['5', '5,6', '[1]', '"text"', 'null'])('where there are no short lines none is taken: %s', line => {
  expect(() => createLineReader()(Buffer.from(`${line}\n`))).toThrow('a line is no JSON object')
})
