/** How the ends of a ring wait: whom they wake, what they cost, and what they leave to others. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { lane, laneStart } from '../../../src/ipc/ring/layout.js'
import { bundleProgram } from '../../support/bundle.js'
import { until } from '../../support/conditions.js'
import { makeRing, type TestRing } from './test-ring.js'

const program = bundleProgram(join(import.meta.dirname, '../drivers/ring-half.ts'))

const closing: { close(): void }[] = []
afterEach(() => {
  for (const one of closing.splice(0).reverse()) one.close()
})

function ringOf(...given: Parameters<typeof makeRing>): TestRing {
  const ring = makeRing(...given)
  closing.push(ring)
  return ring
}

async function pairOf(...given: Parameters<typeof makeRing>) {
  const ring = ringOf(...given)
  const [writer, reader] = [await ring.writer<string>(), await ring.reader<string>()]
  closing.push(writer, reader)
  // To open an end rings those of the other side.
  for (const side of ['read', 'write'] as const) ring.isRung(side)
  return { ring, writer, reader }
}

describe('a bell', () => {
  test('is rung for a reader that sleeps, and for no other', async () => {
    const { ring, writer, reader } = await pairOf()
    await writer.send('nobody waits')
    expect(ring.isRung('read')).toBe(false)
    reader.tryReceive()
    const waiting = reader.receive()
    await until('it sleeps', () => ring.get(waitingWord) === 2)
    // Whoever is rung takes it in a later turn.
    writer.trySend('for one that sleeps')
    writer.flush()
    expect(ring.isRung('read')).toBe(true)
    // It did not hear that one: another message finds it awake, as far as the ring tells.
    await writer.send('again')
    expect(ring.isRung('read')).toBe(false)
    reader.close()
    await expect(waiting).rejects.toThrow(/closed/)
  })

  test('is rung for a writer that sleeps, and for no other', async () => {
    const { ring, writer, reader } = await pairOf()
    while (writer.trySend('x'.repeat(500)));
    writer.flush()
    reader.tryReceive()
    reader.ack()
    expect(ring.isRung('write')).toBe(false)
    while (writer.trySend('x'.repeat(500)));
    const waiting = writer.send('x'.repeat(500))
    await until('it sleeps', () => ring.get(laneStart(0) + lane.waiting) === 2)
    reader.tryReceive()
    reader.ack()
    await waiting
  })

  test('is rung for one that sleeps while its program takes what has just come, without waiting', async () => {
    const { ring, writer, reader } = await pairOf()
    const waiting = reader.receive()
    await until('it sleeps', () => ring.get(waitingWord) === 2)
    for (const text of ['first', 'second']) writer.trySend(text)
    writer.flush()
    // As if the writer had published them, and had not looked yet whether somebody sleeps.
    expect(ring.isRung('read')).toBe(true)
    ring.set(waitingWord, 2)
    expect([reader.tryReceive()?.text, reader.tryReceive()?.text]).toEqual(['first', 'second'])
    await writer.send('third')
    expect((await waiting)?.text).toBe('third')
  })

  test('is rung by who comes after one that published and ended before it rang', async () => {
    const ring = ringOf()
    const reader = await ring.reader<string>()
    closing.push(reader)
    const waiting = reader.receive()
    await until('it sleeps', () => ring.get(waitingWord) === 2)
    // A writer takes that back before it rings.
    ring.set(waitingWord, 0)
    const ended = await ring.writer<string>()
    // The sleeper was woken by that one, and sleeps again.
    await until('it sleeps', () => ring.get(waitingWord) === 2)
    ring.set(waitingWord, 0)
    ended.trySend('not rung')
    ended.close()
    closing.push(await ring.writer<string>())
    expect((await waiting)?.text).toBe('not rung')
  })

  test('that was rung to its limit is rung still, and nobody minds', async () => {
    const { ring, writer, reader } = await pairOf()
    const waiting = reader.receive()
    await until('it sleeps', () => ring.get(waitingWord) === 2)
    ring.fillBell('read')
    await writer.send('x')
    expect((await waiting)?.text).toBe('x')
  })
})

describe('a program that always finds something', () => {
  /** Counts what a timer of 1 ms gets to do, until it is 20; more where a step was held up. */
  async function countTurns(step: () => Promise<unknown>): Promise<void> {
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const endsAt = performance.now() + 10_000
    while (turns < 20 && performance.now() < endsAt) await step()
    clearInterval(timer)
    expect(turns).toBeGreaterThanOrEqual(20)
  }

  test('lets its timers run while it receives, one by one', async () => {
    const { writer, reader } = await pairOf()
    await countTurns(async () => {
      writer.trySend('x')
      writer.flush()
      await reader.receive()
      reader.ack()
    })
  })

  test('lets its timers run while it receives in a loop', async () => {
    const { writer, reader } = await pairOf()
    const messages = reader[Symbol.asyncIterator]()
    await countTurns(async () => {
      writer.trySend('x')
      writer.flush()
      await messages.next()
    })
  })

  test('lets its timers run while it receives in batches', async () => {
    const { writer, reader } = await pairOf()
    const batches = reader.batches()[Symbol.asyncIterator]()
    await countTurns(async () => {
      writer.trySend('x')
      writer.flush()
      for (const _ of (await batches.next()).value);
    })
  })

  test('lets its timers run while it sends', async () => {
    const { writer, reader } = await pairOf()
    await countTurns(async () => {
      await writer.send('x')
      reader.tryReceive()
      reader.ack()
    })
  })
})

