/** Clients of redis that count up by one again and again, and connect anew when their connection is gone. */
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { until } from './conditions.js'

export interface Counted {
  /** Increments that were sent. */
  readonly asked: number
  /** Of these, the ones that redis answered. */
  readonly confirmed: number
  /** What redis has at the end. */
  readonly stored: number
}

export interface Counters extends AsyncDisposable {
  /** Resolves when that many more were confirmed. */
  confirmed(more: number): Promise<void>
  stop(): Promise<Counted>
}

export function createCounters(path: string, clients: number): Counters {
  const counts = { asked: 0, confirmed: 0 }
  let isStopped = false
  /** One connection; resolves when it is over. */
  const session = (): Promise<void> =>
    new Promise(resolve => {
      const socket = connect({ path })
      const ask = (): void => {
        if (isStopped) return void socket.end()
        counts.asked++
        socket.write('INCR counter\r\n')
      }
      socket.setEncoding('latin1')
      socket.once('connect', ask)
      socket.on('data', (answer: string) => {
        // While it reads its file it answers -LOADING.
        if (answer.startsWith(':')) counts.confirmed++
        else counts.asked--
        ask()
      })
      socket.on('error', () => {})
      socket.once('close', () => resolve())
    })
  const run = async (): Promise<void> => {
    while (!isStopped) {
      await session()
      // Nobody is there until the next incarnation has made its socket.
      await delay(5)
    }
  }
  const all = Promise.all(Array.from({ length: clients }, run))
  const stop = async (): Promise<Counted> => {
    isStopped = true
    await all
    return { ...counts, stored: Number(/^\$\d+\r\n(\d+)/.exec(await ask(path, 'GET counter'))?.[1] ?? Number.NaN) }
  }
  return {
    confirmed: more => {
      const wanted = counts.confirmed + more
      return until(`${more} more than ${counts.confirmed} are confirmed`, () => counts.confirmed >= wanted)
    },
    stop,
    [Symbol.asyncDispose]: async () => {
      isStopped = true
      await all
    },
  }
}

/** One command on a connection of its own. */
function ask(path: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path })
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.once('error', reject)
    socket.once('close', () => resolve(text))
    socket.end(`${command}\r\nQUIT\r\n`)
  })
}
