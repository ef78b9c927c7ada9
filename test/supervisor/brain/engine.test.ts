import { describe, expect, it, vi } from 'vitest'
import { IpcsupError } from '../../../src/errors.js'
import { runReport } from '../../../src/supervisor/report.js'
import { type Policy, planOf, type Shape, World } from './model.js'

const crash = { signal: 'SIGKILL' }
const clean = { code: 0 }

type Link = Shape['links'][number]
const link = (writers: number[], readers: number[], lifetime: Link['lifetime'] = 'auto'): Link => ({
  writers,
  readers,
  lifetime,
})

function run(policies: Policy[], links: Link[] = [], needs: Shape['needs'] = [], names: string[] = []): World {
  const world = new World(planOf({ policies, links, needs }))
  world.engine.start(names)
  world.deliverAll()
  return world
}

function die(world: World, name: string, exit: { code: number } | { signal: string }): void {
  world.die(name, exit)
  world.deliverAll()
}

const report = (world: World) => runReport(world.engine.processes.values(), false, true)

describe('§1 uses and the closing of links', () => {
  it('a mere crash closes nothing; the end comes when the writer is finished', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1])])
    die(world, 'p0', crash)
    expect(world.closed).toEqual([])
    expect(world.spawns).toEqual(['p0#1', 'p1#1', 'p0#2'])
    die(world, 'p0', clean)
    expect(world.closed).toEqual(['l0.write over'])
  })

  it('the end comes only when every writer is finished', () => {
    const world = run(['on-failure', 'on-failure', 'on-failure'], [link([0, 1], [2])])
    die(world, 'p0', clean)
    expect(world.closed).toEqual([])
    die(world, 'p1', clean)
    expect(world.closed).toEqual(['l0.write over'])
  })

  it('where the link must know, the host is told of each use that is over, before a side that is over with it', () => {
    const told = (world: World) =>
      world.calls.flatMap(call => {
        if (call.type === 'leave') return [`${call.process} leaves ${call.link}.${call.side} after ${call.incarnation}`]
        return call.type === 'release' ? [`${call.link}.${call.side} ${call.reason}`] : []
      })
    const world = run(['on-failure', 'on-failure', 'on-failure'], [{ ...link([0], [1, 2]), tracksUses: true }])
    die(world, 'p1', crash)
    expect(told(world), 'it comes again').toEqual([])
    die(world, 'p1', clean)
    expect(told(world)).toEqual(['p1 leaves l0.read after 2'])
    world.engine.startProcesses(['p1'])
    world.deliverAll()
    expect(told(world)).toHaveLength(1)
    die(world, 'p1', clean)
    expect(told(world).at(-1)).toBe('p1 leaves l0.read after 3')
    die(world, 'p2', clean)
    expect(told(world).slice(2)).toEqual(['p2 leaves l0.read after 1', 'l0.read over'])
    const other = run(['on-failure', 'on-failure'], [link([0], [1])])
    die(other, 'p0', clean)
    expect(told(other), 'of a kind that need not know').toEqual(['l0.write over'])
  })

  it('an end that will never be handed out again is closed as soon as the instance has it', () => {
    const world = run(['never', 'never'], [link([0], [1])])
    expect(world.closed).toEqual(['l0.write sealed', 'l0.read sealed'])
  })

  it('a process that cannot be spawned is over: its readers see the end', () => {
    const world = new World(planOf({ policies: ['never', 'on-failure'], links: [link([0], [1])], needs: [] }))
    world.failSpawns = true
    world.engine.start(['p0'])
    world.deliverAll()
    expect(world.state('p0')).toBe('failed')
    expect(world.closed).toEqual(['l0.write over'])
  })

  it('stop parks: nothing is over, and start goes on with the same objects', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1])])
    world.engine.stopProcesses(['p0'], false)
    world.deliverAll()
    expect(world.state('p0')).toBe('parked')
    expect(world.closed).toEqual([])
    world.engine.startProcesses(['p0'])
    world.deliverAll()
    expect(world.state('p0')).toBe('running')
    expect(world.calls.filter(call => call.type === 'open')).toHaveLength(1)
  })

  it('stop --end finishes; restart never ends a use', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1])])
    world.engine.restartProcesses(['p0'])
    world.deliverAll()
    expect(world.spawns.at(-1)).toBe('p0#2')
    expect(world.closed).toEqual([])
    world.engine.stopProcesses(['p0'], true)
    world.deliverAll()
    expect(world.closed).toEqual(['l0.write over'])
  })

  it('a restart of many on a closed link looks at each of them a few times, not at each step of every other', () => {
    const count = 60
    const readers = Array.from({ length: count }, (_, index) => index + 1)
    const world = run(['never', ...readers.map(() => 'on-failure' as const)], [link([0], readers)])
    die(world, 'p0', { code: 0 })
    world.deliverAll()
    const asked = vi.spyOn(world.engine.links, 'of')
    world.engine.restartProcesses(['p0', ...readers.map(index => `p${index}`)])
    world.deliverAll()
    expect(world.spawns.slice(-count - 1).every(spawn => spawn.endsWith('#2'))).toBe(true)
    expect(asked.mock.calls.length).toBeLessThan(30 * count)
  })

  it('who is stopped by hand while the graph drains is ended: nobody starts for it', () => {
    const needs = [
      { of: 2, on: 1, need: 'completed' as const },
      { of: 3, on: 2, need: 'started' as const },
    ]
    const world = run(['always', 'always', 'always', 'always'], [link([0], [1]), link([1], [3])], needs)
    world.engine.stop('drain')
    world.engine.stopProcesses(['p2'], false)
    world.deliverAll()
    expect([world.state('p2'), world.state('p3')]).toEqual(['completed', 'failed'])
    expect(world.spawns).toEqual(['p0#1', 'p1#1'])
  })

  it('stop takes nothing from stop --end, whether that has come about or not', () => {
    const [ending, ended] = [0, 1].map(() => run(['on-failure', 'on-failure'], [link([0], [1])])) as [World, World]
    for (const world of [ending, ended]) {
      world.engine.stopProcesses(['p0'], true)
      if (world === ended) world.deliverAll()
      world.engine.stopProcesses(['p0'], false)
      world.deliverAll()
      expect([world.state('p0'), world.closed]).toEqual(['completed', ['l0.write over']])
    }
  })

  it('stop --end finishes a process in any state, so that its readers see the end', () => {
    const needs = [{ of: 1, on: 0, need: 'completed' as const }]
    const waiting = run(['on-failure', 'on-failure', 'on-failure'], [link([1], [2])], needs)
    waiting.engine.stopProcesses(['p1'], true)
    const parked = run(['on-failure', 'on-failure', 'on-failure'], [link([1], [2])])
    parked.engine.stopProcesses(['p1'], false)
    parked.deliverAll()
    parked.engine.stopProcesses(['p1'], true)
    const delayed = run(['on-failure', 'on-failure', 'on-failure'], [link([1], [2])])
    die(delayed, 'p1', crash)
    die(delayed, 'p1', crash)
    delayed.engine.stopProcesses(['p1'], true)
    const starting = new World(
      planOf({ policies: ['on-failure', 'on-failure', 'on-failure'], links: [link([1], [2])], needs: [] }),
    )
    starting.engine.start([])
    starting.deliver(0)
    starting.engine.stopProcesses(['p1'], true)
    starting.deliverAll()
    for (const world of [waiting, parked, delayed, starting]) expect(world.closed).toEqual(['l0.write over'])
    expect([waiting, parked, delayed, starting].map(world => world.state('p1'))).toEqual([
      'completed',
      'completed',
      'failed',
      'completed',
    ])
  })

  it('lifetime hold keeps both ends until the turn of the link in the stop', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1], 'hold')])
    die(world, 'p0', clean)
    expect(world.closed).toEqual([])
    world.stop('drain')
    world.deliverAll()
    expect(world.closed).toEqual(['l0.write over'])
  })

  it('a process of a closed side runs again only together with all others of the link, which is made anew', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1])])
    die(world, 'p0', clean)
    expect(() => world.engine.startProcesses(['p0'])).toThrow(
      expect.objectContaining({
        code: 'IPCSUP_ERR_LINK_CLOSED',
        message: expect.stringContaining('ipcsup restart p0 p1'),
      }),
    )
    world.engine.restartProcesses(['p0', 'p1'])
    world.deliverAll()
    expect([world.state('p0'), world.state('p1')]).toEqual(['running', 'running'])
    expect(world.engine.links.records.get('l0')).toMatchObject({ generation: 2, closed: new Set() })
  })

  it('a restart of several waits for the one that stops last, so that all get the new link', () => {
    const world = run(['on-failure', 'never'], [link([0], [1])])
    expect(world.closed).toEqual(['l0.read sealed'])
    world.stubborn.add('p1')
    world.engine.restartProcesses(['p0', 'p1'])
    world.deliverAll()
    expect([world.state('p0'), world.state('p1')]).toEqual(['waiting', 'stopping'])
    expect(world.engine.processes.get('p0')?.note).toBe('waits for link "l0" to be made anew')
    world.clock.advance(5000)
    world.deliverAll()
    expect([world.state('p0'), world.state('p1')]).toEqual(['running', 'running'])
    expect(world.engine.links.records.get('l0')?.generation).toBe(2)
  })

  it('and is not kept waiting by one that waits for its own need', () => {
    const world = run(['never', 'never'], [link([0], [1])], [{ of: 1, on: 0, need: 'started' }])
    world.engine.restartProcesses(['p0', 'p1'])
    world.deliverAll()
    expect([world.state('p0'), world.state('p1')]).toEqual(['running', 'running'])
    expect(world.engine.links.records.get('l0')?.generation).toBe(2)
  })

  it('a start is refused if it would wait for one that goes on: on the way down, or named and running', () => {
    const refused = expect.objectContaining({ code: 'IPCSUP_ERR_LINK_CLOSED' })
    const world = run(['never', 'on-failure'], [link([0], [1])])
    world.stubborn.add('p0')
    world.engine.stopProcesses(['p0'], false)
    expect(world.state('p0')).toBe('stopping')
    expect(() => world.engine.startProcesses(['p0'])).toThrow(refused)
    die(world, 'p0', clean)
    expect(world.state('p0')).toBe('parked')
    expect(() => world.engine.startProcesses(['p0', 'p1'])).toThrow(refused)
    world.engine.stopProcesses(['p1'], false)
    world.deliverAll()
    world.engine.startProcesses(['p0', 'p1'])
    world.deliverAll()
    expect([world.state('p0'), world.state('p1')]).toEqual(['running', 'running'])
  })

  it('a process of policy never that runs again by hand and still waits is not sealed: it will get that end', () => {
    const policies: Policy[] = ['never', 'never', 'on-failure', 'always']
    const world = run(policies, [link([1, 2], [3])], [{ of: 1, on: 0, need: 'completed' }])
    die(world, 'p0', clean)
    die(world, 'p1', clean)
    world.engine.startProcesses(['p0', 'p1'])
    world.deliverAll()
    die(world, 'p2', clean)
    expect([world.state('p1'), world.state('p2'), world.closed]).toEqual(['waiting', 'completed', []])
    die(world, 'p0', clean)
    expect([world.spawns.at(-1), world.closed]).toEqual(['p1#2', ['l0.write sealed']])
  })

  it('a restart of a process that is being spawned stops it and spawns it anew, with the end that it had', () => {
    const world = new World(planOf({ policies: ['never', 'always'], links: [link([1], [0])], needs: [] }))
    world.engine.start([])
    world.deliver(0)
    expect(world.state('p0')).toBe('starting')
    world.engine.restartProcesses(['p0'])
    world.deliverAll()
    expect(world.spawns).toEqual(['p0#1', 'p1#1', 'p0#2'])
    expect([world.state('p0'), world.engine.links.records.get('l0')?.generation]).toEqual(['running', 1])
  })
})

