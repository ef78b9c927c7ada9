// One side of the torture of a ring, killed at any time. What a message has in it follows from the seed, its writer and
// its sequence.
// `write SEED LARGEST LEAST FILE`: sends until it has sent LEAST messages (over all incarnations) and there is a file
// `enough`; then says how many in FILE.
// `read SEED LARGEST FILE`: receives to the end, checks each message, and says in FILE what came, before it acknowledges.
import { appendFileSync, closeSync, existsSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { link } from '../../../src/child/index.js'
import type { Message } from '../../../src/ipc/messages.js'
import type { RingReader, RingWriter } from '../../../src/ipc/ring-end.js'

const [action, seedText, largestText, ...rest] = process.argv.slice(2)
const seed = Number(seedText)
const largest = Number(largestText)

/** Evenly spread numbers of 32 bits. */
function scramble(number: number): number {
  let state = Math.imul(number ^ (number >>> 16), 0x21f0_aaad)
  state = Math.imul(state ^ (state >>> 15), 0x735a_2d97)
  return (state ^ (state >>> 15)) >>> 0
}

const noise = Buffer.alloc(2 ** 20)
for (let at = 0; at < noise.length; at += 4) noise.writeUInt32LE(scramble(at + seed), at)

/** Most are small, one in eight is larger, and one in a thousand of any size. */
function payloadOf(writer: number, sequence: number): Buffer {
  const key = scramble(scramble(sequence + seed) + writer)
  const most = key % 1009 === 0 ? largest : key % 8 === 0 ? 2000 : 64
  const length = (key >>> 8) % (Math.min(most, largest) + 1)
  const start = scramble(key) % (noise.length - length)
  return noise.subarray(start, start + length)
}

async function write(least: number, file: string): Promise<void> {
  const ring = await link<RingWriter<Uint8Array>>('data')
  const writer = Number(process.env['WRITER'])
  const isEnough = (): boolean => ring.sent >= least && ring.sent % 1000 === 0 && existsSync('enough')
  while (!isEnough()) {
    const sequence = ring.sent + 1
    const payload = payloadOf(writer, sequence)
    const way = scramble(sequence) % 64
    if (way === 0) await ring.send(payload)
    else if (way === 1) {
      const reserved = (await ring.reserve(payload.length))!
      reserved.set(payload)
      ring.commit()
    } else if (!ring.trySend(payload)) await ring.send(payload)
    if (scramble(sequence + 1) % 20_000 === 0) await delay(1)
  }
  ring.close()
  writeFileSync(file, String(ring.sent))
}

async function read(file: string): Promise<void> {
  const ring = await link<RingReader>('data')
  const isShared = process.env['MODE'] === 'share'
  const seen = new SeenFile(file, isShared)
  for await (const batch of ring.batches()) {
    for (const message of batch) {
      if (!message.bytes.equals(payloadOf(message.writer, message.sequence))) fail('torn', message)
      if (!seen.add(message)) fail('lost', message)
    }
    seen.save()
  }
  ring.close()
}

/**
 * What a reader has handled. Where all comes to one reader: the last sequence of each writer; where it is shared, all
 * that came: lines `WRITER FIRST LAST`.
 */
class SeenFile {
  readonly #last = new Float64Array(32)
  readonly #runs: string[] = []
  #run: { writer: number; first: number; last: number } | null = null

  constructor(
    private readonly file: string,
    private readonly isShared: boolean,
  ) {
    if (isShared || !existsSync(file)) return
    const descriptor = openSync(file, 'r')
    readSync(descriptor, this.#last)
    closeSync(descriptor)
  }

  /** False: messages before this one did not come. */
  add({ writer, sequence }: Message): boolean {
    if (this.isShared) return this.#extend(writer, sequence)
    const last = this.#last[writer]!
    if (sequence > last + 1) return false
    if (sequence === last + 1) this.#last[writer] = sequence
    return true
  }

  save(): void {
    if (this.isShared) {
      this.#endRun()
      appendFileSync(this.file, this.#runs.splice(0).join(''))
      return
    }
    const descriptor = openSync(this.file, existsSync(this.file) ? 'r+' : 'w')
    // In one call, which a kill does not divide.
    writeSync(descriptor, this.#last, 0, undefined, 0)
    closeSync(descriptor)
  }

  #extend(writer: number, sequence: number): true {
    if (this.#run?.writer === writer && this.#run.last === sequence - 1) this.#run.last = sequence
    else {
      this.#endRun()
      this.#run = { writer, first: sequence, last: sequence }
    }
    return true
  }

  #endRun(): void {
    if (this.#run !== null) this.#runs.push(`${this.#run.writer} ${this.#run.first} ${this.#run.last}\n`)
    this.#run = null
  }
}

function fail(what: string, { writer, sequence }: Message): never {
  writeSync(2, `${what}: message ${sequence} of writer ${writer}\n`)
  writeFileSync('failed', `${what}: message ${sequence} of writer ${writer}`)
  process.exit(0)
}

if (action === 'write') await write(Number(rest[0]), rest[1]!)
else await read(rest[0]!)
