/** What handlers keep: named values and lists, all of it in memory, changed by transactions. */
import { IpcsupError } from '../../../errors.js'
import { decodeValue, encodeValue, refuseEncoding } from '../values.js'

export interface StoreReader {
  /** undefined: there is none. A copy: what is done to it changes nothing. */
  get(name: string): unknown
  has(name: string): boolean
  /** All names that begin with `prefix`, with their values, sorted. */
  entries(prefix?: string): readonly (readonly [name: string, value: unknown])[]
  /** What was appended, in order; empty when nothing was. */
  list(name: string): readonly unknown[]
}

/** What it changes others see when the call is done, and nobody if it fails. */
export interface Transaction extends StoreReader {
  /** @throws IPCSUP_ERR_CALL_ENCODING when it is nothing that can be kept */
  set(name: string, value: unknown): void
  delete(name: string): void
  /** Adds a value to the end of a list. Lists have names of their own, beside those of the values. */
  append(list: string, value: unknown): void
}

/** Values as JSON texts. */
export type Effect =
  | readonly ['set', name: string, text: string]
  | readonly ['delete', name: string]
  | readonly ['append', list: string, text: string]

/** For what stands around a change in its record. */
const aroundBytes = 16

export class State {
  readonly values = new Map<string, string>()
  readonly lists = new Map<string, string[]>()
  readonly #running = new Set<RunningTransaction>()

  /** @param call - for messages */
  begin(call: string, mostBytes: number): RunningTransaction {
    const transaction = new RunningTransaction(this, call, mostBytes, () => this.#running.delete(transaction))
    this.#running.add(transaction)
    return transaction
  }

  /** Reads what is committed. */
  get reader(): StoreReader {
    return new RunningTransaction(this, 'the store', 0, () => {})
  }

  /** Whoever has read what changes now has read it too early. */
  apply(effects: readonly Effect[]): void {
    for (const effect of effects) {
      const [type, name, text] = effect
      if (type === 'set') this.values.set(name, text)
      else if (type === 'delete') this.values.delete(name)
      else this.#append(name, text)
      for (const transaction of this.#running) transaction.notice(effect)
    }
  }

  /** All of it is void, and whatever was read of it. */
  clear(): void {
    this.values.clear()
    this.lists.clear()
    for (const transaction of this.#running) transaction.makeStale()
  }

  #append(list: string, text: string): void {
    const items = this.lists.get(list)
    if (items === undefined) this.lists.set(list, [text])
    else items.push(text)
  }
}

export class RunningTransaction implements Transaction {
  readonly #state: State
  readonly #call: string
  readonly #mostBytes: number
  readonly #leave: () => void
  #bytes = 0
  /** null: deleted. */
  readonly #changed = new Map<string, string | null>()
  readonly #appended = new Map<string, string[]>()
  readonly #effects: Effect[] = []
  readonly #read = new Set<string>()
  readonly #prefixes = new Set<string>()
  #isStale = false
  #isOver = false

  constructor(state: State, call: string, mostBytes: number, leave: () => void) {
    this.#state = state
    this.#call = call
    this.#mostBytes = mostBytes
    this.#leave = leave
  }

  get effects(): readonly Effect[] {
    return this.#effects
  }

  /** Something that it has read was changed since by another one. */
  get isStale(): boolean {
    return this.#isStale
  }

  notice([type, name]: Effect): void {
    if (type === 'append' ? this.#read.has(`list ${name}`) : this.#read.has(`value ${name}`)) this.#isStale = true
    if (type !== 'append') for (const prefix of this.#prefixes) if (name.startsWith(prefix)) this.#isStale = true
  }

  makeStale(): void {
    this.#isStale = true
  }

  /** No use of it any more. */
  end(): void {
    this.#isOver = true
    this.#leave()
  }

  get(name: string): unknown {
    const text = this.#find(name)
    return text === undefined ? undefined : decode(text)
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined
  }

  entries(prefix = ''): readonly (readonly [string, unknown])[] {
    this.#check()
    this.#prefixes.add(prefix)
    const names = new Set([...this.#state.values.keys(), ...this.#changed.keys()])
    return [...names]
      .filter(name => name.startsWith(prefix) && this.#find(name) !== undefined)
      .sort()
      .map(name => [name, this.get(name)] as const)
  }

  list(name: string): readonly unknown[] {
    this.#check()
    this.#read.add(`list ${name}`)
    return [...(this.#state.lists.get(name) ?? []), ...(this.#appended.get(name) ?? [])].map(decode)
  }

  set(name: string, value: unknown): void {
    this.#check()
    const text = encode(value, name)
    this.#note(['set', name, text])
    this.#changed.set(name, text)
  }

  delete(name: string): void {
    this.#check()
    this.#note(['delete', name])
    this.#changed.set(name, null)
  }

  append(list: string, value: unknown): void {
    this.#check()
    const text = encode(value, list)
    this.#note(['append', list, text])
    const items = this.#appended.get(list)
    if (items === undefined) this.#appended.set(list, [text])
    else items.push(text)
  }

  #note(effect: Effect): void {
    const [, name, text = ''] = effect
    const bytes = this.#bytes + Buffer.byteLength(name) + Buffer.byteLength(text) + aroundBytes
    if (bytes > this.#mostBytes) {
      const why = `it would have changed more than the ${this.#mostBytes} bytes that one record takes`
      throw new IpcsupError('IPCSUP_ERR_CALL_STORE', { call: this.#call, why, advice: 'Change less in one call.' })
    }
    this.#bytes = bytes
    this.#effects.push(effect)
  }

  #find(name: string): string | undefined {
    this.#check()
    const own = this.#changed.get(name)
    if (own !== undefined) return own ?? undefined
    this.#read.add(`value ${name}`)
    return this.#state.values.get(name)
  }

  #check(): void {
    if (this.#isOver) throw new IpcsupError('IPCSUP_ERR_CALL_STORE', { call: this.#call, ...callIsOver })
  }
}

const callIsOver = {
  why: 'its handler is done, and what it kept was recorded with its reply',
  advice: 'Use it before what the handler returns or resolves with.',
}

const decode = (text: string): unknown => decodeValue(JSON.parse(text))

function encode(value: unknown, name: string): string {
  try {
    return encodeValue(value, 'its value')
  } catch (error) {
    throw refuseEncoding(`"${name}" cannot be stored`, error)
  }
}
