/** Those who wait until frames can be written: in order, however many, and not at the cost of anything else. */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { loadCodec } from '../../../src/ipc/codec.js'
import { FrameSender } from '../../../src/ipc/frames/sender.js'

/** A socket that takes the first write and no more, until it is told to go on. */
class SlowSocket extends EventEmitter {
  writes = 0
  writableLength = 1
  errored = null
  /** ms that each write takes. */
  costMs = 0
  private readonly callbacks: (() => void)[] = []

  write(_bytes: Uint8Array, callback: () => void): void {
    this.writes++
    this.callbacks.push(callback)
    for (const endsAt = performance.now() + this.costMs; performance.now() < endsAt; );
  }

  goOn(): void {
    this.writableLength = 0
    for (const callback of this.callbacks.splice(0)) callback()
  }
}

async function makeSender() {
  const socket = new SlowSocket()
  const settings = { isChecked: true, largestFrame: 4096, isAtomic: true, what: 'pipe', advice: '' }
  const sender = new FrameSender<string>(socket as unknown as Socket, { ...settings, codec: await loadCodec('bytes') })
  expect(sender.trySend('is being written')).toBe(true)
  return { socket, sender }
}

test('hundreds of thousands that wait cost no more for each than a few', { timeout: 30_000 }, async () => {
  const { socket, sender } = await makeSender()
  const all = Array.from({ length: 300_000 }, () => sender.send(''))
  socket.goOn()
  await Promise.all(all)
  expect(socket.writes).toBe(300_001)
})

test('the event loop has its turns while they are written one after another', async () => {
  const { socket, sender } = await makeSender()
  const all = Array.from({ length: 100 }, () => sender.send('x'))
  await new Promise(resolve => setImmediate(resolve))
  socket.costMs = 0.2
  const writesAtTurn = new Promise<number>(resolve => setImmediate(() => resolve(socket.writes)))
  socket.goOn()
  expect(await writesAtTurn).toBeLessThan(100)
  await Promise.all(all)
  expect(socket.writes).toBe(101)
})

test('who leaves the line is not sent, and those behind are, in their order', async () => {
  const { socket, sender } = await makeSender()
  const stop = new AbortController()
  const order: number[] = []
  const wait = (number: number, signal?: AbortSignal) =>
    sender.send('x', signal ? { signal } : {}).then(
      () => order.push(number),
      () => order.push(-number),
    )
  const all = [wait(1, stop.signal), wait(2), wait(3, stop.signal), wait(4)]
  stop.abort()
  await new Promise(resolve => setImmediate(resolve))
  all.push(wait(5))
  socket.goOn()
  await Promise.all(all)
  expect(order).toEqual([-1, -3, 2, 4, 5])
  expect(sender.trySend('x')).toBe(true)
})
