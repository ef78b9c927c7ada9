/** The items of a result that is a stream, no faster than its caller takes them. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { done, encodeFailure, encodeShort } from './perform.js'
import type { RunningCall } from './running-call.js'
import { refuseEncoding } from './values.js'

/** How many items may still go. */
export interface Credit {
  add(items: number): void
  /** Takes one; resolves false when the caller is gone. */
  take(): Promise<boolean>
  /** What `promise` comes to; null: the caller was gone before. One at a time. */
  orGone<Result>(promise: Promise<Result>): Promise<Result | null>
  end(): void
}

/** A call that somebody at this connection waits for. */
export interface Answering {
  call: RunningCall | null
  credit: Credit | null
}

export function createCredit(first: number): Credit {
  let items = Number.isFinite(first) ? first : 0
  let isOver = false
  let wake: (() => void) | null = null
  let giveUp: (() => void) | null = null
  return {
    add: more => {
      if (Number.isFinite(more)) items += more
      wake?.()
    },
    take: async () => {
      while (items < 1 && !isOver) await new Promise<void>(resolve => (wake = resolve))
      items -= 1
      return !isOver
    },
    // Not a race with one promise for all: that would keep something of every item until the end.
    orGone: promise =>
      new Promise((resolve, reject) => {
        giveUp = () => resolve(null)
        promise.then(resolve, reject)
        if (isOver) giveUp()
      }),
    end: () => {
      isOver = true
      wake?.()
      giveUp?.()
    },
  }
}

/** Resolves when what was said is written; null: it is. */
export type AwaitRoom = () => Promise<void> | null

/** So many items go at most before others have their turn, however fast they are made. */
const itemsPerTurn = 64

/** @returns the last line: `done`, or an error; null: the caller went away, and the stream was told */
export async function answerStream(
  stream: AsyncIterable<unknown>,
  { credit }: Answering,
  send: (text: string) => void,
  awaitRoom: AwaitRoom,
): Promise<string | null> {
  let iterator: AsyncIterator<unknown> | null = null
  let sent = 0
  try {
    iterator = stream[Symbol.asyncIterator]()
    while (await credit!.take()) {
      const next = await credit!.orGone(Promise.resolve(iterator.next()))
      if (next === null) break
      if (next.done) return done
      send(`{"item":${encodeItem(next.value)}}`)
      if (++sent % itemsPerTurn > 0) continue
      // A caller that allows more than it reads would have all of it wait in the memory.
      await credit!.orGone(awaitRoom() ?? nextTurn())
    }
  } catch (error) {
    endEarly(iterator)
    return encodeFailure(error)
  }
  endEarly(iterator)
  return null
}

/** Not waited for: a generator that waits for something itself would not be told before. */
function endEarly(iterator: AsyncIterator<unknown> | null): void {
  ;(async () => iterator?.return?.())().catch(() => {})
}

function encodeItem(value: unknown): string {
  try {
    return encodeShort(value, 'it')
  } catch (error) {
    throw refuseEncoding('An item of the stream cannot be sent', error)
  }
}