describe('§2 ends that are not failures', () => {
  it('a writer that nobody hears any more ended well if every reader completed', () => {
    const world = run(['always', 'on-failure'], [link([0], [1])])
    die(world, 'p1', clean)
    die(world, 'p0', { signal: 'SIGPIPE' })
    expect(world.state('p0')).toBe('completed')
    expect(report(world).ok).toBe(true)
  })

  it('and badly if one of them fails, even later', () => {
    const world = run(['never', 'never'], [link([0], [1])])
    die(world, 'p0', { signal: 'SIGPIPE' })
    expect(world.state('p0')).toBe('completed')
    die(world, 'p1', { code: 3 })
    expect(world.state('p0')).toBe('failed')
    expect(report(world).ok).toBe(false)
  })

  it('and badly if one of them fails while it waits to run again by hand, and then does not', () => {
    for (const park of [false, true]) {
      const world = run(['never', 'never', 'never', 'always'], [link([1], [2])], [{ of: 1, on: 0, need: 'completed' }])
      die(world, 'p0', clean)
      die(world, 'p1', { signal: 'SIGPIPE' })
      die(world, 'p2', clean)
      world.engine.startProcesses(['p0', 'p1', 'p2'])
      if (park) world.engine.stopProcesses(['p1'], false)
      world.deliverAll()
      die(world, 'p2', { code: 3 })
      expect([world.state('p1'), world.state('p2')]).toEqual([park ? 'parked' : 'waiting', 'failed'])
      world.engine.stopProcesses(['p1'], true)
      expect(world.state('p1')).toBe('failed')
    }
  })
})

