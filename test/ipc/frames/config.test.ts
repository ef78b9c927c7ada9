/** What a config may say of frames, and what it is told otherwise. */
import { describe, expect, expectTypeOf, test } from 'vitest'
import type { EndOf } from '../../../src/child/index.js'
import { buildPlan } from '../../../src/config/build-plan.js'
import { defineConfig } from '../../../src/index.js'
import type { FrameConnection, FrameReader, FrameServer, FrameWriter } from '../../../src/ipc/frames/ends.js'
import { kinds } from '../../../src/ipc/kinds/index.js'
import { refusalOf } from '../support.js'

const plan = (link: object, processes: object = {}) =>
  buildPlan(
    { links: { data: link }, processes },
    { kinds, directory: '/', configPath: null, isEmbedded: Object.keys(processes).length === 0 },
  )
const writer = { command: 'cat', links: { data: 'write' } }
const reader = { command: 'cat', links: { data: 'read' } }

test.each(['pipe', 'fifo', 'socketpair', 'unix', 'tcp'])('a %s without frames is as it was', kind => {
  const { traits, options } = plan({ kind }).plan.links['data']!
  expect([traits.keepsBoundaries, options['frame']]).toEqual([false, null])
  expect(plan({ kind, frame: 'plain' }).plan.links['data']!.traits.keepsBoundaries).toBe(true)
})

describe('is refused, and told what to do:', () => {
  test.each([
    [{ kind: 'pipe', maxFrame: '1MiB' }, /maxFrame.*means nothing without `frame`/],
    [{ kind: 'tcp', codec: 'json' }, /codec.*means nothing without `frame`/],
    [
      { kind: 'pipe', frame: 'checked', maxFrame: 32 },
      /maxFrame.*more than the 32 bytes of a header, and at most 1GiB/,
    ],
    [{ kind: 'pipe', frame: 'checked', maxFrame: '2GiB' }, /maxFrame.*at most 1GiB/],
    [{ kind: 'socketpair', type: 'seqpacket', frame: 'checked' }, /frame.*messages are whole without it/],
    [{ kind: 'socketpair', type: 'dgram', codec: 'json' }, /codec.*messages are whole without it/],
    [{ kind: 'unix', type: 'dgram', frame: 'plain' }, /frame.*messages are whole without it/],
    [{ kind: 'pipe', frame: 'yes' }, /frame/],
  ])('%j', (link, message) => {
    expect(refusalOf(() => plan(link))).toMatch(message)
  })

  test.each(['pipe', 'fifo'])('several writers of large frames, or several readers, of a %s', kind => {
    const writers = { one: writer, two: writer, reader }
    expect(refusalOf(() => plan({ kind, frame: 'checked' }, writers))).toMatch(
      /data\.maxFrame.*at most 4096 for 2 writers.*"ring".*"seqpacket"/,
    )
    expect(() => plan({ kind, frame: 'checked', maxFrame: 4096 }, writers)).not.toThrow()
    const readers = { writer, one: reader, two: reader }
    expect(refusalOf(() => plan({ kind, frame: 'checked' }, readers))).toMatch(/2 readers.*parts of frames.*"ring"/)
    expect(refusalOf(() => plan({ kind, frame: 'checked', readers: 'shared' }, readers))).toMatch(/2 readers/)
  })
})

test('an end has the type of frames where its link has them', () => {
  const config = defineConfig({
    links: {
      bytes: { kind: 'tcp' },
      flow: { kind: 'pipe', frame: 'checked' },
      talk: { kind: 'socketpair', frame: 'plain' },
      api: { kind: 'unix', frame: 'checked', codec: 'json' },
    },
  })
  type Given = typeof config
  expectTypeOf<EndOf<Given, 'flow'>>().toEqualTypeOf<FrameReader | FrameWriter>()
  expectTypeOf<EndOf<Given, 'talk'>>().toEqualTypeOf<FrameConnection>()
  expectTypeOf<EndOf<Given, 'api'>>().toEqualTypeOf<FrameConnection | FrameServer>()
  expectTypeOf<Extract<EndOf<Given, 'bytes'>, { torn: number }>>().toBeNever()
  expect(config.links.api.frame).toBe('checked')
})
