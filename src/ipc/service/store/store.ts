/** The store of an instance: what its handlers keep, and which calls it has done, in one file, so that both are one. */
import { closeSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { IpcsupError } from '../../../errors.js'
import { tryLockRange } from '../../../platform/index.js'
import { makeDirectories } from '../../make-directories.js'
import { syncDirectory } from './copy.js'
import { type Entry, Journal } from './journal.js'
import { Log } from './log.js'
import { type Effect, type RunningTransaction, State, type StoreReader } from './transaction.js'

/** One record of the file. Values are as they were encoded. */
interface StoredRecord {
  /** A call that was begun, whose effects are elsewhere. */
  readonly begun?: string
  /** A call that is done. */
  readonly key?: string
  readonly at?: number
  readonly reply?: unknown
  readonly effects?: readonly (readonly [Effect[0], string, unknown?])[]
  readonly forget?: readonly string[]
  readonly forgottenBefore?: number
}

export interface StoreOptions {
  readonly compactAtBytes?: number | undefined
  readonly mostReplies?: number | undefined
  /** Of all that one call changes. Default: 256 MiB. */
  readonly mostChangedBytes?: number | undefined
}

/** With its reply and its key, which are at most a line each, it can still be read again: a text of V8 has 512 MiB. */
const mostBytes = 256 * 1024 * 1024

export class Store {
  readonly #path: string
  readonly #lock: number
  readonly #state = new State()
  readonly #journal: Journal
  readonly #log: Log
  readonly #mostChangedBytes: number
  #closed: Promise<void> | null = null

  /**
   * Opens it, or makes it with its directory; nobody else can have it open.
   *
   * @throws IpcsupError `IPCSUP_ERR_SERVICE_STORE`
   */
  static async open(path: string, options: StoreOptions = {}): Promise<Store> {
    try {
      makeDirectories(dirname(path))
      const lock = takeLock(`${path}.lock`)
      try {
        const store = new Store(path, lock, options)
        await syncDirectory(dirname(path))
        return store
      } catch (error) {
        closeSync(lock)
        throw error
      }
    } catch (error) {
      throw refuse(path, error)
    }
  }

  private constructor(path: string, lock: number, options: StoreOptions) {
    const { compactAtBytes, mostReplies, mostChangedBytes = mostBytes } = options
    this.#path = path
    this.#mostChangedBytes = mostChangedBytes
    this.#lock = lock
    this.#journal = new Journal(mostReplies)
    this.#log = new Log(path, {
      take: payload => this.#replay(JSON.parse(payload)),
      reset: () => {
        this.#state.clear()
        this.#journal.clear()
      },
      snapshot: () => this.#snapshot(),
      compactAtBytes,
    })
    this.#journal.forgetOld(Date.now())
  }

  /** What is committed. */
  get reader(): StoreReader {
    return this.#state.reader
  }

  /** Bytes of a record that a crash had left half written. */
  get cutBytes(): number {
    return this.#log.cutBytes
  }

  /** They are in a file with `.cut` behind its name. */
  get isCutKept(): boolean {
    return this.#log.isCutKept
  }

  /** @param call - for messages */
  begin(call = 'a call'): RunningTransaction {
    this.check()
    return this.#state.begin(call, this.#mostChangedBytes)
  }

  /** @throws IpcsupError when the file could not be written: nothing can be recorded for now */
  check(): void {
    if (this.#log.failure !== null) throw refuse(this.#path, this.#log.failure)
  }

  find(key: string): Entry | undefined {
    return this.#journal.find(key)
  }

  mayHaveForgotten(madeMs: number): boolean {
    return this.#journal.mayHaveForgotten(madeMs)
  }

  /** Resolves when a call that is about to begin is known as begun, whatever happens. */
  recordBegun(key: string): Promise<void> {
    const atMs = Date.now()
    this.#journal.record(key, { reply: null, atMs })
    return this.#log.append(`{"begun":${JSON.stringify(key)},"at":${atMs}}`).catch(error => {
      throw refuse(this.#path, error)
    })
  }

  /**
   * Makes a call that is done durable: what it changed and what was replied, together. What it changed others see at
   * once; a crash before it resolves takes that back, and all that was built on it.
   *
   * @param reply - JSON of an object
   */
  record(key: string | null, reply: string, effects: readonly Effect[]): Promise<void> {
    const atMs = Date.now()
    this.#state.apply(effects)
    const parts = effects.length > 0 ? [`"effects":[${effects.map(showEffect).join(',')}]`] : []
    if (key !== null) {
      this.#journal.record(key, { reply, atMs })
      parts.push(`"key":${JSON.stringify(key)},"at":${atMs},"reply":${reply}`)
    }
    return parts.length > 0 ? this.#log.append(`{${parts.join(',')}}`) : this.#log.settle()
  }

  /** Their replies have arrived. */
  forget(keys: readonly string[]): void {
    this.#journal.acknowledge(keys)
    this.#log.append(JSON.stringify({ forget: keys })).catch(() => {})
  }

  /** Waits until all is durable. May be called again, also meanwhile: what has the numbers of its descriptors by then is another's. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#log.close()
    closeSync(this.#lock)
  }

  #replay(record: StoredRecord): void {
    if (record.effects) this.#state.apply(record.effects.map(readEffect))
    if (record.begun !== undefined) this.#journal.record(record.begun, { reply: null, atMs: record.at ?? 0 })
    if (record.key !== undefined)
      this.#journal.record(record.key, { reply: JSON.stringify(record.reply), atMs: record.at ?? 0 })
    if (record.forget) this.#journal.acknowledge(record.forget)
    if (record.forgottenBefore !== undefined) this.#journal.forgottenBeforeMs = record.forgottenBefore
  }

  /** Copies of what counts at this moment, each as a record once it is asked for. */
  #snapshot(): Iterable<string> {
    this.#journal.forgetOld(Date.now())
    const { values, lists } = this.#state
    return describe(
      [...values],
      [...lists].map(([name, items]) => [name, [...items]] as const),
      this.#journal.entries(),
      this.#journal.forgottenBeforeMs,
    )
  }
}

