/** What is lost of the streams when nobody reads them any more: the main thread's side of it. */
import { closeSync, fstatSync } from 'node:fs'
import { countQueuedBytes } from '../../platform/index.js'
import type { LogStream } from './logs.js'
import { StreamAccount } from './stream-account.js'

/** Bytes by stream, such as `web.stdout`. 0: some may be lost, nobody knows how many. */
export type Dropped = Readonly<Record<string, number>>

interface Row {
  readonly stream: LogStream
  readonly inode: number
  readonly account: StreamAccount
}

export class Accounts {
  readonly #rows = new Map<string, Row[]>()

  /** @returns what the worker is to be given with the stream */
  open(stream: LogStream): SharedArrayBuffer {
    const key = keyOf(stream)
    const account = new StreamAccount()
    // A process that is started again and again gets a new pipe each time.
    const former = this.#rows.get(key)?.filter(row => row.account.state !== 'done') ?? []
    this.#rows.set(key, [...former, { stream, inode: fstatSync(stream.descriptor).ino, account }])
    return account.memory
  }

  /** What is lost of the streams that the worker has and did not finish, should it do nothing any more. */
  countTaken(): Dropped {
    return sumByStream(this.#find('taken').map(row => [row.stream, row.account.heldBytes + countInPipe(row)]))
  }

  /** Closes the streams that the worker never came to. To be called once. @returns what is lost with them */
  closeUntaken(): Dropped {
    return closeUnread(this.#find('untaken').map(({ stream }) => stream))
  }

  #find(state: StreamAccount['state']): Row[] {
    return [...this.#rows.values()].flat().filter(({ account }) => account.state === state)
  }
}

/** Closes streams that nobody reads. @returns what is lost with them */
export function closeUnread(streams: readonly LogStream[]): Dropped {
  return onlyLosses(
    sumByStream(
      streams.map(stream => {
        const bytes = countQueuedBytes(stream.descriptor)
        closeSync(stream.descriptor)
        return [stream, bytes]
      }),
    ),
  )
}

/** Without the streams of which nothing is lost. */
export function onlyLosses(dropped: Dropped): Dropped {
  return Object.fromEntries(Object.entries(dropped).filter(([, bytes]) => bytes > 0))
}

function sumByStream(lost: readonly (readonly [LogStream, number])[]): Dropped {
  const sums: Record<string, number> = {}
  for (const [stream, bytes] of lost) sums[keyOf(stream)] = (sums[keyOf(stream)] ?? 0) + bytes
  return sums
}

const keyOf = ({ process, stream }: LogStream): string => `${process}.${stream}`

function countInPipe({ stream: { descriptor }, inode }: Row): number {
  return isStill(descriptor, inode) ? countQueuedBytes(descriptor) : 0
}

/** The worker closes a stream at its end: the number may be something else's by now, or nothing's. */
function isStill(descriptor: number, inode: number): boolean {
  try {
    return fstatSync(descriptor).ino === inode
  } catch {
    return false
  }
}
