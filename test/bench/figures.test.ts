import { describe, expect, test } from 'vitest'
import { kinds } from '../../src/ipc/kinds/index.js'

const { alternate, summarise } = await load('harness.mjs')
const { subjects } = await load('ipc/subjects.mjs')
const { findUnknown } = await load('ipc/run.mjs')
const { rows } = await load('messages/rows.mjs')
const { atLeast, atLeastFixed, atMost, atMostFixed, format } = await load('verdict.mjs')

describe('the benchmark', () => {
  test('measures its subjects in turns', async () => {
    const order: string[] = []
    const subject = (name: string) => async (run: number) => order.push(`${name}${run}`)
    const figures = await alternate({ ours: subject('a'), theirs: subject('b') }, 2)
    expect(order).toEqual(['a0', 'b0', 'a1', 'b1'])
    expect(figures).toEqual({ ours: [1, 3], theirs: [2, 4] })
  })

  test('gives median, smallest and largest', () => {
    expect(summarise([9, 1, 5])).toEqual({ median: 5, min: 1, max: 9, runs: 3 })
    expect(summarise([10, 9, 1, 2])).toEqual({ median: 5.5, min: 1, max: 10, runs: 4 })
  })

  test('gives the median of each figure of a record', () => {
    const records = [
      { p50: 3, cpu: 1 },
      { p50: 1, cpu: 7 },
      { p50: 2, cpu: 5 },
    ]
    expect(summarise(records)).toEqual({ median: { p50: 2, cpu: 5 }, runs: 3 })
  })

  test('compares with a peer by the ratio of the medians', () => {
    expect(atMost('runit', { ipcsup: 2, runit: 4 }, 0.5)).toEqual({
      target: '≤ 0.5× runit',
      reached: '0.50×',
      isMet: true,
    })
    expect(atMost('runit', { ipcsup: 2.1, runit: 4 }, 0.5).isMet).toBe(false)
    expect(atLeast('bash', { ipcsup: 1.9, bash: 1 }, 2).isMet).toBe(false)
    expect(atMostFixed('each', 25.1, 25, 'KiB').isMet).toBe(false)
    expect(atLeast('zeromq', { ring: 60, zeromq: 2 }, 30, 'ring').isMet).toBe(true)
    expect(atLeastFixed('batches', 9.9, 10, 'million/s')).toEqual({
      target: 'batches ≥ 10 million/s',
      reached: '9.9 million/s',
      isMet: false,
    })
  })

  test('calls a target of a peer that is not there neither met nor missed', () => {
    expect(atMost('s6', { ipcsup: 1 }, 1).isMet).toBe(null)
  })

  test('shows three digits', () => {
    expect([0.123456, 3.4613, 1006.5, 12_345.6].map(format)).toEqual(['0.123', '3.46', '1,007', '12,346'])
  })
})

describe('the benchmark of links', () => {
  test('has a row of every kind', () => {
    const measured = new Set(subjects.map(({ name }: { name: string }) => name.split(' ')[0]))
    expect([...measured].sort()).toEqual(Object.keys(kinds).sort())
  })

  test('knows a link by its kind, or by kind and variant', () => {
    expect(findUnknown(['lock', 'queue', 'queue sysv'])).toBe(null)
    expect(findUnknown(['lock', 'lokc', 'sysv'])).toMatch(/^No link lokc, sysv\. Links: pipe, /)
  })
})

describe('the benchmark of messages', () => {
  test('has a row for every target', async () => {
    const judged = await Promise.all(Object.values(rows as Record<string, Row>).map(judgeInvented))
    expect(judged.flat()).toEqual([
      '≥ 80.0× process.send, bytes',
      '≥ 80.0× process.send, strings',
      '≥ 30.0× zeromq ipc://',
      '≥ 3.0× pipe, both ends in C',
      'batches ≥ 10 million/s',
      '`for await` ≥ 5 million/s',
      'copies ≥ 4 million/s',
      '≥ 0.5× memcpy into 1 MiB',
      '≥ 0.5× memcpy into 64 MiB',
      'p50 ≤ 1 µs',
      'p99 ≤ 5 µs',
      '≤ 1.2× socketpair (p50)',
      'CPU ≤ 10 ms (one tick) in 3 s',
      'worst ≤ 5 ms late',
      '≥ 3.0× process.send',
      '≥ 3.0× process.send',
    ])
  })
})

interface Row {
  readonly columns?: Record<string, string>
  measure(tools: object): Promise<Record<string, unknown>>
  judge(medians: Record<string, unknown>): readonly { target: string; reached: string }[]
}

/** Every subject has the figure 1, and nothing is run. */
async function judgeInvented({ columns, measure, judge }: Row): Promise<string[]> {
  const figure = columns === undefined ? 1 : Object.fromEntries(Object.keys(columns).map(key => [key, 1]))
  const tools = {
    workshop: { folder: '', node: () => [], c: () => [] },
    alternate: (subjects: object) => Object.fromEntries(Object.keys(subjects).map(name => [name, figure])),
  }
  const verdicts = judge(await measure(tools))
  for (const { reached } of verdicts) expect(reached).not.toMatch(/NaN|undefined/)
  return verdicts.map(({ target }) => target)
}

function load(file: string) {
  return import(new URL(`../../bench/${file}`, import.meta.url).href)
}
