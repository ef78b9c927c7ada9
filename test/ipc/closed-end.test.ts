/** What a program is told that uses an end after it has closed it, or waits there while it does: of every end of ours. */
import { rmSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { buildPlan } from '../../src/config/build-plan.js'
import type { Kind, LinkObject } from '../../src/ipc/kind.js'
import { kinds } from '../../src/ipc/kinds/index.js'
import { makeDirectory, makeWhere } from './support.js'

const clean: (() => void)[] = []

afterEach(() => {
  for (const act of clean.splice(0).reverse()) act()
})

type End = Readonly<Record<string, (...args: unknown[]) => unknown>>

interface Case {
  readonly link: { readonly kind: keyof typeof kinds; readonly [option: string]: unknown }
  readonly side: string
  /** That uses the end; each is called once it is closed. */
  readonly uses: readonly ((end: End) => unknown)[]
  /** That waits; it is called before. */
  readonly waits?: (end: End) => unknown
}

const bytes = Buffer.from('x')
const receive = (end: End): unknown => end['receive']!()
const send = (end: End): unknown => end['send']!(bytes)
const messages = { uses: [receive, end => end['tryReceive']!()], waits: receive } satisfies Partial<Case>
const sending = { uses: [send, end => end['trySend']!('x')] } satisfies Partial<Case>

const cases: readonly Case[] = [
  { link: { kind: 'ring' }, side: 'read', ...messages },
  {
    link: { kind: 'ring' },
    side: 'write',
    uses: [...sending.uses, end => end['tryReserve']!(1), end => end['commit']!()],
  },
  { link: { kind: 'pipe', frame: 'checked' }, side: 'read', ...messages },
  { link: { kind: 'pipe', frame: 'checked' }, side: 'write', ...sending },
  {
    link: { kind: 'unix', frame: 'checked' },
    side: 'listen',
    uses: [end => end['accept']!()],
    waits: end => end['accept']!(),
  },
  {
    link: { kind: 'unix', type: 'seqpacket' },
    side: 'listen',
    uses: [end => end['accept']!()],
    waits: end => end['accept']!(),
  },
  { link: { kind: 'unix', type: 'seqpacket' }, side: 'connect', uses: [send] },
  { link: { kind: 'socketpair', type: 'seqpacket' }, side: 'a', uses: [send] },
  { link: { kind: 'queue' }, side: 'read', uses: [receive], waits: receive },
  { link: { kind: 'event' }, side: 'wait', uses: [end => end['wait']!()], waits: end => end['wait']!() },
  { link: { kind: 'event' }, side: 'signal', uses: [end => end['signal']!()] },
  { link: { kind: 'shm', size: 4096 }, side: 'map', uses: [end => end['flush']!()] },
  { link: { kind: 'lock' }, side: 'use', uses: [end => end['tryHold']!(), end => end['hold']!(() => {})] },
  {
    link: { kind: 'semaphore', value: 0 },
    side: 'use',
    uses: [end => end['tryAcquire']!(), end => end['value']!(), end => end['release']!()],
    waits: end => end['acquire']!(),
  },
  { link: { kind: 'service' }, side: 'call', uses: [end => end['find']!(), end => end['call']!('add', [])] },
  { link: { kind: 'service' }, side: 'serve', uses: [end => end['serve']!({})] },
]

test.each(cases.map(one => [`${one.link.kind} ${JSON.stringify(one.link).slice(1, -1)}`, one.side, one] as const))(
  '%s at %s: its program has closed it, says the error, and names the link',
  async (_, side, { link, uses, waits }) => {
    const end = await open(link, side)
    const waiting = Promise.resolve(waits?.(end)).then(
      () => null,
      error => error,
    )
    end['close']!()
    const told = {
      code: 'IPCSUP_ERR_CLOSED',
      message: expect.stringContaining('The end of link "data" cannot be used'),
    }
    if (waits !== undefined) expect(await waiting).toMatchObject(told)
    for (const use of uses) await expect(Promise.resolve(end).then(use)).rejects.toMatchObject(told)
  },
)

async function open(link: Case['link'], side: string): Promise<End> {
  const directory = makeDirectory()
  clean.push(() => rmSync(directory, { recursive: true, force: true }))
  const { plan } = buildPlan({ links: { data: link } }, { kinds, directory, configPath: null, isEmbedded: true })
  const { options, sides, uses } = plan.links['data']!
  const kind: Kind = kinds[link.kind]
  const object: LinkObject = kind.create(options, makeWhere(directory, { uses }))
  clean.push(() => object.destroy())
  const descriptor = sides[side]!.descriptor ? object.take(side) : -1
  const end = (await kind.open({ link: 'data', descriptor, side, hint: object.hint() }, options)) as unknown as End
  clean.push(() => end['close']!())
  return end
}