function* describe(
  values: readonly (readonly [string, string])[],
  lists: readonly (readonly [string, readonly string[]])[],
  entries: readonly (readonly [string, Entry])[],
  forgottenBeforeMs: number,
): Generator<string> {
  yield JSON.stringify({ forgottenBefore: forgottenBeforeMs })
  for (const [name, text] of values) yield `{"effects":[${showEffect(['set', name, text])}]}`
  for (const [name, items] of lists)
    for (const text of items) yield `{"effects":[${showEffect(['append', name, text])}]}`
  for (const [key, { reply, atMs }] of entries) {
    const named = JSON.stringify(key)
    yield reply === null ? `{"begun":${named},"at":${atMs}}` : `{"key":${named},"at":${atMs},"reply":${reply}}`
  }
}

function showEffect([type, name, text]: Effect): string {
  return `["${type}",${JSON.stringify(name)}${text === undefined ? '' : `,${text}`}]`
}

function readEffect([type, name, value]: readonly [Effect[0], string, unknown?]): Effect {
  return type === 'delete' ? [type, name] : [type, name, JSON.stringify(value)]
}

/** A file of its own, since the store's is replaced now and then. */
function takeLock(path: string): number {
  const descriptor = openSync(path, 'a', 0o600)
  if (tryLockRange(descriptor)) return descriptor
  closeSync(descriptor)
  throw new Error('another program has it open')
}

function refuse(path: string, error: unknown): IpcsupError {
  if (error instanceof IpcsupError && error.code === 'IPCSUP_ERR_SERVICE_STORE') return error
  return new IpcsupError('IPCSUP_ERR_SERVICE_STORE', { path, why: (error as Error).message }, { cause: error })
}
