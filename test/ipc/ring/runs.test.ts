import { expect, test } from 'vitest'
import { type Acknowledged, ReceivedRuns } from '../../../src/ipc/ring-runs.js'

/** Of three writers, a few of each at a time, in an order that is the same each time. */
function receive(count: number): Acknowledged[] {
  const sequences = [0, 0, 0]
  let [seed, writer] = [7, 0]
  return Array.from({ length: count }, () => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31
    const drawn = (seed >> 16) % 24
    if (drawn < 3) writer = drawn
    const sequence = ++sequences[writer]!
    return { writer, sequence, position: sequence * 16 }
  })
}

test('a message of which only its own writer is acknowledged needs no list, and the rest is as with one', () => {
  const [one, other] = [new ReceivedRuns(), new ReceivedRuns()]
  const messages = receive(500)
  let [taken, first] = [0, 0]
  for (const [index, message] of messages.entries()) {
    one.add(message.writer, message.position, message.sequence)
    other.add(message.writer, message.position, message.sequence)
    if (index % 3 === 0) continue
    // One of the last few, which may be acknowledged already.
    const acknowledged = messages[index - (index % 5)]!
    const expected = other.takeUpTo(acknowledged)
    if (one.takeFirst(acknowledged)) {
      first++
      expect(expected).toEqual([acknowledged])
    } else expect(one.takeUpTo(acknowledged)).toEqual(expected)
    taken++
  }
  expect(first).toBeGreaterThan(taken / 10)
})
