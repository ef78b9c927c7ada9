/** One connection of an instance: what its caller says, and the answers. */
import { allowedBy, CallDesk, type Host } from './call-desk.js'
import { openTransport } from './line-transport.js'
import { reach } from './steps.js'
import type { Items, Listener, Received, Transport } from './transport.js'
import { type CallId, nameMembers, shortLines } from './wire.js'

/** What it tells the instance. */
export interface SessionOwner {
  /** Some lines were dealt with. */
  readonly onBatch: () => void
  readonly onClose: (session: Session) => void
}

export class Session implements Listener {
  readonly shortItems = shortLines.call
  readonly #host: Host
  readonly #owner: SessionOwner
  readonly #transport: Transport
  readonly #desk: CallDesk
  #wantsReceipts = false
  #isTellingReceipt = false
  /** Lines whose receipt could not be told yet. */
  #held: Items | null = null
  #isOpen = true
  /** Streams that wait until what they have said is written. */
  #onRoom: (() => void)[] = []

  /** @param descriptor - of the connection; belongs to the session */
  constructor(descriptor: number, host: Host, owner: SessionOwner) {
    this.#host = host
    this.#owner = owner
    this.#desk = new CallDesk(
      host,
      {
        say: (id, reply) => this.#answer(id, reply),
        sayValue: (id, value) => this.#answerValue(id, value),
      },
      () => this.#awaitRoom(),
    )
    this.#transport = openTransport(descriptor, this)
  }

  onReadable(): void {
    reach('call arrived, not read')
  }

  /** Who was answered calls again soon. */
  isExpecting(): boolean {
    return this.#host.load.outstanding === 0
  }

  onWritten(): void {
    if (!this.#isTellingReceipt) reach('reply written')
  }

  onLines(lines: Items): void {
    reach('call read, receipt not told')
    if (!this.#tellReceipt(lines)) {
      this.#held = lines
      this.#transport.pause()
      return
    }
    this.#take(lines)
  }

  /** false: it is not where the caller can read it yet, so nothing may begin. */
  #tellReceipt(lines: Items): boolean {
    const [first] = lines
    if (typeof first === 'object' && 'hello' in first!) this.#greet(first.hello)
    if (!this.#wantsReceipts) return true
    const last = findLastCall(lines)
    if (last === undefined) return true
    this.#isTellingReceipt = true
    this.#transport.send(`{"took":${JSON.stringify(last)}}\n`)
    const isTold = this.#transport.flush()
    this.#isTellingReceipt = false
    return isTold
  }

  #greet(hello: unknown): void {
    const { process = null, took } = (hello ?? {}) as { readonly process?: unknown; readonly took?: unknown }
    this.#desk.caller = typeof process === 'string' ? process : null
    this.#wantsReceipts = took === true
  }

  #take(lines: Items): void {
    reach('receipt told, before the handler')
    for (let at = 0; at < lines.length && this.#isOpen; at++) {
      const item = lines[at]
      if (typeof item === 'number') this.#desk.beginShort(item, lines[++at], lines[++at])
      else this.#handle(item as Received)
    }
    this.#owner.onBatch()
    // Who does not read its answers is not asked for more.
    if (!this.#transport.flush()) this.#transport.pause()
  }

  /** null: there is room. It never resolves for who is gone: of that streams are told. */
  #awaitRoom(): Promise<void> | null {
    if (this.#transport.flush()) return null
    return new Promise(resolve => this.#onRoom.push(resolve))
  }

  onDrain(): void {
    for (const proceed of this.#onRoom.splice(0)) proceed()
    const held = this.#held
    this.#held = null
    if (held !== null) this.#take(held)
    this.#transport.resume()
  }

  #handle(line: Received): void {
    if ('call' in line) this.#begin(line)
    else if ('more' in line) this.#desk.allow(line['id'] as CallId, allowedBy(line))
    else if ('cancel' in line) this.#desk.cancel(line['id'] as CallId)
    else if ('forget' in line) this.#forget(line['forget'])
    else if ('ring' in line) this.#transport.hearRing(line['ring'])
    else if (!('hello' in line)) this.#refuse(`this line says nothing that is known: it has ${nameMembers(line)}`)
  }

  #begin(line: Received): void {
    if (isCallId(line['id'])) this.#desk.begin(line as Received & { readonly id: CallId })
    else this.#refuse('a call has no id')
  }

  #answerValue(id: CallId, value: string | number): void {
    if (!this.#transport.takesShort || typeof id !== 'number') this.#answer(id, `{"value":${value}}`)
    else if (this.#isOpen) this.#transport.sendShort(id, null, value)
  }

  #answer(id: CallId, reply: string): void {
    if (!this.#isOpen) return
    this.#transport.send(`{"id":${typeof id === 'number' ? id : JSON.stringify(id)},${reply.slice(1)}\n`)
  }

  #forget(keys: unknown): void {
    const { store, isExactlyOnce } = this.#host
    if (!isExactlyOnce || store === null || !Array.isArray(keys)) return
    store.forget(keys.filter(key => typeof key === 'string'))
  }

  /** What does not follow the rules is told why, once. */
  #refuse(why: string): void {
    this.#complain(why)
    this.#transport.flush()
    this.close()
  }

  #complain(message: string): void {
    this.#transport.send(
      `${JSON.stringify({ error: { name: 'Error', message: `The connection ends: ${message}` } })}\n`,
    )
  }

  onEnd(why: Error | null): void {
    if (why !== null) this.#complain(why.message)
    this.#isOpen = false
    this.#held = null
    this.#desk.cancelAll()
    this.#owner.onClose(this)
  }

  /** Resolves when all answers are written, or nobody reads them. */
  async finish(): Promise<void> {
    if (this.#isOpen) await this.#transport.finish()
    this.close()
  }

  close(): void {
    if (!this.#isOpen) return
    this.onEnd(null)
    this.#transport.close()
  }
}

function findLastCall(lines: Items): unknown {
  let last: unknown
  for (let at = 0; at < lines.length; at++) {
    const item = lines[at]
    if (typeof item === 'number') {
      last = item
      at += shortLines.call - 1
    } else if ('call' in (item as Received) && isCallId((item as Received)['id'])) last = (item as Received)['id']
  }
  return last
}

/** Of anything else, the answer could not be said. */
const isCallId = (id: unknown): boolean => Number.isFinite(id) || typeof id === 'string'
