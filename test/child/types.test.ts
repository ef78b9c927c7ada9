/** The types of `ipcsup/child` come from the config. */
import type { Readable, Writable } from 'node:stream'
import { expect, expectTypeOf, test } from 'vitest'
import { type EndOf, type LinkName, link, linksOf, type RingReader, type RingWriter } from '../../src/child/index.js'
import { defineConfig } from '../../src/index.js'
import type { MessageEndpoint } from '../../src/ipc/message-endpoint.js'

const config = defineConfig({
  links: {
    lines: { kind: 'pipe', capacity: '1MiB' },
    talk: { kind: 'socketpair', type: 'seqpacket' },
    api: { kind: 'unix', type: 'seqpacket' },
    records: { kind: 'ring' },
    values: { kind: 'ring', codec: 'json' },
  },
})
type Given = typeof config

test('a link has the type of its kind, by its name in the config', () => {
  expectTypeOf<LinkName<Given>>().toEqualTypeOf<'lines' | 'talk' | 'api' | 'records' | 'values'>()
  expectTypeOf<EndOf<Given, 'lines'>>().toEqualTypeOf<Readable | Writable>()
  expectTypeOf<MessageEndpoint>().toExtend<EndOf<Given, 'talk'>>()
  expectTypeOf<Extract<EndOf<Given, 'api'>, { send: unknown }>>().toEqualTypeOf<MessageEndpoint>()
  const open = linksOf<Given>()
  const asked = () => [
    expectTypeOf(link<Given, 'lines'>('lines')).resolves.toEqualTypeOf<Readable | Writable>(),
    expectTypeOf(open('lines')).resolves.toEqualTypeOf<Readable | Writable>(),
    expectTypeOf(link<Given>('lines')).resolves.toEqualTypeOf<
      EndOf<Given, 'lines' | 'talk' | 'api' | 'records' | 'values'>
    >(),
    expectTypeOf(link<MessageEndpoint>('talk')).resolves.toEqualTypeOf<MessageEndpoint>(),
    expectTypeOf(link('talk')).resolves.toEqualTypeOf<unknown>(),
    // @ts-expect-error: no such link
    link<Given>('line'),
    // @ts-expect-error: no such link
    open('line'),
  ]
  expect(asked).toBeTypeOf('function')
})

test('a program that ipcsup did not start is told so', async () => {
  await expect(link<Given>('lines')).rejects.toMatchObject({ code: 'IPCSUP_ERR_NO_SUCH_END' })
})

test('a ring is its writer or its reader, of what its codec takes and gives', () => {
  expectTypeOf<EndOf<Given, 'records'>>().toEqualTypeOf<RingWriter<string | Uint8Array> | RingReader<string | Buffer>>()
  expectTypeOf<EndOf<Given, 'values'>>().toEqualTypeOf<RingWriter<unknown> | RingReader<unknown>>()
  const asked = () => [
    expectTypeOf(link<RingWriter<{ id: number }>>('records')).resolves.toEqualTypeOf<RingWriter<{ id: number }>>(),
    expectTypeOf<RingWriter<string>['send']>().parameter(0).toEqualTypeOf<string>(),
  ]
  expect(asked).toBeTypeOf('function')
})
