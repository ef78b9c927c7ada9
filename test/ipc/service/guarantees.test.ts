import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, type TestContext, test } from 'vitest'
import { type Step, steps } from '../../../src/ipc/service/steps.js'
import type { Guarantee } from '../../../src/ipc/service/wire.js'
import { until } from '../../support/conditions.js'
import { type Death, type Said, Stage, type Way } from './stage.js'

type More = Parameters<typeof Stage.open>[2]

async function open({ onTestFinished }: TestContext, guarantee: Guarantee, way: Way, more?: More): Promise<Stage> {
  const stage = await Stage.open(guarantee, way, more)
  onTestFinished(() => stage.close())
  return stage
}

const oneDeath = (stage: Stage) => until('somebody was killed', () => stage.deaths === 1)

type Method = 'outside' | 'harmless' | 'inside'

/** What a call comes to, and how often it was done. */
type Fate = readonly [answer: 'reply' | 'unknown', effects: number]

const done: Fate = ['reply', 1]
const doneTwice: Fate = ['reply', 2]
const never: Fate = ['unknown', 0]
const once: Fate = ['unknown', 1]

/** What carries the lines makes no difference to what is done for a call: memory is for those where most is at stake. */
const both: readonly Way[] = ['socket', 'memory']
const socket: readonly Way[] = ['socket']

/** Most of their time they wait for programs to start. How many rings there are is counted for a whole program. */
const testOver = { socket: test.concurrent, memory: test }

/** By step, of the instance; a number after `#`: the step's nth time. */
type Fates = Partial<Record<Step | `${Step}#2`, Fate>>

/** Where nothing had begun, whatever the guarantee. */
const beforeAll = { 'call arrived, not read': done, 'call read, receipt not told': done } satisfies Fates

const fates: readonly { guarantee: Guarantee; method: Method; about: string; of: Fates; ways: readonly Way[] }[] = [
  {
    guarantee: 'at-most-once',
    method: 'outside',
    about: 'is never repeated once its receipt was told',
    ways: both,
    of: {
      ...beforeAll,
      'receipt told, before the handler': never,
      'after the handler, before the record': once,
      'recorded, before the reply': once,
      'reply written': done,
    },
  },
  {
    guarantee: 'at-least-once',
    method: 'outside',
    about: 'is repeated until it is answered',
    ways: socket,
    of: {
      ...beforeAll,
      'receipt told, before the handler': done,
      'after the handler, before the record': doneTwice,
      'recorded, before the reply': doneTwice,
      'reply written': done,
    },
  },
  {
    guarantee: 'exactly-once',
    method: 'inside',
    about: 'is done once when its effect is in the store',
    ways: socket,
    of: {
      ...beforeAll,
      'receipt told, before the handler': done,
      'after the handler, before the record': done,
      'record written, not durable': done,
      'recorded, before the reply': done,
      'reply written': done,
    },
  },
  {
    guarantee: 'exactly-once',
    method: 'outside',
    about: 'is at most done once when its effect is elsewhere, and said to be unknown where it may have been',
    ways: socket,
    of: {
      ...beforeAll,
      'receipt told, before the handler': done,
      'before the begin is recorded': done,
      // Of the begin.
      'record written, not durable': never,
      'begin recorded, before the handler': never,
      'after the handler, before the record': once,
      'record written, not durable#2': done,
      'recorded, before the reply': done,
      'reply written': done,
    },
  },
  {
    guarantee: 'exactly-once',
    method: 'harmless',
    about: 'is answered always when doing it again does no harm',
    ways: socket,
    of: {
      ...beforeAll,
      'receipt told, before the handler': done,
      'after the handler, before the record': doneTwice,
      'record written, not durable': done,
      'recorded, before the reply': done,
      'reply written': done,
    },
  },
]

/** Of the caller. */
const callerSteps = [
  'before the call is written',
  'call written, not answered',
  'reply arrived, not read',
  'reply read, not acknowledged',
] as const satisfies readonly Step[]

const compactionSteps = [
  'compaction: copy written, not renamed',
  'compaction: renamed',
] as const satisfies readonly Step[]

test('every step that has a name is one where somebody was killed', () => {
  const tested = [...fates.flatMap(({ of }) => Object.keys(of)), ...callerSteps, ...compactionSteps]
  expect(steps.filter(step => !tested.includes(step))).toEqual([])
})

const kill = (way: Way, who: string, at: string): string => `over ${way} ${who} is killed: ${at}`

for (const { guarantee, method, about, of, ways } of fates)
  describe(`${guarantee}: a call of "${method}" ${about}`, () => {
    for (const way of ways)
      for (const [at, fate] of Object.entries(of)) {
        const [step = '', nth = '1'] = at.split('#')
        testOver[way](`${kill(way, 'the instance', at)} → ${fate.join(', done ')}`, async context => {
          const stage = await open(context, guarantee, way)
          stage.serve('one', { step, nth: Number(nth) })
          const said = await stage.call(method, 'first')
          await oneDeath(stage)
          expect([describeAnswer(said, 'FIRST'), await countEffects(stage, method, 'first')]).toEqual(fate)
          // It goes on.
          expect(await stage.call(method, 'second')).toEqual({ value: 'SECOND' })
        })
      }
  })