describe('§3 what a restart cannot give back', () => {
  it('names the links whose data an unclean end may have taken with it', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1])])
    die(world, 'p0', crash)
    die(world, 'p1', crash)
    expect(report(world).processes.map(row => row.inputLost)).toEqual([[], ['l0']])
    expect(world.warnings).toEqual([
      '"p1" starts again after an unclean end: what it had already taken from "l0" is lost.',
    ])
    expect(runReport(world.engine.processes.values(), true, true).ok, 'with --strict').toBe(false)
  })

  it('where it acknowledges what it takes, nothing is lost; but what is made anew is', () => {
    const acknowledging = (lifetime: Link['lifetime']): World => {
      const plan = planOf({ policies: ['on-failure', 'on-failure'], links: [link([0], [1], lifetime)], needs: [] })
      const { l0 } = plan.links
      const read = { ...l0!.sides['read']!, acknowledges: true }
      const world = new World({ ...plan, links: { l0: { ...l0!, sides: { ...l0!.sides, read } } } })
      world.engine.start([])
      world.deliverAll()
      die(world, 'p1', crash)
      return world
    }
    expect(acknowledging('auto').warnings).toEqual([])
    expect(report(acknowledging('auto')).processes[1]?.inputLost).toEqual([])
    const reset = acknowledging('reset')
    while (!reset.spawns.includes('p1#2')) if (!reset.deliver(0)) expect(reset.clock.step()).toBe(true)
    expect(report(reset).processes[1]?.inputLost).toEqual(['l0'])
  })

  it('a clean end loses nothing', () => {
    const world = run(['always', 'always'], [link([0], [1])])
    die(world, 'p1', clean)
    expect(world.spawns.at(-1)).toBe('p1#2')
    expect(report(world).processes[1]?.inputLost).toEqual([])
  })
})

