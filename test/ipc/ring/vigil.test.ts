/** What a reader that waits tells its writers, and whom it serves when it is rung. */
import { closeSync } from 'node:fs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { MessageSource } from '../../../src/ipc/message-iteration.js'
import type { Message } from '../../../src/ipc/messages.js'
import type { Reader } from '../../../src/ipc/ring/reader.js'
import type { Attachment } from '../../../src/ipc/ring-attachment.js'
import { RingVigil } from '../../../src/ipc/ring-vigil.js'
import { WaitingReceivers } from '../../../src/ipc/waiting-receivers.js'
import { createLoop } from '../../../src/platform/index.js'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

function makeVigil() {
  const reader = { watch: vi.fn(), wake: vi.fn(), hasNext: () => true, isHeldUp: false }
  const ownBell = createLoop()
  const vigil = new RingVigil(reader as unknown as Reader, { ownBell, bells: [] } as unknown as Attachment)
  closing.push(() => {
    vigil.close()
    closeSync(ownBell)
  })
  return { reader, vigil }
}

describe('a reader that looks again and again', () => {
  test('says so once, as long as each message is one that it looked for', () => {
    const { reader, vigil } = makeVigil()
    for (let message = 0; message < 5; message++) {
      expect(vigil.lookAgain()).toBe(true)
      vigil.noteTaken()
    }
    expect(reader.watch).toHaveBeenCalledTimes(1)
    expect(reader.wake).not.toHaveBeenCalled()
  })

  test('takes that back when there is more than it looked for, so that messages are published together', () => {
    const { reader, vigil } = makeVigil()
    vigil.lookAgain()
    for (let message = 0; message < 3; message++) vigil.noteTaken()
    expect(reader.wake).toHaveBeenCalledTimes(1)
    vigil.lookAgain()
    expect(reader.watch).toHaveBeenCalledTimes(2)
  })
})

/** Messages come by `arrive`; whoever looks for one before finds nothing. */
function makeSource(wait: (hasCome: () => void) => Promise<boolean>) {
  const messages: number[] = []
  const source = {
    has: () => messages.length > 0,
    take: () => (messages.shift() ?? null) as unknown as Message,
    lookAgain: () => false,
    wait,
    stopWaiting: vi.fn(),
    isOpen: () => true,
  }
  return { messages, source, line: new WaitingReceivers(source as unknown as MessageSource<unknown>) }
}

describe('those who wait for a message', () => {
  test('are served as soon as a bell is heard, before the wait is over', async () => {
    let hear = () => {}
    const { messages, source, line } = makeSource(hasCome => {
      hear = hasCome
      return new Promise(() => {})
    })
    const received = [line.receive(undefined), line.receive(undefined)]
    messages.push(1)
    hear()
    expect(await received[0]).toBe(1)
    expect(source.stopWaiting).not.toHaveBeenCalled()
    messages.push(2)
    hear()
    expect(await received[1]).toBe(2)
    expect(source.stopWaiting).toHaveBeenCalledTimes(1)
  })

  test('are told what is broken by the wait, not by a bell that was heard before', async () => {
    const broken = new Error('corrupt')
    let hear = () => {}
    let fail = (_: Error) => {}
    const { source, line } = makeSource(hasCome => {
      hear = hasCome
      return new Promise((_, reject) => {
        fail = reject
      })
    })
    const received = line.receive(undefined)
    source.has = () => {
      throw broken
    }
    expect(hear).not.toThrow()
    fail(broken)
    await expect(received).rejects.toBe(broken)
  })

  test('let the event loop have its turns, though each message comes just after they looked', async () => {
    const { messages, line } = makeSource(async () => {
      messages.push(1)
      return true
    })
    let hasTurned = false
    setImmediate(() => {
      hasTurned = true
    })
    const endsAt = performance.now() + 10_000
    while (!hasTurned && performance.now() < endsAt) await line.receive(undefined)
    expect(hasTurned).toBe(true)
  })

  test('let the event loop have its turns, however many are served when a bell is heard', async () => {
    let hear = () => {}
    let goOn = (_: boolean) => {}
    const { messages, source, line } = makeSource(hasCome => {
      hear = hasCome
      return new Promise(resolve => {
        goOn = resolve
      })
    })
    source.take = () => {
      for (const endsAt = performance.now() + 0.2; performance.now() < endsAt; );
      return messages.shift() as unknown as Message
    }
    source.stopWaiting.mockImplementation(() => goOn(true))
    const all = Array.from({ length: 100 }, () => line.receive(undefined))
    messages.push(...all.keys())
    hear()
    expect(messages.length).toBeGreaterThan(50)
    goOn(true)
    expect(await Promise.all(all)).toEqual(all.map((_, number) => number))
  })

  test('may leave from the back while others are served from the front', { timeout: 50_000 }, async () => {
    // Large enough that a look through all of them for each would take longer.
    const many = 300_000
    let hear = () => {}
    const { messages, line, source } = makeSource(hasCome => {
      hear = hasCome
      return new Promise(() => {})
    })
    const leave: (() => void)[] = []
    let removed = 0
    // What a signal of Node's costs itself would be most of it.
    const signal = {
      addEventListener: (_: string, listener: () => void) => leave.push(listener),
      removeEventListener: () => removed++,
      reason: 'left',
    } as unknown as AbortSignal
    const ends = Promise.allSettled(Array.from({ length: many }, () => line.stand(signal)))
    for (let pairs = 0; pairs < many / 2; pairs++) {
      leave.pop()!()
      messages.push(pairs)
      while (messages.length > 0) hear()
    }
    const all = await ends
    const expected = (index: number) => (index < many / 2 ? index : 'left')
    const got = all.map(end => (end.status === 'fulfilled' ? end.value : end.reason))
    expect(got.findIndex((one, index) => one !== expected(index))).toBe(-1)
    expect(removed).toBe(many / 2)
    expect(line.isEmpty).toBe(true)
    expect(source.stopWaiting).toHaveBeenCalledTimes(1)
  })
})
