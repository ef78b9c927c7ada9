/**
 * Stops before and after each store of the core to shared memory, one after another, and lets happen there what may:
 * the process is killed, or the others go on meanwhile. The places are found by counting, not by a list.
 */
import { describe, expect, test } from 'vitest'
import type { Geometry } from '../../../src/ipc/ring/layout.js'
import { firstStart, type Start, shape } from './support.js'
import { Killed, listPayloads, World } from './world.js'

// In the middle of it positions and sequences pass 2^32, where words begin anew.
const lateStart: Start = { position: 2 ** 32 - 4096 - 512, sequence: 2 ** 32 - 6 }

interface Scenario {
  readonly geometry: Geometry
  readonly start: Start
  /** Messages of each writer. */
  readonly count: number
  /** Functions of the core that store, which the scenario must come to. */
  readonly stores: readonly string[]
}

const cursorStores = ['publish', 'publishHead', 'wake', 'sleep', 'wakeWriter', '#wakeReaders']
const shareStores = ['#lock', '#unlock', '#publishClaim', '#claimNext', '#updateHead', 'acknowledge', 'wakeWriter']

const scenarios: Record<string, Scenario> = {
  'one reader': { geometry: shape(), start: lateStart, count: 30, stores: cursorStores },
  'one reader, two writers': { geometry: shape({ writers: 2 }), start: firstStart, count: 20, stores: cursorStores },
  'each of two readers': {
    geometry: shape({ mode: 'each', readers: 2 }),
    start: lateStart,
    count: 24,
    stores: cursorStores,
  },
  lossy: {
    geometry: shape({ mode: 'each', readers: 2, isLossy: true }),
    start: lateStart,
    count: 30,
    stores: ['#overwrite', 'writeMark', 'publishHead'],
  },
  share: { geometry: shape({ mode: 'share', readers: 3 }), start: lateStart, count: 24, stores: shareStores },
  'share, two writers': {
    geometry: shape({ mode: 'share', readers: 2, writers: 2 }),
    start: firstStart,
    count: 16,
    stores: shareStores,
  },
}

for (const [title, scenario] of Object.entries(scenarios)) {
  describe(title, () => {
    const steps = runScenario(scenario, () => {})

    test('comes to every store', () => {
      const places = new Set<string>()
      runScenario(scenario, () => places.add(nameCaller(new Error())))
      expect([...places]).toEqual(expect.arrayContaining([...scenario.stores]))
    })

    for (const restarts of ['at once', 'later'] as const) {
      test(`survives a kill before and after each store, when who is killed comes again ${restarts}`, () => {
        for (let place = 0; place < steps; place++) {
          runScenario(scenario, step => die(step === place), { restarts, title: `killed at ${place}` })
        }
      })
    }

    test('goes on rightly when the others go on before each load and around each store', () => {
      let places = 1
      for (let place = 0; place < places; place++) {
        const act = (step: number, world: World): void => {
          if (step === place) world.interrupt()
        }
        places = runScenario(scenario, act, { title: `interrupted at ${place}`, looks: true })
      }
      expect(places).toBeGreaterThan(500)
    })
  })
}

for (const title of ['one reader', 'lossy', 'share']) {
  test(`${title}: survives two kills, the second at each store of the time after the first`, () => {
    const scenario: Scenario = { ...scenarios[title]!, count: 5 }
    const steps = runScenario(scenario, () => {})
    for (let first = 0; first < steps; first++) {
      for (let second = first + 1; second < first + 30; second++) {
        runScenario(scenario, step => die(step === first || step === second), {
          title: `killed at ${first}, ${second}`,
        })
      }
    }
  })
}

interface Run {
  readonly restarts?: 'at once' | 'later'
  readonly title?: string
  /** A load is a step too. */
  readonly looks?: boolean
}

/** Calls `act` with the number of each step. Returns how many there were. */
function runScenario(
  { geometry, start, count }: Scenario,
  act: (step: number, world: World) => void,
  { restarts, title = 'undisturbed', looks = false }: Run = {},
): number {
  const world = new World(geometry, start, count, preparePayloads(geometry, start, count), restarts)
  let steps = 0
  const deaths: { readonly name: string; readonly error: Killed }[] = []
  world.step = () => {
    const step = steps++
    try {
      act(step, world)
    } catch (error) {
      if (error instanceof Killed) deaths.push({ name: world.currentName, error })
      throw error
    }
  }
  if (looks) world.look = world.step
  try {
    world.run()
  } catch (error) {
    const places = deaths.map(death => ` ${death.name} in ${nameCaller(death.error)}`).join('')
    throw new Error(`${title}${places}: ${(error as Error).message}`, { cause: error })
  }
  return steps
}

const prepared = new Map<string, Buffer[][]>()

function preparePayloads(geometry: Geometry, start: Start, count: number): Buffer[][] {
  const key = JSON.stringify([geometry, start, count])
  const payloads = prepared.get(key) ?? listPayloads(geometry, start, count)
  prepared.set(key, payloads)
  return payloads
}

function die(isTime: boolean): void {
  if (isTime) throw new Killed()
}

/** The function of the core that was about to store, or had. */
function nameCaller({ stack }: Error): string {
  const frames = stack!.split('\n')
  const frame = frames.find(line => line.includes('/src/ipc/ring/') && !line.includes('/memory.ts'))
  return frame?.match(/at (?:new )?(?:\w+\.)?(#?\w+)/)?.[1] ?? 'the program'
}