describe('§4 restart', () => {
  it('waits out the delay, on the clock', () => {
    const world = run(['on-failure'])
    die(world, 'p0', crash)
    expect(world.spawns, 'the first restart is at once').toHaveLength(2)
    die(world, 'p0', crash)
    expect(world.state('p0')).toBe('delayed')
    world.clock.advance(49)
    expect(world.spawns, 'half of the 100 ms bound is drawn').toHaveLength(2)
    world.clock.advance(1)
    expect(world.spawns).toHaveLength(3)
  })

  it('gives up at the limit, and is then finished', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1])])
    for (let restart = 0; restart <= 8; restart += 1) {
      die(world, 'p0', crash)
      if (world.state('p0') === 'delayed') world.clock.step()
      world.deliverAll()
    }
    expect(world.state('p0')).toBe('failed')
    expect(world.engine.processes.get('p0')?.note).toBe('gave up: 8 restarts within 1 min')
    expect(world.spawns.filter(name => name.startsWith('p0'))).toHaveLength(9)
    expect(world.closed).toEqual(['l0.write over'])
  })

  it('a start by hand begins the row anew', () => {
    const world = run(['on-failure'])
    for (let restart = 0; restart < 4; restart += 1) {
      die(world, 'p0', crash)
      if (world.state('p0') === 'delayed') world.clock.step()
      world.deliverAll()
    }
    world.engine.restartProcesses(['p0'])
    world.deliverAll()
    const before = world.spawns.length
    die(world, 'p0', crash)
    expect(world.spawns.length, 'at once again').toBe(before + 1)
  })

  it('a process whose need failed is finished as failed, and its readers do not wait for ever', () => {
    const world = run(['never', 'on-failure', 'on-failure'], [link([1], [2])], [{ of: 1, on: 0, need: 'completed' }])
    expect(world.state('p1')).toBe('waiting')
    die(world, 'p0', { code: 1 })
    expect(world.engine.processes.get('p1')).toMatchObject({ state: 'failed', note: 'need "p0" failed' })
    expect(world.closed).toEqual(['l0.write over'])
  })

  it('stop --end of a process that has completed takes nothing from its work', () => {
    const world = run(['never', 'never', 'always'], [], [{ of: 1, on: 0, need: 'completed' }], ['p0', 'p2'])
    die(world, 'p0', clean)
    world.engine.stopProcesses(['p0'], true)
    world.engine.startProcesses(['p1'])
    world.deliverAll()
    expect(world.state('p1')).toBe('running')
  })

  it('a restart of several keeps the order of their needs: who is still being stopped has not started', () => {
    const world = run(['on-failure', 'on-failure'], [], [{ of: 1, on: 0, need: 'started' }])
    world.stubborn.add('p0')
    world.engine.restartProcesses(['p0', 'p1'])
    world.deliverAll()
    expect([world.state('p0'), world.state('p1')]).toEqual(['stopping', 'waiting'])
    world.clock.advance(5000)
    world.deliverAll()
    expect(world.spawns.slice(2)).toEqual(['p0#2', 'p1#2'])
    world.engine.restartProcesses(['p0', 'p1'])
    world.deliverAll()
    world.engine.stopProcesses(['p0'], false)
    world.clock.advance(5000)
    world.deliverAll()
    expect([world.state('p0'), world.state('p1')], 'one that is parked instead was spawned').toEqual([
      'parked',
      'running',
    ])
  })

  it('the note says why it is in its state, and goes with it', () => {
    const note = (world: World, name: string) => world.engine.processes.get(name)?.note
    const world = run(['always', 'on-failure', 'on-failure'], [], [{ of: 1, on: 0, need: 'completed' }])
    expect(note(world, 'p1')).toBe('waits for "p0" to be completed')
    world.engine.stopProcesses(['p1'], false)
    expect([world.state('p1'), note(world, 'p1')]).toEqual(['parked', null])
    for (const _ of [1, 2]) die(world, 'p2', crash)
    expect(note(world, 'p2')).toBe('restart 2 in 50 ms')
    world.engine.stopProcesses(['p2'], true)
    expect([world.state('p2'), note(world, 'p2')]).toEqual(['failed', null])
  })

  it('starts dependants when their needs have started, or completed', () => {
    const world = run(
      ['never', 'on-failure', 'on-failure'],
      [],
      [
        { of: 1, on: 0, need: 'started' },
        { of: 2, on: 0, need: 'completed' },
      ],
    )
    expect(world.spawns).toEqual(['p0#1', 'p1#1'])
    die(world, 'p0', clean)
    expect(world.spawns).toEqual(['p0#1', 'p1#1', 'p2#1'])
  })
})

describe('§5 reset', () => {
  it('three writers and one reader begin again together, with a new link; it counts one restart, for the one that failed', () => {
    const world = run(
      ['on-failure', 'on-failure', 'on-failure', 'on-failure'],
      [link([0, 1, 2].slice(0, 2), [3], 'reset'), link([2], [3], 'reset')],
    )
    die(world, 'p1', crash)
    expect(world.signals.toSorted()).toEqual(['p0 SIGTERM', 'p2 SIGTERM', 'p3 SIGTERM'])
    expect(world.spawns.slice(4).toSorted()).toEqual(['p0#2', 'p1#2', 'p2#2', 'p3#2'])
    expect([...world.engine.links.records.values()].map(record => record.generation)).toEqual([2, 2])
    expect([...world.engine.processes.values()].map(record => record.row.count)).toEqual([0, 1, 0, 0])
    expect(world.warnings).toContain('7 bytes left in "l0".')
  })

  it('reaches along a chain of two reset links, and leaves other neighbours alone', () => {
    const world = run(
      ['on-failure', 'on-failure', 'on-failure', 'on-failure'],
      [link([0], [1], 'reset'), link([1], [2], 'reset'), link([2], [3])],
    )
    die(world, 'p0', crash)
    expect(world.spawns.slice(4).toSorted()).toEqual(['p0#2', 'p1#2', 'p2#2'])
    expect(world.engine.links.records.get('l2')?.generation).toBe(1)
  })

  it('calls a completed peer back', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1], 'reset')])
    die(world, 'p0', clean)
    die(world, 'p1', crash)
    expect(world.spawns.slice(2).toSorted()).toEqual(['p0#2', 'p1#2'])
  })

  it('with a parked peer the crashed process fails, naming it', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1], 'reset')])
    world.engine.stopProcesses(['p0'], false)
    world.deliverAll()
    die(world, 'p1', crash)
    expect(world.engine.processes.get('p1')).toMatchObject({
      state: 'failed',
      note: 'its links cannot be reset: "p0" is parked',
    })
  })

  it('so it does with a peer that was ended by hand: that was for good', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1], 'reset')])
    world.engine.stopProcesses(['p0'], true)
    world.deliverAll()
    die(world, 'p1', crash)
    expect([world.state('p0'), world.spawns]).toEqual(['completed', ['p0#1', 'p1#1']])
    expect(world.engine.processes.get('p1')).toMatchObject({
      state: 'failed',
      note: 'its links cannot be reset: "p0" was ended by hand',
    })
  })

  it('who is started for the first time while the set is going down waits for the new links', () => {
    const links = [link([0], [1], 'reset'), link([2], [1], 'reset')]
    const world = run(['on-failure', 'on-failure', 'on-failure'], links, [], ['p0', 'p1'])
    world.stubborn.add('p0')
    die(world, 'p1', crash)
    expect([world.state('p0'), world.state('p1')]).toEqual(['stopping', 'delayed'])
    world.engine.startProcesses(['p2'])
    world.deliverAll()
    expect(world.engine.processes.get('p2')).toMatchObject({
      state: 'waiting',
      note: 'waits for the reset of its links',
    })
    world.clock.advance(5000)
    world.deliverAll()
    expect(world.spawns.slice(2).toSorted()).toEqual(['p0#2', 'p1#2', 'p2#1'])
  })

  it.each([
    ['parked', false],
    ['completed', true],
  ] as const)('a member that is %s while what it left behind is being ended does not hold up the others', (to, end) => {
    const world = run(['never', 'on-failure'], [link([0], [1], 'reset')])
    world.leaveLeftovers = true
    world.stubborn.add('p0')
    die(world, 'p0', clean)
    world.leaveLeftovers = false
    die(world, 'p1', crash)
    expect([world.state('p0'), world.signals]).toEqual(['delayed', ['p0 SIGTERM']])
    world.engine.stopProcesses(['p0'], end)
    expect(world.state('p0')).toBe(to)
    world.clock.advance(5000)
    world.deliverAll()
    expect(world.signals).toEqual(['p0 SIGTERM', 'p0 SIGKILL'])
    expect(world.spawns.slice(2)).toEqual(['p1#2'])
  })

  it('another crash while the set is going down is part of the same reset', () => {
    const world = run(['on-failure', 'on-failure', 'on-failure'], [link([0, 2], [1], 'reset')])
    world.stubborn.add('p2')
    die(world, 'p0', crash)
    expect(world.state('p0')).toBe('delayed')
    die(world, 'p2', crash)
    expect(world.spawns.slice(3).toSorted()).toEqual(['p0#2', 'p1#2', 'p2#2'])
    expect([...world.engine.processes.values()].map(record => record.row.count)).toEqual([1, 0, 0])
  })

  it('waits out the delay of the one that failed, then starts in the order of needs', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1], 'reset')], [{ of: 1, on: 0, need: 'started' }])
    die(world, 'p0', crash)
    die(world, 'p0', crash)
    expect([world.state('p0'), world.state('p1')]).toEqual(['delayed', 'delayed'])
    world.clock.advance(100)
    world.deliverAll()
    expect(world.spawns.slice(-2)).toEqual(['p0#3', 'p1#3'])
  })

  it('a clean end resets nothing', () => {
    const world = run(['always', 'always'], [link([0], [1], 'reset')])
    die(world, 'p1', clean)
    expect(world.signals).toEqual([])
    expect(world.engine.links.records.get('l0')?.generation).toBe(1)
  })
})

