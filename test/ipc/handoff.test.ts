import { expect, test } from 'vitest'
import type { HandlePart } from '../../src/ipc/facts.js'
import { describeHandoff, fillTemplate, type HandedEnd, readHandoff } from '../../src/ipc/handoff.js'

const end = (more: Partial<HandedEnd>): HandedEnd => ({
  link: 'lines',
  kind: 'pipe',
  side: 'read',
  fd: 3,
  listens: false,
  variables: {},
  variable: 'LINES',
  hint: {},
  options: {},
  ...more,
})
const identity = { process: 'web.0', generation: 2, run: 'r1' }

test('§4 a child is told who it is, also without links', () => {
  expect(describeHandoff(identity, [])).toEqual({ IPCSUP_PROCESS: 'web.0', IPCSUP_GENERATION: '2', IPCSUP_RUN: 'r1' })
})

test('§4 each end has variables for what applies to it', () => {
  const ends = [
    end({}),
    end({ link: 'spot', fd: 4, variable: 'SPOT', hint: { path: '/run/f' } }),
    end({ link: 'frames', fd: 5, variable: 'FRAMES', hint: { name: '/frames' } }),
    end({ link: 'web', fd: 6, variable: 'WEB', hint: { host: '127.0.0.1', port: 80 } }),
    end({ link: 'jobs', fd: null, variable: 'JOBS', hint: { id: 0, key: 4711 } }),
  ]
  expect(describeHandoff(identity, ends)).toMatchObject({
    IPCSUP_FD_LINES: '3',
    IPCSUP_FD_SPOT: '4',
    IPCSUP_PATH_SPOT: '/run/f',
    IPCSUP_NAME_FRAMES: '/frames',
    IPCSUP_ADDR_WEB: '127.0.0.1:80',
    IPCSUP_ID_JOBS: '0',
    IPCSUP_KEY_JOBS: '4711',
  })
  expect(describeHandoff(identity, ends)).not.toHaveProperty('IPCSUP_PATH_LINES')
})

test('§4 IPCSUP_LINKS has every end, those at 0 to 2 too, and is read back', () => {
  const ends = [
    end({ fd: 0, variable: null }),
    end({ link: 'spot', fd: 4, variable: 'SPOT', hint: { path: '/run/f' }, options: { mode: 384 } }),
  ]
  const variables = describeHandoff(identity, ends)
  expect(variables).not.toHaveProperty('IPCSUP_FD_LINES')
  expect(readHandoff(variables)).toEqual({
    lines: { kind: 'pipe', side: 'read', fd: 0, options: {} },
    spot: { kind: 'pipe', side: 'read', fd: 4, path: '/run/f', options: { mode: 384 } },
  })
  expect(readHandoff({})).toEqual({})
})

test('a placeholder becomes the natural handle, or one part of it', () => {
  const ends = [
    end({}),
    end({ link: 'spot', fd: 4, hint: { path: '/run/f' } }),
    end({ link: 'frames', fd: 5, hint: { name: '/frames' } }),
    end({ link: 'web', fd: 6, hint: { host: '127.0.0.1', port: 80 } }),
    end({ link: 'jobs', fd: null, hint: { id: 0, key: 4711 } }),
  ]
  const fill = (link: string, part: HandlePart) => fillTemplate([{ link, part }], ends)
  expect(['lines', 'spot', 'frames', 'web', 'jobs'].map(link => fill(link, 'natural'))).toEqual([
    '/dev/fd/3',
    '/run/f',
    '/frames',
    '127.0.0.1:80',
    '0',
  ])
  expect([
    fill('lines', 'fd'),
    fill('spot', 'path'),
    fill('frames', 'name'),
    fill('web', 'host'),
    fill('web', 'port'),
    fill('jobs', 'id'),
    fill('jobs', 'key'),
  ]).toEqual(['3', '/run/f', '/frames', '127.0.0.1', '80', '0', '4711'])
  expect(fillTemplate(['a=', { link: 'lines', part: 'fd' }, '!'], ends)).toBe('a=3!')
})

test('§4 a link may be called as what every object of JavaScript has', () => {
  const ends = [end({ link: 'constructor' }), end({ link: 'toString', fd: 4, variable: 'TOSTRING' })]
  const read = readHandoff(describeHandoff(identity, ends))
  expect(Object.keys(read)).toEqual(['constructor', 'toString'])
  expect(read['constructor']).toMatchObject({ kind: 'pipe', fd: 3 })
  expect(read['valueOf']).toBeUndefined()
  expect(readHandoff({})['toString']).toBeUndefined()
})
