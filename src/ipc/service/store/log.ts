/**
 * Records become durable in groups: one write and one fdatasync for all that came while the one before was under way.
 *
 * When the file has grown it is written anew, with what still counts, beside the running work: the copy is filled first,
 * then both files are written until the copy is durable and has the name.
 */
import { closeSync, ftruncateSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { nextTick } from 'node:process'
import { reach } from '../steps.js'
import { beginCopy, type Copy, fillCopy, sync, syncDirectory, writeToCopy } from './copy.js'
import { encodeRecords, openRecords, readAgain, writeWhole } from './record-file.js'

/** Below this it is never written anew. */
const leastBytes = 4 * 1024 * 1024
/** It is when it has so many times the bytes that counted the last time. */
const growth = 4
/** After a write that failed nothing is tried for so long. */
const restMs = 1000

interface Group {
  readonly payloads: string[]
  readonly durable: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export interface LogOptions {
  /** Each record that is there already. */
  readonly take: (payload: string) => void
  /** Something was not written: all that was taken is void, and comes again as far as it is in the file. */
  readonly reset: () => void
  /** What counts now, as records. Taken when all that was appended is written. */
  readonly snapshot: () => Iterable<string>
  /** Default: 4 MiB. */
  readonly compactAtBytes?: number | undefined
}

export class Log {
  readonly cutBytes: number
  readonly isCutKept: boolean
  readonly #path: string
  readonly #take: (payload: string) => void
  readonly #reset: () => void
  readonly #snapshot: () => Iterable<string>
  readonly #leastBytes: number
  #descriptor: number
  #bytes: number
  #compactAt: number
  #copy: Copy | null = null
  #compaction: Promise<void> | null = null
  /** The copy is complete and has the name: to be done when no fdatasync is under way. */
  #takeCopy: (() => void) | null = null
  #group: Group | null = null
  #running: Promise<void> | null = null
  #failure: unknown = null
  #isClosed = false

  /** Throws what openRecords throws. */
  constructor(path: string, { take, reset, snapshot, compactAtBytes = leastBytes }: LogOptions) {
    const { descriptor, bytes, cutBytes, isCutKept } = openRecords(path, take)
    this.#path = path
    this.#take = take
    this.#reset = reset
    this.#snapshot = snapshot
    this.#leastBytes = compactAtBytes
    this.#compactAt = compactAtBytes
    this.#descriptor = descriptor
    this.#bytes = bytes
    this.cutBytes = cutBytes
    this.isCutKept = isCutKept
    // A copy that never got the name.
    rmSync(this.#copyPath, { force: true })
  }

  get #copyPath(): string {
    return `${this.#path}.new`
  }

  /** What makes it useless, for now or for good; null: nothing does. Then no record is taken. */
  get failure(): unknown {
    // Its descriptor may be that of something else by then.
    return this.#isClosed ? closed : this.#failure
  }

  /** Resolves when the record is durable, and all before it. */
  append(payload: string): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.failure)
    this.#group ??= createGroup()
    this.#group.payloads.push(payload)
    this.#running ??= this.#run()
    return this.#group.durable
  }

  /** Resolves when all that was appended is durable; rejects when that failed. */
  async settle(): Promise<void> {
    if (this.failure !== null) throw this.failure
    await (this.#group?.durable ?? this.#running)
    if (this.#failure !== null) throw this.#failure
  }

  async #run(): Promise<void> {
    await afterMicrotasks()
    for (let group = this.#group; group !== null; group = this.#group) {
      this.#group = null
      this.#takeCopy?.()
      try {
        this.#write(group.payloads)
        this.#compactIfGrown()
        await this.#sync()
        group.resolve()
      } catch (error) {
        this.#fail(error, group)
        break
      }
    }
    this.#running = null
    this.#takeCopy?.()
  }

  #write(payloads: readonly string[]): void {
    const copy = this.#copy
    try {
      const bytes = encodeRecords(payloads)
      writeWhole(this.#descriptor, bytes)
      if (copy?.late === null) writeToCopy(copy, bytes)
      else copy?.late.push(bytes)
      this.#bytes += bytes.length
    } catch (error) {
      ftruncateSync(this.#descriptor, this.#bytes)
      if (copy?.late === null) ftruncateSync(copy.descriptor, copy.bytes)
      this.#goBack(error)
      throw error
    }
    reach('record written, not durable')
  }

  /** Nothing of what failed is in the file: from what is there it can go on once there is room. */
  #goBack(error: unknown): void {
    this.#reset()
    readAgain(this.#descriptor, this.#bytes, this.#take)
    setTimeout(() => {
      if (this.#failure === error) this.#failure = null
    }, restMs).unref()
  }

  async #sync(): Promise<void> {
    const copy = this.#copy?.late === null ? this.#copy : null
    await Promise.all([sync(this.#descriptor), copy !== null && sync(copy.descriptor)])
  }

  #fail(error: unknown, group: Group): void {
    this.#failure = error
    group.reject(error)
    this.#group?.reject(error)
    this.#group = null
  }

  /** Only where all that was appended is written: then the snapshot is exactly what the file says. */
  #compactIfGrown(): void {
    if (this.#bytes < this.#compactAt || this.#compaction !== null || this.#group !== null) return
    const payloads = this.#snapshot()
    this.#compaction = this.#compact(payloads)
      .catch(() => this.#giveUpCopy())
      .finally(() => {
        this.#compaction = null
      })
  }

  async #compact(payloads: Iterable<string>): Promise<void> {
    const copy = beginCopy(this.#copyPath)
    this.#copy = copy
    await fillCopy(copy, payloads)
    reach('compaction: copy written, not renamed')
    renameSync(this.#copyPath, this.#path)
    reach('compaction: renamed')
    // Until the name is durable the old file may be what is found after a crash: both are written.
    await syncDirectory(dirname(this.#path)).catch(error => {
      this.#failure = error
    })
    await new Promise<void>(resolve => {
      this.#takeCopy = () => {
        this.#takeCopy = null
        this.#exchange(copy)
        resolve()
      }
      if (this.#running === null) this.#takeCopy()
    })
  }

  #exchange(copy: Copy): void {
    closeSync(this.#descriptor)
    this.#descriptor = copy.descriptor
    this.#bytes = copy.bytes
    this.#compactAt = Math.max(this.#leastBytes, growth * copy.bytes)
    this.#copy = null
  }

  /** The disk is full, most likely: the old file goes on. */
  #giveUpCopy(): void {
    if (this.#copy !== null) closeSync(this.#copy.descriptor)
    this.#copy = null
    rmSync(this.#copyPath, { force: true })
    this.#compactAt = 2 * this.#bytes
  }

  /** Waits for what is under way, and takes nothing any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#running
    await this.#compaction
    closeSync(this.#descriptor)
  }
}

const closed = new Error('the service was closed')

function createGroup(): Group {
  let resolve!: () => void
  let reject!: (error: unknown) => void
  const durable = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  // Who does not wait for it (a receipt that was forgotten) has nothing to do about it.
  durable.catch(() => {})
  return { payloads: [], durable, resolve, reject }
}

/** Resolves when all that is due in this turn of the program was done, so that it goes in one group. */
function afterMicrotasks(): Promise<void> {
  return new Promise(resolve => queueMicrotask(() => nextTick(resolve)))
}