describe('§6 leftovers', () => {
  it('the next incarnation is spawned only when nothing of the former is left', () => {
    const world = run(['on-failure'])
    world.leaveLeftovers = true
    world.stubborn.add('p0')
    die(world, 'p0', crash)
    expect(world.state('p0')).toBe('stopping')
    expect(world.signals).toEqual(['p0 SIGTERM'])
    expect(world.spawns).toHaveLength(1)
    world.clock.advance(5000)
    world.deliverAll()
    expect(world.signals).toEqual(['p0 SIGTERM', 'p0 SIGKILL'])
    expect(world.spawns).toHaveLength(2)
  })

  it('after a completed exit they are left alone, until somebody starts the process again', () => {
    const world = run(['never'])
    world.leaveLeftovers = true
    die(world, 'p0', clean)
    expect(world.signals).toEqual([])
    expect(world.engine.processes.get('p0')?.leftovers).toEqual([4711])
  })

  it('once they were asked to end they have until stopTimeout, whatever becomes of the process', () => {
    const needs = [{ of: 1, on: 0, need: 'completed' }] as const
    const world = run(['never', 'on-failure', 'always'], [], needs)
    die(world, 'p0', clean)
    world.leaveLeftovers = true
    world.stubborn.add('p1')
    die(world, 'p1', clean)
    world.engine.startProcesses(['p0', 'p1'])
    world.deliverAll()
    expect([world.state('p1'), world.signals]).toEqual(['waiting', ['p1 SIGTERM']])
    die(world, 'p0', { code: 1 })
    expect(world.state('p1')).toBe('failed')
    world.clock.advance(5000)
    world.deliverAll()
    expect(world.signals).toEqual(['p1 SIGTERM', 'p1 SIGKILL'])
    expect(world.engine.processes.get('p1')?.leftovers).toEqual([])
  })

  it('who waits for them says so', () => {
    const world = run(['never', 'always'])
    world.leaveLeftovers = true
    world.stubborn.add('p0')
    die(world, 'p0', clean)
    world.engine.startProcesses(['p0'])
    expect(world.engine.processes.get('p0')).toMatchObject({
      state: 'waiting',
      note: 'waits for the end of what its last incarnation left behind',
    })
    world.endLeftovers('p0')
    world.deliverAll()
    expect(world.spawns.at(-1)).toBe('p0#2')
  })

  it('those that the host had not found yet when SIGKILL was sent get one of their own', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1])])
    world.leaveLeftovers = true
    world.stubborn.add('p0').add('p1')
    world.engine.stopProcesses(['p0'], false)
    world.die('p0', clean)
    world.clock.advance(5000)
    expect(world.signals).toEqual(['p0 SIGTERM', 'p0 SIGKILL'])
    world.deliverAll()
    expect(world.signals).toEqual(['p0 SIGTERM', 'p0 SIGKILL', 'p0 SIGKILL'])
    expect(world.state('p0')).toBe('parked')
    world.stop('drain')
    expect(world.clock.pending, 'the drain timeout of p1').toBe(1)
    world.die('p1', clean)
    world.stop('kill')
    world.deliverAll()
    expect(world.over).toBe(true)
  })
})