describe('exactly-once: a call with an id is done once although its caller died', () => {
  for (const [method, way] of [
    ['inside', 'socket'],
    ['outside', 'socket'],
    ['outside', 'memory'],
  ] as const)
    for (const step of callerSteps)
      testOver[way](kill(way, `the caller of "${method}"`, step), async context => {
        const stage = await open(context, 'exactly-once', way)
        stage.serve('one')
        await until('it serves', () => stage.isServing('one'))
        expect(await stage.callElsewhere(method, 'first', 'order 1', { step })).toBe(null)
        expect(await stage.callElsewhere(method, 'first', 'order 1', null)).toEqual({ value: 'FIRST' })
        expect(await stage.callElsewhere(method, 'first', 'order 1', null)).toEqual({ value: 'FIRST' })
        expect([stage.deaths, await countEffects(stage, method, 'first')]).toEqual([1, 1])
      })
})

/** An instance that is late finds nobody to tell that it has read a call, and does not begin it. */
const fatesOfOrphan = {
  'before the call is written': [0],
  'call written, not answered': [0, 1],
  'reply arrived, not read': [1],
} as const satisfies Partial<Record<Step, readonly number[]>>

describe('at-most-once: a call whose caller died is done once or never', () => {
  for (const way of both)
    for (const [step, effects] of Object.entries(fatesOfOrphan))
      testOver[way](kill(way, 'the caller', step), async context => {
        const stage = await open(context, 'at-most-once', way)
        stage.serve('one')
        await until('it serves', () => stage.isServing('one'))
        expect(await stage.callElsewhere('outside', 'first', 'order 1', { step })).toBe(null)
        expect(await stage.call('outside', 'second')).toEqual({ value: 'SECOND' })
        expect(stage.deaths).toBe(1)
        expect(effects).toContain(await countEffects(stage, 'outside', 'first'))
      })
})

describe('exactly-once: the store is written anew without losing or doubling anything', () => {
  for (const step of compactionSteps)
    test.concurrent(`the instance is killed: ${step}`, async context => {
      const stage = await open(context, 'exactly-once', 'socket', { COMPACT_AT: '2000' })
      stage.serve('one', { step })
      const end = await stage.openEnd()
      const texts = Array.from({ length: 60 }, (_, index) => `call ${index}`)
      for (const text of texts) expect(await end.call('inside', [text])).toBe(text.toUpperCase())
      await oneDeath(stage)
      expect(await stage.readInside()).toEqual(texts)
    })
})

test('exactly-once: a call that may have been begun at one instance is never made at another', async context => {
  const stage = await open(context, 'exactly-once', 'socket')
  const death: Death = { step: 'after the handler, before the record' }
  stage.serve('one', death)
  await until('it serves', () => stage.isServing('one'))
  const end = await stage.openEnd()
  await end.find()
  const call = end.call('inside', ['first'])
  stage.serve('two')
  await until('both serve', () => stage.isServing('one') && stage.isServing('two') && stage.deaths === 1)
  expect(await call).toBe('FIRST')
  const has = (name: string) => readFileSync(join(stage.meeting.store, `${name}.store`)).includes('first')
  expect([has('one'), has('two')]).toEqual([true, false])
})

test('exactly-once: a call whose only knower is finished is said to be unknown', async context => {
  const stage = await open(context, 'exactly-once', 'socket')
  stage.serve('one', { step: 'receipt told, before the handler' })
  await until('it serves', () => stage.isServing('one'))
  stage.meeting.finished.push('one')
  expect(await stage.call('inside', 'first')).toMatchObject({
    code: 'IPCSUP_ERR_CALL_UNKNOWN',
    message: expect.stringContaining('only "one" knows, which is finished and will not tell'),
  })
})

test.for([
  ['socket', 14],
  ['memory', 7],
] as const)(
  'exactly-once: nothing is lost or doubled while instance and callers are killed at any time: over %s',
  async ([way, count], context) => {
    const stage = await open(context, 'exactly-once', way, { COMPACT_AT: '3000' })
    stage.serve('one')
    const texts = Array.from({ length: count }, (_, index) => `call ${index}`)
    const killings = setInterval(() => stage.isServing('one') && stage.kill('one'), 150)
    const lane = async (lanes: number, own: number): Promise<void> => {
      for (const [index, text] of texts.entries()) {
        if (index % lanes !== own) continue
        const step = callerSteps[index % (callerSteps.length + 1)]
        const first = await stage.callElsewhere('inside', text, text, step === undefined ? null : { step })
        const said = first ?? (await stage.callElsewhere('inside', text, text, null))
        expect(said).toEqual({ value: text.toUpperCase() })
      }
    }
    await Promise.all([lane(2, 0), lane(2, 1)]).finally(() => clearInterval(killings))
    expect(stage.deaths).toBeGreaterThan(3)
    expect([...(await stage.readInside())].sort()).toEqual([...texts].sort())
  },
)

function describeAnswer(said: Said, expected: string): string {
  if ('value' in said) return said.value === expected ? 'reply' : `another reply: ${JSON.stringify(said.value)}`
  return said.code === 'IPCSUP_ERR_CALL_UNKNOWN' ? 'unknown' : `${said.code}: ${said.message}`
}

async function countEffects(stage: Stage, method: Method, text: string): Promise<number> {
  const effects = method === 'inside' ? await stage.readInside() : stage.outside
  return effects.filter(effect => effect === text).length
}