describe('a program', () => {
  const run = (ring: TestRing, side: 'write' | 'read', ...words: string[]) =>
    spawn(process.execPath, [program, side, ...words], { stdio: ['ignore', 'pipe', 'inherit', ring.hand(side)] })

  test('that waits for a message is kept alive by that, and ends when it has it', async () => {
    const ring = ringOf()
    const writer = await ring.writer()
    closing.push(writer)
    const child = run(ring, 'read', 'receive')
    await until('it waits', () => ring.get(waitingWord) === 2)
    await writer.send('x')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('that waits no longer, or has not waited, is not kept alive', async () => {
    const ring = ringOf()
    expect(await once(run(ring, 'read', 'idle'), 'exit')).toEqual([0, null])
    expect(await once(run(ring, 'read', 'abort'), 'exit')).toEqual([0, null])
    expect(await once(run(ring, 'write', 'idle'), 'exit')).toEqual([0, null])
  })

  test('that ends while its bell rings ends well', async () => {
    const ring = ringOf()
    const writer = await ring.writer()
    closing.push(writer)
    const child = run(ring, 'read', 'rung')
    await until('it waits', () => ring.get(waitingWord) === 2)
    await writer.send('x')
    await once(child.stdout!, 'data')
    ring.fillBell('read')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('that ends by process.exit has published what it sent', async () => {
    const ring = ringOf()
    const child = run(ring, 'write', 'exit')
    expect(await once(child, 'exit')).toEqual([0, null])
    const reader = await ring.reader()
    closing.push(reader)
    expect((await reader.receive())?.text).toBe('last words')
  })

  test('that waits for a message takes no time of a processor', async () => {
    const ring = ringOf()
    const child = run(ring, 'read', 'receive')
    await until('it waits', () => ring.get(waitingWord) === 2)
    await until('it sleeps for long', () => sleepsLong(child.pid!))
    ring.finish('write')
    expect(await once(child, 'exit')).toEqual([0, null])
  })
})

/** Of the only reader of a ring with one writer. */
const waitingWord = 0x1000 + 512

/** Its loop is in a call of the kernel, epoll_pwait(set, events, most, timeout, …), for ever or for the seconds of a timer of V8's. */
function sleepsLong(pid: number): boolean {
  const [, , , , timeout] = readFileSync(`/proc/${pid}/syscall`, 'latin1').split(' ')
  if (timeout === undefined) return false
  const timeoutMs = BigInt.asIntN(32, BigInt(timeout))
  return timeoutMs === -1n || timeoutMs > 1000n
}

test.each([
  ['also from one who listens for that end', 'handler'],
  ['though somebody exits once more, who listens for that end', 'again'],
])('what a program sends in the turn in which it ends is there, %s', async (_, how) => {
  const ring = ringOf()
  const reader = await ring.reader<string>()
  closing.push(reader)
  const end = ring.hand('write')
  const data = { kind: 'ring', side: 'write', fd: 3, options: {} }
  const exiting = bundleProgram(join(import.meta.dirname, '../drivers/frame-exit.ts'))
  const child = spawn(process.execPath, [exiting, '3', '10', how], {
    env: { ...process.env, IPCSUP_LINKS: JSON.stringify({ data }) },
    stdio: ['ignore', 'inherit', 'inherit', end],
  })
  closeSync(end)
  expect(await once(child, 'exit')).toEqual([0, null])
  const values: (string | undefined)[] = []
  for (let count = 1; count <= 4; count++) values.push(reader.tryReceive()?.value.trim())
  expect(values).toEqual(['1 xxxxxxxx', '2 xxxxxxxx', '3 xxxxxxxx', undefined])
})