describe('§7 stop of the graph', () => {
  it('goes in the direction of the data: a reader has the time to read what is left', () => {
    const world = run(['on-failure', 'on-failure', 'on-failure'], [link([0], [1]), link([1], [2])])
    world.stop('drain')
    expect(world.signals).toEqual(['p0 SIGTERM'])
    world.deliverAll()
    expect(world.closed).toEqual(['l0.write over'])
    expect(world.signals, 'p1 ends by itself').toEqual(['p0 SIGTERM'])
    die(world, 'p1', clean)
    expect(world.closed).toContain('l1.write over')
    die(world, 'p2', clean)
    expect(world.over).toBe(true)
    expect(world.signals).toEqual(['p0 SIGTERM'])
    expect(report(world).ok).toBe(true)
  })

  it('gives drainTimeout, then SIGTERM, then after stopTimeout SIGKILL', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1])])
    world.stubborn.add('p1')
    world.stop('drain')
    world.deliverAll()
    world.clock.advance(9_999)
    expect(world.signals).toEqual(['p0 SIGTERM'])
    world.clock.advance(1)
    expect(world.signals.at(-1)).toBe('p1 SIGTERM')
    world.clock.advance(5_000)
    expect(world.signals.at(-1)).toBe('p1 SIGKILL')
    world.deliverAll()
    expect(world.over).toBe(true)
    expect(report(world).ok, 'it had to be killed').toBe(false)
  })

  it('who ended by its stop signal ended well, also when a busy supervisor hears of it after the time for SIGKILL', () => {
    const world = run(['on-failure'], [])
    world.stop('drain')
    world.clock.advance(5_000)
    expect(world.signals).toEqual(['p0 SIGTERM', 'p0 SIGKILL'])
    world.deliverAll()
    expect(world.over).toBe(true)
    expect(report(world).ok).toBe(true)
  })

  it('before its turn a reader is restarted at once, without delay; from its turn on it is not', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1])])
    world.stubborn.add('p0')
    die(world, 'p1', crash)
    die(world, 'p1', crash)
    expect(world.state('p1')).toBe('delayed')
    world.stop('drain')
    world.deliverAll()
    expect(world.state('p1')).toBe('running')
    die(world, 'p1', crash)
    expect(world.state('p1'), 'still before its turn').toBe('running')
    die(world, 'p0', clean)
    die(world, 'p1', crash)
    expect(world.state('p1')).toBe('failed')
    expect(world.over).toBe(true)
  })

  it('stops components of mutual reach together, at once', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1]), link([1], [0])])
    world.stop('drain')
    expect(world.signals).toEqual(['p0 SIGTERM', 'p1 SIGTERM'])
  })

  it('finishes a waiting, parked or delayed member at once', () => {
    const world = run(['on-failure', 'on-failure', 'on-failure'], [], [{ of: 1, on: 0, need: 'completed' }])
    world.engine.stopProcesses(['p2'], false)
    world.deliverAll()
    world.stop('drain')
    expect([world.state('p1'), world.state('p2')]).toEqual(['completed', 'completed'])
  })

  it('nothing is timed for a process that could not be spawned in its turn', () => {
    const policies: Policy[] = ['on-failure', 'on-failure', 'on-failure', 'on-failure']
    const needs = [{ of: 2, on: 1, need: 'started' }] as const
    const world = new World(planOf({ policies, links: [link([0], [2])], needs }))
    world.stubborn.add('p3')
    world.engine.start([])
    for (const _ of ['l0 is open', 'p0 is spawned']) world.deliver(0)
    world.failSpawns = true
    for (const _ of ['p1 is spawned', 'p3 is spawned']) world.deliver(0)
    expect(world.state('p2')).toBe('starting')
    world.stop('drain')
    for (const _ of ['p0 is signalled', 'p0 has ended']) world.deliver(0)
    expect(world.clock.pending, 'the drain timeout of p2 and the stop timeout of p3').toBe(2)
    world.deliverAll()
    expect([world.state('p2'), world.state('p3'), world.clock.pending]).toEqual(['failed', 'stopping', 1])
  })

  it('a stop without drain asks everyone, and a kill waits for nobody', () => {
    const world = run(['on-failure', 'on-failure'], [link([0], [1])])
    world.stubborn.add('p0').add('p1')
    world.stop('now')
    expect(world.signals).toEqual(['p0 SIGTERM', 'p1 SIGTERM'])
    world.stop('kill')
    expect(world.signals.slice(2)).toEqual(['p0 SIGKILL', 'p1 SIGKILL'])
    world.deliverAll()
    expect(world.over).toBe(true)
  })

  it('destroys the links in reverse order once every process is finished', () => {
    const world = run(['never', 'never'], [link([0], [1]), link([0], [1])])
    die(world, 'p0', clean)
    die(world, 'p1', clean)
    expect(world.calls.flatMap(call => (call.type === 'destroy' ? [call.link] : []))).toEqual(['l1', 'l0'])
    expect(world.over).toBe(true)
  })
})

describe('§16 starting a part', () => {
  it('starts the named and their needs; the others are idle, which is not finished', () => {
    const world = run(
      ['on-failure', 'never', 'on-failure'],
      [link([2], [1])],
      [{ of: 1, on: 0, need: 'started' }],
      ['p1'],
    )
    expect(world.spawns).toEqual(['p0#1', 'p1#1'])
    expect(world.state('p2')).toBe('idle')
    expect(world.closed, 'the idle writer may still come').not.toContain('l0.write over')
  })

  it('the run ends when all started ones are finished', () => {
    const world = run(['never', 'on-failure'], [], [], ['p0'])
    die(world, 'p0', clean)
    expect(world.over).toBe(true)
  })
})

