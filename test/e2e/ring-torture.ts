/** Rings under a real supervisor while both sides are killed at random moments. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { type Config, createSupervisor, type Supervisor } from '../../src/index.js'
import { bundleProgram } from '../support/bundle.js'
import { until } from '../support/conditions.js'

const program = bundleProgram(join(import.meta.dirname, '../ipc/drivers/ring-torture-half.ts'))

export interface Torture {
  readonly options: { readonly size: string; readonly readers?: 'each' | 'share'; readonly [option: string]: unknown }
  readonly writers: number
  readonly readers: number
  /** At least so many are sent, by all writers together. */
  readonly messages: number
  /** Of each side, at least. */
  readonly kills: number
  /** Of a message, in bytes. */
  readonly largest: number
}

export interface Outcome {
  readonly messages: number
  readonly kills: number
}

/** Fails when a message was lost, torn, or came twice with another sequence. */
export async function torture(
  { options, writers, readers, messages, kills, largest }: Torture,
  seed: number,
): Promise<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), 'ipcsup-ring-'))
  const random = makeRandom(seed)
  const restart = { policy: 'on-failure', initial: '1ms', max: '1ms', limit: 1_000_000 } as const
  const name = (side: string, index: number): string => `${side}${index}`
  const list = (side: string, count: number): string[] => Array.from({ length: count }, (_, index) => name(side, index))
  const least = Math.ceil(messages / writers)
  const planned = (side: string, words: string[], env: Record<string, string>) => ({
    command: [process.execPath, program, ...words],
    links: { data: side },
    env,
    restart,
  })
  const commands = {
    ...Object.fromEntries(
      list('write', writers).map((one, index) => [
        one,
        planned('write', ['write', String(seed), String(largest), String(least), `${one}.sent`], {
          WRITER: String(index),
        }),
      ]),
    ),
    ...Object.fromEntries(
      list('read', readers).map(one => [
        one,
        planned('read', ['read', String(seed), String(largest), `${one}.seen`], { MODE: options.readers ?? 'one' }),
      ]),
    ),
  }
  const supervisor = createSupervisor(
    {
      links: { data: { kind: 'ring', ...options } },
      processes: commands,
      logs: { directory: join(directory, 'logs') },
    } as Config,
    { directory },
  )
  try {
    await supervisor.start()
    const killed = await Promise.all(
      (['write', 'read'] as const).map(side =>
        killAtRandom(supervisor, list(side, side === 'write' ? writers : readers), kills, random, directory),
      ),
    )
    writeFileSync(join(directory, 'enough'), '')
    // What is held has no end before the stop.
    if (options['lifetime'] === 'hold') {
      const files = list('write', writers).map(one => join(directory, `${one}.sent`))
      await until('every writer is finished', () => files.every(file => existsSync(file)), 3_600_000)
      await supervisor.stop()
    }
    await supervisor.finished
    const failure = join(directory, 'failed')
    expect(existsSync(failure) ? readFileSync(failure, 'utf8') : 'nothing failed').toBe('nothing failed')
    const sent = list('write', writers).map(one => Number(readFileSync(join(directory, `${one}.sent`), 'utf8')))
    const seen = list('read', readers).map(one => join(directory, `${one}.seen`))
    if (options.readers === 'share')
      for (const [writer, count] of sent.entries()) expect(findGap(seen, writer, count)).toBeNull()
    else for (const file of seen) expect(readLast(file, writers)).toEqual(sent)
    return { messages: sent.reduce((sum, count) => sum + count, 0), kills: Math.min(...killed) }
  } finally {
    await supervisor.stop({ kill: true })
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A generator of numbers from 0 to 1: mulberry32. */
function makeRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Each life lasts 0 to 400 ms, of which the first 100 or so are its start. */
async function killAtRandom(
  supervisor: Supervisor,
  names: readonly string[],
  kills: number,
  random: () => number,
  directory: string,
): Promise<number> {
  let done = 0
  const work = async (name: string): Promise<void> => {
    let last: number | null = null
    while (done < kills && !existsSync(join(directory, 'failed'))) {
      const { pid } = await supervisor.process(name).status()
      if (pid === null || pid === last) {
        await delay(2)
        continue
      }
      await delay(random() * 400)
      last = pid
      if (kill(pid)) done++
    }
  }
  await Promise.all(names.map(work))
  return done
}

/** False: it has ended by itself, as one does that found something wrong. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}

function readLast(file: string, writers: number): number[] {
  const bytes = readFileSync(file)
  return Array.from({ length: writers }, (_, writer) => bytes.readDoubleLE(writer * 8))
}

/** The first sequence that no reader has; null: all from 1 to `last` came to somebody, and none beyond. */
function findGap(files: readonly string[], writer: number, last: number): number | null {
  const runs = files
    .filter(file => existsSync(file))
    .flatMap(file => readFileSync(file, 'utf8').split('\n').slice(0, -1))
    .map(line => line.split(' ').map(Number) as [number, number, number])
    .filter(([of]) => of === writer)
    .sort(([, one], [, other]) => one - other)
  let next = 1
  for (const [, first, end] of runs) {
    if (first > next) return next
    next = Math.max(next, end + 1)
  }
  return next === last + 1 ? null : next
}
