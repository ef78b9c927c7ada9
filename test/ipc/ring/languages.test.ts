/** Programs of different languages at the two ends of one ring. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readProcess } from '../../../src/supervisor/host/proc.js'
import { settle, until } from '../../support/conditions.js'
import { createTestHost, type TestHost } from '../../support/host.js'
import { findLanguages } from '../languages.js'

const programs = findLanguages('ring')

/** 8 MiB. */
const records = 2048

async function withRing(options: object, sender: string[], ...receivers: string[][]): Promise<TestHost> {
  const reading = receivers.map((command, index) => [`receiver${index}`, { command, links: { data: 'read' } }])
  const host = createTestHost({
    links: { data: { kind: 'ring', ...options } },
    processes: { sender: { command: sender, links: { data: 'write' } }, ...Object.fromEntries(reading) },
  })
  await host.openAll()
  return host
}

const finishWriters = (host: TestHost): Promise<unknown> =>
  host.call({ type: 'release', link: 'data', generation: 1, side: 'write', reason: 'over' }, 'released')

test.for([
  ['Node', 'Node'],
  ['Node', 'C'],
  ['C', 'Node'],
  ['Node', 'Python'],
  ['Python', 'Node'],
  ['C', 'Python'],
  ['Python', 'C'],
] as const)(
  '8 MiB go whole and in order from %s to %s, and the end comes when the writers are finished',
  async ([from, to], { skip }) => {
    const [sender, receiver] = [programs[from], programs[to]]
    if (!sender || !receiver) return skip('there is no C compiler')
    // All the messages do not fit: both sides wait for each other many times.
    await using host = await withRing(
      { size: '64KiB' },
      [...sender('send-records'), '1', String(records)],
      receiver('receive-records'),
    )
    await host.spawn('receiver0')
    expect((await host.run('sender')).exit).toEqual({ code: 0 })
    expect(host.events.filter(({ type }) => type === 'exited')).toHaveLength(1)
    await finishWriters(host)
    expect((await host.exited('receiver0')).exit).toEqual({ code: 0 })
    expect(await host.text('receiver0')).toBe(`${records} whole\n`)
  },
)

test('every reader gets all, whatever its language', async () => {
  const readers = (['Node', 'C', 'Python'] as const).flatMap(name =>
    programs[name] ? [programs[name]('receive-records')] : [],
  )
  await using host = await withRing(
    { size: '64KiB', readers: 'each' },
    [...programs.Node!('send-records'), '1', String(records)],
    ...readers,
  )
  for (const index of readers.keys()) await host.spawn(`receiver${index}`)
  await host.run('sender')
  await finishWriters(host)
  for (const index of readers.keys()) {
    await host.exited(`receiver${index}`)
    expect(await host.text(`receiver${index}`)).toBe(`${records} whole\n`)
  }
})

test.for(['Node', 'C', 'Python'] as const)(
  'a slow reader holds a writer in %s back, asleep and with flat memory',
  async (from, { skip }) => {
    const sender = programs[from]
    if (!sender) return skip('there is no C compiler')
    const receiver = [
      '/bin/sh',
      '-c',
      `while ! test -e go; do sleep 0.01; done; exec ${programs.Node!('receive-records').join(' ')}`,
    ]
    await using host = await withRing({ size: '64KiB' }, [...sender('send-records'), '1', String(records)], receiver)
    const { pid } = await host.spawn('sender')
    await host.spawn('receiver0')
    await until('the ring is full', async () => ((await host.host.inspectLinks())['data']!.queuedBytes ?? 0) > 55_000)
    await until('the writer sleeps', () => readProcess(pid)?.state === 'S')
    await settle(() => usageOf(pid))
    const { queuedBytes, capacityBytes } = (await host.host.inspectLinks())['data']!
    expect(queuedBytes).toBeLessThanOrEqual(capacityBytes!)
    writeFileSync(join(host.directory, 'go'), '')
    expect((await host.exited('sender')).exit).toEqual({ code: 0 })
    await finishWriters(host)
    await host.exited('receiver0')
    expect(await host.text('receiver0')).toBe(`${records} whole\n`)
  },
)

/** Clock ticks of CPU time. */
function usageOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')
  return Number(fields[11]) + Number(fields[12])
}