describe('links that cannot be made', () => {
  it('undo what was made, in reverse, and start nothing', () => {
    const links = [link([0], [1]), link([0], [1]), link([0], [1])]
    const world = new World(planOf({ policies: ['never', 'never'], links, needs: [] }))
    world.engine.start([])
    world.deliver(0)
    world.failOpens = true
    world.deliverAll()
    expect(world.startFailed).toBe(true)
    expect(world.spawns).toEqual([])
    const seen = world.calls.map(call => ('link' in call ? `${call.type} ${call.link}` : call.type))
    expect(seen).toEqual(['open l0', 'open l1', 'open l2', 'destroy l1', 'destroy l0'])
  })

  it('refuses a start while the graph stops', () => {
    const world = run(['on-failure', 'on-failure'])
    world.stubborn.add('p0')
    world.stop('drain')
    expect(() => world.engine.startProcesses(['p1'])).toThrow(IpcsupError)
  })

  it.each(['fail', 'be stopped'])('a call by hand that came before is answered also when they %s', async how => {
    const routes = [{ on: 'call', signal: 'SIGUSR1', from: [0], to: [1] }] as const
    const world = new World(planOf({ policies: ['never', 'never'], links: [], needs: [], routes }))
    world.failOpens = how === 'fail'
    world.engine.start([])
    let called: readonly string[] | null = null
    world.engine.callLink(world.engine.links.records.get('r0')!, names => {
      called = names
    })
    if (how !== 'fail') world.stop('drain')
    world.deliverAll()
    expect(world.over).toBe(true)
    await Promise.resolve()
    expect(called).toEqual([])
  })
})

describe('readiness', () => {
  /** p0 says when it is ready; p1 needs that. */
  function runReady(policies: Policy[] = ['on-failure', 'never'], names: string[] = []): World {
    const needs = [{ of: 1, on: 0, need: 'ready' }] as const
    const world = new World(planOf({ policies, links: [], needs, tell: [true, false] }))
    world.engine.start(names)
    world.deliverAll()
    return world
  }
  function tell(world: World, ready: boolean, status: string | null = null): void {
    world.tell('p0', ready, status)
    world.deliverAll()
  }
  const record = (world: World, name: string) => world.engine.processes.get(name)!

  it('who needs a process ready starts when it says so, and not before', () => {
    const world = runReady()
    expect([world.state('p0'), world.state('p1')]).toEqual(['running', 'waiting'])
    expect(record(world, 'p1').note).toBe('waits for "p0" to be ready')
    tell(world, false, 'loading')
    expect([world.state('p0'), record(world, 'p0').statusText, world.spawns]).toEqual(['running', 'loading', ['p0#1']])
    tell(world, true)
    expect([world.state('p0'), world.state('p1')]).toEqual(['ready', 'running'])
    expect(record(world, 'p0').statusText).toBe('loading')
    tell(world, true)
    expect(world.spawns).toEqual(['p0#1', 'p1#1'])
  })

  it('a restart takes readiness and its words away; what waits for it waits for the new incarnation', () => {
    const world = runReady(['on-failure', 'never'], ['p0'])
    tell(world, true, 'serving')
    die(world, 'p0', crash)
    expect([world.state('p0'), record(world, 'p0').statusText]).toEqual(['running', null])
    world.engine.startProcesses(['p1'])
    world.deliverAll()
    expect(world.state('p1')).toBe('waiting')
    tell(world, true)
    expect([world.state('p0'), world.state('p1')]).toEqual(['ready', 'running'])
  })

  it('who has started goes on when its need restarts', () => {
    const world = runReady(['on-failure', 'on-failure'])
    tell(world, true)
    die(world, 'p0', crash)
    expect([world.state('p0'), world.state('p1')]).toEqual(['running', 'running'])
    die(world, 'p1', crash)
    expect(world.state('p1')).toBe('running')
  })

  it('the word of a former incarnation, or of one that is gone, means nothing', () => {
    const world = runReady()
    world.tell('p0', true, 'late')
    world.die('p0', crash, true)
    world.deliverAll()
    expect([world.state('p0'), world.state('p1'), record(world, 'p0').statusText]).toEqual(['running', 'waiting', null])
  })

  it('a word that comes before the answer to the spawn counts', () => {
    const world = new World(planOf({ policies: ['on-failure'], links: [], needs: [], tell: [true] }))
    world.engine.start([])
    world.tell('p0', true, null, true)
    world.deliverAll()
    expect(world.log.filter(line => line.startsWith('p0:'))).toEqual([
      'p0: idle → waiting',
      'p0: waiting → starting',
      'p0: starting → running',
      'p0: running → ready',
    ])
  })

  it('what was said in a former incarnation meets no need once the process has completed', () => {
    const needs = [
      { of: 2, on: 0, need: 'ready' },
      { of: 2, on: 1, need: 'completed' },
    ] as const
    const world = new World(planOf({ policies: ['on-failure', 'never', 'never'], links: [], needs, tell: [true] }))
    world.engine.start([])
    world.deliverAll()
    tell(world, true)
    die(world, 'p0', crash)
    die(world, 'p0', clean)
    die(world, 'p1', clean)
    expect([world.state('p0'), world.state('p1'), world.state('p2')]).toEqual(['completed', 'completed', 'failed'])
  })

  it('a need that failed, or completed without ever being ready, is lost; one that was ready and completed is met', () => {
    const failed = runReady(['never', 'never'])
    die(failed, 'p0', { code: 1 })
    expect([failed.state('p1'), record(failed, 'p1').note]).toEqual(['failed', 'need "p0" failed'])
    const silent = runReady(['never', 'never'])
    die(silent, 'p0', clean)
    expect([silent.state('p1'), record(silent, 'p1').note]).toEqual(['failed', 'need "p0" ended before it was ready'])
    const needs = [
      { of: 2, on: 0, need: 'ready' },
      { of: 2, on: 1, need: 'completed' },
    ] as const
    const world = new World(planOf({ policies: ['never', 'never', 'never'], links: [], needs, tell: [true] }))
    world.engine.start([])
    world.deliverAll()
    tell(world, true)
    die(world, 'p0', clean)
    expect(world.state('p2')).toBe('waiting')
    die(world, 'p1', clean)
    expect(world.state('p2')).toBe('running')
  })

  it.each(['drain', 'now', 'kill'] as const)('a ready process is stopped as a running one (%s)', how => {
    const world = runReady()
    tell(world, true)
    world.stop(how)
    world.deliverAll()
    expect(world.over).toBe(true)
    expect([world.state('p0'), world.state('p1')]).toEqual(
      how === 'kill' ? ['failed', 'failed'] : ['completed', 'completed'],
    )
  })

  it('a ready reader gets its drain timeout, and ends by itself', () => {
    const world = new World(
      planOf({ policies: ['on-failure', 'on-failure'], links: [link([0], [1])], needs: [], tell: [false, true] }),
    )
    world.engine.start([])
    world.deliverAll()
    world.tell('p1', true, null)
    world.deliverAll()
    world.stop('drain')
    world.deliverAll()
    expect(world.signals).toEqual(['p0 SIGTERM'])
    die(world, 'p1', clean)
    expect(world.over).toBe(true)
  })
})

describe('routes', () => {
  function runRoute(
    on: 'exit' | 'ready' | 'call',
    policies: Policy[] = ['on-failure', 'on-failure'],
    links: Link[] = [],
  ): World {
    const routes = [{ on, signal: 'SIGUSR1', from: [0], to: policies.map((_, index) => index).slice(1) }]
    const world = new World(planOf({ policies, links, needs: [], tell: [true], routes }))
    for (const { name } of Object.values(world.plan.processes)) world.deaf.add(name)
    world.engine.start([])
    world.deliverAll()
    return world
  }

  it('an end becomes a signal to everyone at the other side: a crash, a clean end, a stop by hand', () => {
    const world = runRoute('exit', ['on-failure', 'on-failure', 'never'])
    die(world, 'p0', crash)
    expect(world.signals).toEqual(['p1 SIGUSR1', 'p2 SIGUSR1'])
    world.engine.stopProcesses(['p0'], false)
    world.deliverAll()
    expect(world.signals.slice(2)).toEqual(['p0 SIGTERM', 'p1 SIGUSR1', 'p2 SIGUSR1'])
    world.engine.startProcesses(['p0'])
    world.deliverAll()
    die(world, 'p0', clean)
    expect(world.signals.slice(5)).toEqual(['p1 SIGUSR1', 'p2 SIGUSR1'])
  })

  it.each(['drain', 'now', 'kill'] as const)('an end that the stop of the graph asked for signals nobody (%s)', how => {
    // A reader goes after its writer: it is still there when that ends.
    const world = runRoute('exit', ['on-failure', 'on-failure'], [link([0], [1])])
    world.stop(how)
    world.deliverAll()
    expect(world.state('p1')).toBe(how === 'drain' ? 'running' : how === 'now' ? 'completed' : 'failed')
    die(world, 'p1', clean)
    expect(world.over).toBe(true)
    expect(world.signals.filter(row => row.includes('SIGUSR1'))).toEqual([])
  })

  it('a crash before its turn in the stop of the graph is an event', () => {
    const links = [link([0], [1]), link([1], [2])]
    const routes = [{ on: 'exit', signal: 'SIGUSR1', from: [1], to: [2] }] as const
    const world = new World(planOf({ policies: ['on-failure', 'on-failure', 'on-failure'], links, needs: [], routes }))
    world.deaf.add('p2')
    world.stubborn.add('p0')
    world.engine.start([])
    world.deliverAll()
    world.stop('drain')
    world.deliverAll()
    die(world, 'p1', crash)
    expect(world.signals).toEqual(['p0 SIGTERM', 'p2 SIGUSR1'])
  })

  it('becoming ready signals once in each incarnation', () => {
    const world = runRoute('ready')
    for (const _ of [1, 2]) {
      world.tell('p0', true, null)
      world.deliverAll()
    }
    expect(world.signals).toEqual(['p1 SIGUSR1'])
    die(world, 'p0', crash)
    world.tell('p0', true, null)
    world.deliverAll()
    expect(world.signals).toEqual(['p1 SIGUSR1', 'p1 SIGUSR1'])
  })

  it('only who runs is signalled: nobody that is parked, delayed, stopping or not spawned yet', () => {
    const world = runRoute('call', ['on-failure', 'on-failure', 'on-failure', 'on-failure'])
    world.engine.stopProcesses(['p1'], false)
    world.deliverAll()
    world.stubborn.add('p2')
    world.engine.stopProcesses(['p2'], false)
    for (const _ of [1, 2]) die(world, 'p3', crash)
    expect([world.state('p1'), world.state('p2'), world.state('p3')]).toEqual(['parked', 'stopping', 'delayed'])
    const before = world.signals.length
    world.call('r0')
    world.deliverAll()
    expect(world.signals.slice(before)).toEqual([])
  })

  it('calls that come while one is being sent are one more, and the last is never lost', () => {
    const world = runRoute('call')
    for (const _ of [1, 2, 3, 4]) world.call('r0')
    const isRoute = (row: string) => row === 'p1 SIGUSR1'
    world.deliver(0)
    expect(world.signals.filter(isRoute)).toHaveLength(1)
    world.deliverAll()
    expect(world.signals.filter(isRoute)).toHaveLength(2)
    world.call('r0')
    world.deliverAll()
    expect(world.signals.filter(isRoute)).toHaveLength(3)
  })

  it('a process that has called and is finished can run again alone: nothing of a route is ever closed', () => {
    const world = runRoute('call', ['never', 'never'])
    die(world, 'p0', clean)
    expect(world.closed).toEqual([])
    world.engine.startProcesses(['p0'])
    world.deliverAll()
    expect(world.spawns).toEqual(['p0#1', 'p1#1', 'p0#2'])
  })
})
